/** Where proof of work comes from, and having it ready before it is asked for. */
import { ConfigError, NodeUnavailableError, WorkError } from '../errors.ts'
import { generateWork, isValidWork, work as parseWork, type Work, type WorkThresholds } from '../nano/index.ts'
import { createRpc, generateWorkRemotely, type NanoNode } from '../rpc/index.ts'
import { unlessAborted, withDeadline } from '../rpc/wait.ts'

/**
 * Computes work. `root` and `threshold` are 64 and 16 hex digits; the answer is 16 hex digits, and is checked.
 */
export type WorkFunction = (root: string, threshold: string, signal: AbortSignal) => Promise<string>

/**
 * `'node'`: the node's `work_generate`. `'cpu'`: here, on this thread; about a thousand hashes on a devnet, minutes for a
 * send on mainnet. A URL: another node or work server that speaks `work_generate`. Or a function.
 */
export type WorkOption = 'node' | 'cpu' | (string & {}) | WorkFunction

export interface WorkSource {
  /** Work for this root, from what was computed ahead if that is it. @throws {@link WorkError}, `NodeUnavailableError` */
  get(root: string, kind: keyof WorkThresholds, signal: AbortSignal | undefined): Promise<Work>
  /** Starts on the work for a root that will be wanted, good for any kind of block. */
  prepare(root: string): void
  close(): void
}

/** Longer than a processor takes for a send on mainnet. */
const WORK_TIMEOUT_MS = 1_800_000

/** @throws {@link ConfigError} (`ERR_CONFIG`) for an option that is none of the four. */
export function createWorkSource(option: WorkOption, node: NanoNode, thresholds: WorkThresholds): WorkSource {
  const compute = readOption(option, node)
  const closing = new AbortController()
  let ready: { readonly root: string; readonly work: Promise<Work> } | undefined

  const generate = async (root: string, threshold: Work, signal?: AbortSignal): Promise<Work> => {
    try {
      const late = new NodeUnavailableError('Proof of work took too long.')
      const limits = { timeoutMs: WORK_TIMEOUT_MS, late, signals: [signal, closing.signal] }
      const found = parseWork(await withDeadline((inner) => compute(root, threshold, inner), limits))
      if (isValidWork(root, found, threshold)) return found
    } catch (cause) {
      if (cause instanceof NodeUnavailableError || cause instanceof WorkError) throw cause
      throw new WorkError('Proof of work could not be had (option work).', { cause })
    }
    throw new WorkError('The proof of work that came is below the difficulty asked for (option work).')
  }
  return {
    async get(root, kind, signal) {
      if (ready?.root === root) {
        const prepared = await unlessAborted(ready.work, signal).catch(() => undefined)
        if (prepared !== undefined) return prepared
      }
      return generate(root, thresholds[kind], signal)
    },
    prepare(root) {
      if (ready?.root === root || closing.signal.aborted) return
      ready = { root, work: generate(root, thresholds.send) }
      ready.work.catch(() => {}) // asked for again, and then it is an error, when the block is made
    },
    close: () => closing.abort(new WorkError('The payer was closed.')),
  }
}

function readOption(
  option: WorkOption,
  node: NanoNode,
): (root: string, threshold: Work, signal: AbortSignal) => Promise<string> {
  if (typeof option === 'function') return option
  if (option === 'cpu') return generateWork
  if (option === 'node') return (...args) => generateWorkRemotely(node, ...args)
  if (typeof option !== 'string' || !URL.canParse(option)) {
    throw new ConfigError("Option work is none of 'node', 'cpu', a URL and a function.")
  }
  const server = createRpc({ endpoints: [option] })
  return (...args) => generateWorkRemotely(server, ...args)
}
