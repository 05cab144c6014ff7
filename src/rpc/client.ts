/** The Nano node's JSON-RPC over HTTP: several nodes in order of preference, each only if it is of the right network. */
import { ConfigError, NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import { parseBlock } from '../nano/index.ts'
import { type Breaker, createBreaker } from './breaker.ts'
import type { Endpoint } from './http.ts'
import { GENESIS, type Network } from './networks.ts'
import type { NanoNode, NodeAnswer } from './node.ts'
import { isAboutTheNode } from './refusal.ts'
import { type Target, targetOf } from './target.ts'
import { unlessAborted } from './wait.ts'

/** Which nodes, and how long they may take. */
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
  account_history: 'history',
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
  const { endpoints } = options
  if (endpoints.length === 0) throw new ConfigError('NANO402_RPC_URL (option rpc) names no node.')
  const closer = createCloser()
  const nodes = endpoints.map((endpoint, index) => {
    const target = targetOf(endpoint, `node ${index + 1} of ${endpoints.length}`)
    return createNode(target, { ...options, closer })
  })
  return {
    // A node whose breaker is open is answered for at once, unless there is none better: agreement of several would
    // otherwise always wait for the one that is down.
    nodes: nodes.map(
      (node): NanoNode => ({
        async call(action, parameters, signal) {
          if (node.breaker.isOpen() && nodes.some((other) => !other.breaker.isOpen())) {
            throw new NodeUnavailableError('A Nano node failed several times and is left alone for a while.')
          }
          return node.call(action, parameters, signal)
        },
      }),
    ),
    call: (action, parameters, signal) => firstAnswer(nodes, (node) => node.call(action, parameters, signal), signal),
    close: closer.close,
  }
}

/** Asks the nodes in order, passing over those that are down, until one answers for itself. */
async function firstAnswer(
  nodes: readonly Node[],
  question: (node: Node) => Promise<NodeAnswer>,
  signal: AbortSignal | undefined,
): Promise<NodeAnswer> {
  const healthy = nodes.filter((node) => !node.breaker.isOpen())
  const longestWaiting = nodes.toSorted((a, b) => a.breaker.openUntilMs() - b.breaker.openUntilMs()).slice(0, 1)
  let failure = new NodeUnavailableError('No Nano node could be asked.') as NodeUnavailableError | NodeRefusedError
  for (const node of healthy.length > 0 ? healthy : longestWaiting) {
    try {
      return await question(node)
    } catch (error) {
      const goOn = error instanceof NodeRefusedError ? isAboutTheNode(error) : error instanceof NodeUnavailableError
      if (!goOn || signal?.aborted) throw error
      // A refusal says more than a silence: the caller may know another way to ask.
      if (!(failure instanceof NodeRefusedError)) failure = error as NodeUnavailableError | NodeRefusedError
    }
  }
  throw failure
}

/** What is under way, so that it can be ended. Not one signal for all: Node warns of more than ten listeners. */
function createCloser() {
  const underWay = new Set<AbortController>()
  let closed: NodeUnavailableError | undefined
  return {
    open(): AbortController {
      const controller = new AbortController()
      if (closed) controller.abort(closed)
      else underWay.add(controller)
      return controller
    },
    done: (controller: AbortController) => void underWay.delete(controller),
    close() {
      closed ??= new NodeUnavailableError('The Nano RPC client was closed.')
      for (const controller of underWay) controller.abort(closed)
    },
  }
}

function createNode(target: Target, options: RpcOptions & { closer: ReturnType<typeof createCloser> }): Node {
  const { timeoutMs = 5_000, workTimeoutMs = 60_000, maxBytes = 4 * 1024 * 1024, network, closer } = options
  const breaker = createBreaker({ probeMs: timeoutMs })

  const attempt: NanoNode['call'] = async (action, parameters, signal) => {
    const limits = { timeoutMs: action === 'work_generate' ? workTimeoutMs : timeoutMs, maxBytes }
    const closing = closer.open()
    breaker.asked()
    try {
      const answer = await target.ask({ action, parameters, ...limits, signals: [signal, closing.signal] })
      const field = ANSWER_FIELD[action]
      if (field !== undefined && !Object.hasOwn(answer, field)) {
        throw new NodeUnavailableError(`Nano ${target.name} gave no usable answer: ${action} without ${field}.`)
      }
      breaker.succeeded()
      return answer
    } catch (error) {
      if (error instanceof NodeRefusedError) breaker.succeeded()
      else if (!signal?.aborted && !closing.signal.aborted) breaker.failed()
      throw error
    } finally {
      closer.done(closing)
    }
  }

  /** Once per node: right for good, wrong for good, or not known, and then asked again the next time. */
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

const otherNetwork = (network: Network, { name }: Target) =>
  new ConfigError(
    `Nano ${name} does not belong to ${network}. Set NANO402_NETWORK (option network) to the node's network, or ` +
      'NANO402_RPC_URL (option rpc) to a node of this one.',
  )

function requireGenesis(answer: NodeAnswer, network: Network, target: Target): void {
  let hash: string | undefined
  try {
    hash = parseBlock(answer.contents).hash
  } catch {
    hash = undefined
  }
  if (hash !== GENESIS[network]) throw otherNetwork(network, target)
}
