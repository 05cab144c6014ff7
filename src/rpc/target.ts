/** One node, over whatever leads there: an address, or an object that somebody else wrote. */
import { NodeUnavailableError, PaywallError } from '../errors.ts'
import { askUrl, type Endpoint, parseEndpoint, type Question } from './http.ts'
import type { NanoNode, NodeAnswer } from './node.ts'
import { withDeadline } from './wait.ts'

export interface Target {
  /** For messages, such as `node 1 of 2`. */
  readonly name: string
  ask(question: Question): Promise<NodeAnswer>
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) for an address that is none. */
export function targetOf(endpoint: string | Endpoint | NanoNode, name: string): Target {
  if (typeof endpoint === 'object' && 'call' in endpoint) {
    return { name, ask: (question) => askObject(endpoint, name, question) }
  }
  const address = parseEndpoint(endpoint, name)
  return { name, ask: (question) => askUrl(address, question) }
}

/** The object may never answer, not listen to the signal, or throw what it likes. */
async function askObject(node: NanoNode, name: string, question: Question): Promise<NodeAnswer> {
  const { action, parameters, timeoutMs, signals } = question
  const late = new NodeUnavailableError(`Nano ${name} gave no answer within ${timeoutMs} ms.`)
  try {
    return await withDeadline(async (signal) => node.call(action, parameters, signal), { timeoutMs, signals, late })
  } catch (error) {
    if (error instanceof PaywallError) throw error
    throw new NodeUnavailableError(`Nano ${name} failed.`, { cause: error })
  }
}
