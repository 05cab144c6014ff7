/** The devnet in process: a node that answers calls, and a purse that everybody may reach into. */
import { NodeRefusedError, NodeUnavailableError } from '../errors.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  parseXno,
  publicKeyToAddress,
  type Raw,
  raw,
  type StateBlockContent,
  signBlock,
  WORK_THRESHOLDS,
  workRoot,
  ZERO_HASH,
} from '../nano/index.ts'
import type { NanoNode } from '../rpc/node.ts'
import { decodeBlock } from './block.ts'
import { type Call, createEngine, type DevnetOptions, type Engine } from './engine.ts'
import type { Faults } from './faults.ts'
import { DEVNET_GENESIS_ACCOUNT, DEVNET_GENESIS_HASH, DEVNET_GENESIS_KEY } from './genesis.ts'
import type { Confirmation } from './node.ts'

/** A seed whose first account holds something. */
export interface FundedSeed {
  /** 64 hex digits. */
  readonly seed: string
  /** The private key of account 0. */
  readonly privateKey: PrivateKey
  /** Account 0. */
  readonly account: NanoAddress
}

/** A Nano network of its own, with everything a test wants to do to one. */
export interface Devnet extends NanoNode {
  readonly network: 'nano:devnet'
  readonly genesisHash: BlockHash
  /**
   * Sends coins from genesis. The send is confirmed; the account has yet to receive it.
   *
   * @param account - `nano_...`
   * @param amount - In raw.
   */
  faucet(account: string, amount: Raw): Promise<BlockHash>
  /** Draws a seed, and opens its account 0 with this much: 100 XNO if nothing is said. Everything is confirmed. */
  fundedSeed(amount?: Raw): Promise<FundedSeed>
  /** Failure switches. */
  readonly faults: Faults
  /** Nothing is confirmed until {@link release}. */
  hold(): void
  /** Confirms what a {@link hold} kept, and goes on as before. */
  release(): void
  /** Confirms a block, and all that it builds on, now. */
  confirm(hash: BlockHash): void
  /** Takes an unconfirmed block, and all that builds on it, out of the ledger, as when a fork of it wins. Says whether it did. */
  vanish(hash: BlockHash): boolean
  /** The last thousand calls, oldest first. */
  readonly calls: readonly Call[]
  /** How often an action was asked for; with no name, how often any was. */
  asked(action?: string): number
  /** Tells of every confirmation. Returns the way to stop. */
  onConfirmation(listener: (confirmation: Confirmation) => void): () => void
  /** Drops its timers and listeners. Calls fail from now on. */
  close(): void
}

/**
 * Creates a devnet in this process. It listens on no port and keeps no process alive.
 *
 * @example
 * (await createDevnet().call('block_count', {})).count // '3'
 */
export function createDevnet(options: DevnetOptions = {}): Devnet {
  return devnetOf(createEngine(options))
}

/** The devnet around an engine. */
export function devnetOf(engine: Engine): Devnet {
  const { node, faults, calls, counts } = engine
  const { ledger } = node
  let closed = false
  let purse: Promise<unknown> = Promise.resolve()

  /** Publishes a block of ours and confirms it. */
  async function publish(content: StateBlockContent, key: PrivateKey): Promise<BlockHash> {
    const threshold = WORK_THRESHOLDS['nano:devnet'].send
    const work = await generateWork(workRoot(content), threshold)
    const block = decodeBlock(blockToJson(signBlock(content, key, work)))
    const entry = block && node.process(block)
    if (!entry || 'error' in entry) throw new NodeRefusedError('process', entry?.error ?? 'Block is invalid')
    node.confirm(entry.hash)
    return entry.hash
  }

  async function send(account: NanoAddress, amount: Raw): Promise<BlockHash> {
    const head = ledger.head(DEVNET_GENESIS_ACCOUNT)
    const content: StateBlockContent = {
      account: DEVNET_GENESIS_ACCOUNT,
      previous: head?.hash ?? ZERO_HASH,
      representative: DEVNET_GENESIS_ACCOUNT,
      balance: raw((head?.balance ?? 0n) - amount),
      link: addressToPublicKey(account),
    }
    return publish(content, DEVNET_GENESIS_KEY)
  }

  async function faucet(account: string, amount: Raw): Promise<BlockHash> {
    const to = nanoAddress(account)
    // One after another: two sends on one frontier would be a fork.
    const sent = purse.then(() => send(to, raw(amount)))
    purse = sent.catch(() => undefined)
    return sent
  }

  return {
    network: 'nano:devnet',
    genesisHash: DEVNET_GENESIS_HASH,
    faults,
    calls,
    async call(action, parameters, signal) {
      if (closed) throw new NodeUnavailableError('The devnet is closed.')
      if (signal?.aborted) throw new NodeUnavailableError('The call was given up.', { cause: signal.reason })
      if (faults.down === 'empty-object') return {}
      if (faults.down && faults.down !== 'silence')
        throw new NodeUnavailableError(`The devnet is down: ${faults.down}.`)
      const answer = faults.down === 'silence' ? new Promise<never>(() => {}) : engine.answer(action, parameters)
      return signal ? raceAbort(answer, signal) : answer
    },
    faucet,
    async fundedSeed(amount = parseXno('100')) {
      const seed = randomHex(32)
      const privateKey = derivePrivateKey(seed, 0)
      const account = publicKeyToAddress(derivePublicKey(privateKey))
      const link = await faucet(account, amount)
      const content = { account, previous: ZERO_HASH, representative: DEVNET_GENESIS_ACCOUNT, balance: amount, link }
      await publish(content, privateKey)
      return { seed, privateKey, account }
    },
    hold: node.hold,
    release: node.release,
    confirm: node.confirm,
    vanish: node.vanish,
    asked: (action) =>
      action === undefined ? [...counts.values()].reduce((sum, count) => sum + count, 0) : (counts.get(action) ?? 0),
    onConfirmation: (listener) => node.onEvent((event) => event.topic === 'confirmation' && listener(event)),
    close() {
      closed = true
      node.close()
    },
  }
}

const randomHex = (bytes: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase()

function raceAbort<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(new NodeUnavailableError('The call was given up.', { cause: signal.reason }))
    signal.addEventListener('abort', stop, { once: true })
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
