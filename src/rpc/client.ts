/** The Nano node's JSON-RPC over HTTP: several nodes in order of preference, each only if it is of the right network. */
import { ConfigError, NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import { parseBlock } from '../nano/index.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import { ask, type Endpoint, type Limits, parseEndpoint, type Target } from './http.ts'
import { GENESIS, type Network } from './networks.ts'
import type { NanoNode, NodeAnswer } from './node.ts'
import { isAboutTheNode } from './refusal.ts'
import { unlessAborted, withDeadline } from './wait.ts'

export interface RpcOptions {
  /** Node URLs, or nodes of any other kind; the preferred one first. */
  readonly endpoints: readonly (string | Endpoint | NanoNode)[]
  /** How long one try at one node may take, body included. Default 5,000. */
  readonly timeoutMs?: number
  /** The same for `work_generate`, which computes. Default 60,000. */
  readonly workTimeoutMs?: number
  /** The longest answer that is read. Default 4 MiB. */
  readonly maxBytes?: number
  /** When given, each node must hold this network's first block before it is asked anything else. */
  readonly network?: Network
}

/** All nodes as one: the first that answers. */
export interface RpcClient extends NanoNode {
  /** Each node for itself, for asking several whether they agree. */
  readonly nodes: readonly NanoNode[]
  /** Gives up what is being asked; later calls are refused. */
  close(): void
}

/** What an answer must have to be one. Proxies have been seen to answer anything with status 200. */
const ANSWER_FIELD: Readonly<Record<string, string>> = {
  account_info: 'frontier',
  block_info: 'contents',
  blocks_info: 'blocks',
  process: 'hash',
  receivable: 'blocks',
  pending: 'blocks',
  work_generate: 'work',
}

interface Node extends NanoNode {
  readonly breaker: Breaker
}

/**
 * Makes a client of one or more node URLs. Nothing is sent before the first call.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) here for an endpoint that is none, and from `call` for a node of another
 * network. `call` otherwise throws `NodeUnavailableError` when no node answered, and `NodeRefusedError` when one answered no.
 * @example
 * createRpc({ endpoints: ['http://127.0.0.1:7076', { url: 'https://rpc.example', key: 'k' }] }).nodes.length // 2
 */
export function createRpc(options: RpcOptions): RpcClient {
  const { endpoints, timeoutMs = 5_000, workTimeoutMs = 60_000, maxBytes = 4 * 1024 * 1024, network } = options
  if (endpoints.length === 0) throw new ConfigError('NANO402_RPC_URL (option rpc) names no node.')
  const closing = new AbortController()
  const nodes = endpoints.map((endpoint, index): Node => {
    const name = `node ${index + 1} of ${endpoints.length}`
    const limits = (action: string) => ({ timeoutMs: action === 'work_generate' ? workTimeoutMs : timeoutMs, maxBytes })
    const ask = isNode(endpoint) ? askObject(endpoint, name) : askUrl(parseEndpoint(endpoint, name))
    return createNode({ name, ask }, { limits, network, closed: closing.signal })
  })
  return {
    // A node whose breaker is open is answered for at once, unless there is none better: agreement of several would
    // otherwise always wait for the one that is down.
    nodes: nodes.map(
      (node): NanoNode => ({
        call(action, parameters, signal) {
          const skip = node.breaker.isOpen() && nodes.some((other) => !other.breaker.isOpen())
          if (!skip) return node.call(action, parameters, signal)
          return Promise.reject(
            new NodeUnavailableError('A Nano node failed several times and is left alone for a while.'),
          )
        },
      }),
    ),
    call: (action, parameters, signal) => firstAnswer(nodes, (node) => node.call(action, parameters, signal), signal),
    close: () => closing.abort(new NodeUnavailableError('The Nano RPC client was closed.')),
  }
}

/** Asks the nodes in order, passing over those that are down, until one answers for itself. */
async function firstAnswer(
  nodes: readonly Node[],
  ask: (node: Node) => Promise<NodeAnswer>,
  signal: AbortSignal | undefined,
): Promise<NodeAnswer> {
  const healthy = nodes.filter((node) => !node.breaker.isOpen())
  const longestWaiting = nodes.toSorted((a, b) => a.breaker.openUntilMs() - b.breaker.openUntilMs()).slice(0, 1)
  let failure: NodeUnavailableError | NodeRefusedError | undefined
  for (const node of healthy.length > 0 ? healthy : longestWaiting) {
    try {
      return await ask(node)
    } catch (error) {
      const goOn = error instanceof NodeRefusedError ? isAboutTheNode(error) : error instanceof NodeUnavailableError
      if (!goOn || signal?.aborted) throw error
      // A refusal says more than a silence: the caller may know another way to ask.
      if (!(failure instanceof NodeRefusedError)) failure = error as NodeUnavailableError | NodeRefusedError
    }
  }
  throw failure ?? new NodeUnavailableError('No Nano node could be asked.')
}

/** One question to one node, over whatever leads there. */
interface Asked {
  readonly name: string
  ask(
    action: string,
    parameters: Readonly<Record<string, unknown>>,
    options: Limits & { readonly signals: readonly (AbortSignal | undefined)[] },
  ): Promise<NodeAnswer>
}

const isNode = (endpoint: string | Endpoint | NanoNode): endpoint is NanoNode =>
  typeof endpoint === 'object' && 'call' in endpoint

const askUrl =
  (target: Target): Asked['ask'] =>
  (action, parameters, options) =>
    ask(target, action, parameters, options)

const askObject =
  (node: NanoNode, name: string): Asked['ask'] =>
  (action, parameters, { timeoutMs, signals }) =>
    withDeadline((signal) => node.call(action, parameters, signal), {
      timeoutMs,
      signals,
      late: new NodeUnavailableError(`Nano ${name} gave no answer within ${timeoutMs} ms.`),
    })

function createNode(
  target: Asked,
  options: { limits: (action: string) => Limits; network: Network | undefined; closed: AbortSignal },
): Node {
  const { limits, network, closed } = options
  const breaker = createBreaker({ probeMs: limits('').timeoutMs })

  async function attempt(action: string, parameters: Readonly<Record<string, unknown>>, signal?: AbortSignal) {
    breaker.asked()
    try {
      const answer = await target.ask(action, parameters, { ...limits(action), signals: [signal, closed] })
      const field = ANSWER_FIELD[action]
      if (field !== undefined && !Object.hasOwn(answer, field)) {
        throw new NodeUnavailableError(`Nano ${target.name} gave no usable answer: ${action} without ${field}.`)
      }
      breaker.succeeded()
      return answer
    } catch (error) {
      if (error instanceof NodeRefusedError) breaker.succeeded()
      else if (!signal?.aborted && !closed.aborted) breaker.failed()
      throw error
    }
  }

  /** Once per node: true for good, wrong for good, or unknown, and then asked again the next time. */
  let checked: Promise<void> | undefined
  const checkNetwork = (name: Network) => {
    checked ??= attempt('block_info', { json_block: true, hash: GENESIS[name] }).then(
      (answer) => requireGenesis(answer, name, target),
      (error: unknown) => {
        if (error instanceof NodeRefusedError && error.nodeError === 'Block not found') throw otherNetwork(name, target)
        checked = undefined
        throw error
      },
    )
    return checked
  }

  return {
    breaker,
    async call(action, parameters, signal) {
      if (network !== undefined) await unlessAborted(checkNetwork(network), signal)
      return attempt(action, parameters, signal)
    },
  }
}

const otherNetwork = (network: Network, { name }: Asked) =>
  new ConfigError(
    `Nano ${name} does not belong to ${network}. Set NANO402_NETWORK (option network) to the node's network, or ` +
      'NANO402_RPC_URL (option rpc) to a node of this one.',
  )

function requireGenesis(answer: NodeAnswer, network: Network, target: Asked): void {
  let hash: string | undefined
  try {
    hash = parseBlock(answer.contents).hash
  } catch {
    hash = undefined
  }
  if (hash !== GENESIS[network]) throw otherNetwork(network, target)
}
