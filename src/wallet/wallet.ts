/**
 * One account, and the one queue in which its blocks are made: each on top of the one before, so that two payments at once
 * never take the same place.
 */
import {
  addressToPublicKey,
  type BlockHash,
  blockSigner,
  derivePublicKey,
  hashBlock,
  type NanoAddress,
  type PrivateKey,
  publicKeyToAddress,
  type Raw,
  raw,
  type Signature,
  type StateBlock,
  signHash,
  signMessage,
  workRoot,
  ZERO_HASH,
} from '../nano/index.ts'
import { receiptDigest } from '../nano/message.ts'
import { accountInfo, type NanoNode, publish, type Receivable, receivable } from '../rpc/index.ts'
import { unlessAborted } from '../rpc/wait.ts'
import { type Fate, fateOf } from './fate.ts'
import { contentAfter, type Head, headAfter, insufficient, readHead } from './head.ts'
import type { WorkSource } from './work.ts'

/** What a wallet tells while it makes a block. Amounts in raw, times in ms. */
export type WalletEvent =
  /** Something receivable was pocketed, because the balance did not suffice or `receive()` was called. */
  | { readonly type: 'received'; readonly hash: BlockHash; readonly amount: Raw }
  /** Proof of work. `ms` is 0 at the start, and next to nothing when it was computed ahead. */
  | { readonly type: 'work'; readonly state: 'started' | 'done'; readonly ms: number }

export interface WalletOptions {
  readonly key: PrivateKey
  readonly node: NanoNode
  readonly work: WorkSource
  /** Named in every block. Undefined: the account keeps the one it has, and a new account names itself. */
  readonly representative: NanoAddress | undefined
  readonly emit: (event: WalletEvent) => void
}

export interface SendOrder {
  readonly to: NanoAddress
  readonly amount: Raw
  /** Gives up, but only until the block is signed. */
  readonly signal: AbortSignal
  /** The last moment to say no, by throwing. Told on which block the new one goes. */
  readonly beforeSigning: (previous: BlockHash) => void
  /** Called with the signed block before anybody else sees it; it is published once this resolves. */
  readonly onSigned: (block: StateBlock) => Promise<void>
  /**
   * The block is not published here, but handed to somebody who publishes it. Until this settles, which says whether the
   * ledger has it for good, no other block of the account is made. It settles also when `send` rejects.
   */
  readonly handedOver?: Promise<'confirmed' | 'unknown'>
}

/** A signed send, and why it is not known to be in the ledger, if it is not. */
export interface Sent {
  readonly block: StateBlock
  readonly hash: BlockHash
  readonly failure: unknown
}

/** A receivable that was pocketed: the hash of our receiving block, and its amount in raw. */
export interface Received {
  readonly hash: BlockHash
  readonly amount: Raw
}

/** Signs as the account what can never be a block. */
export interface Signer {
  /** An off-chain message (NOMS). */
  message(text: string): Signature
  /** The hash of a block of ours and a URL, as NanoSession revision 7 has it. */
  receipt(hash: BlockHash, url: string): Signature
}

export interface Wallet {
  readonly address: NanoAddress
  readonly sign: Signer
  /** Signs and publishes one send. Rejects only while nothing is signed, or when `onSigned` does. */
  send(order: SendOrder): Promise<Sent>
  /** What became of a block of ours; publishes it again where the ledger lacks it, has its place free, and `mayPublish`. */
  recover(block: StateBlock, options: { readonly mayPublish: boolean }): Promise<Fate>
  balance(): Promise<Balance>
  /** Pockets everything that is receivable, or so many. */
  receive(most?: number): Promise<readonly Received[]>
}

/** Amounts in raw. */
export interface Balance {
  /** What the account holds, with blocks that are not confirmed yet. */
  readonly balance: Raw
  /** What it holds for good. */
  readonly confirmed: Raw
  /** What was sent to it and waits to be received. */
  readonly receivable: Raw
}

const RECEIVABLE_COUNT = 100

export function createWallet({ key, node, work, representative, emit }: WalletOptions): Wallet {
  const address = publicKeyToAddress(derivePublicKey(key))
  const signAs = blockSigner(key)
  /** Undefined: the ledger has to be asked. */
  let head: Head | undefined
  let last: Promise<unknown> = Promise.resolve()

  /** `rest`: what the next turn waits for as well. */
  const inTurn = <T>(task: () => Promise<T>, signal?: AbortSignal, rest?: Promise<unknown>): Promise<T> => {
    const before = last
    const turn = unlessAborted(before, signal).then(task)
    last = Promise.allSettled([before, turn, rest]).then(() => {})
    return turn
  }

  const headNow = async (signal?: AbortSignal): Promise<Head> =>
    head ?? (await readHead({ node, address, representative, signal }))

  async function publishNext(block: StateBlock, subtype: 'send' | 'receive' | 'open'): Promise<Head> {
    head = undefined
    await publish(node, block, subtype)
    head = headAfter(block)
    work.prepare(head.frontier)
    return head
  }

  async function pocket(at: Head, one: Receivable, signal?: AbortSignal): Promise<Head> {
    const root = workRoot({ account: address, previous: at.frontier })
    const nonce = await work.get(root, 'receive', signal)
    const block = signAs(contentAfter(at, { balance: at.balance + one.amount, link: one.hash }), nonce)
    const after = await publishNext(block, at.frontier === ZERO_HASH ? 'open' : 'receive')
    emit({ type: 'received', hash: after.frontier, amount: one.amount })
    return after
  }

  /** Pockets the largest receivables until the amount is there. */
  async function raise(at: Head, amount: Raw, signal: AbortSignal): Promise<Head> {
    const waiting = await receivable(node, address, { count: RECEIVABLE_COUNT }, signal)
    const sum = waiting.reduce((total, one) => total + one.amount, 0n)
    if (at.balance + sum < amount) throw insufficient(at, amount, sum)
    let raised = at
    for (const one of waiting.toSorted((a, b) => (a.amount < b.amount ? 1 : -1))) {
      if (raised.balance >= amount) break
      raised = await pocket(raised, one, signal)
    }
    return raised
  }

  return {
    address,
    sign: {
      message: (text) => signMessage(text, key),
      receipt: (hash, url) => signHash(receiptDigest(hash, url), key),
    },

    send({ to, amount, signal, beforeSigning, onSigned, handedOver }) {
      let signed: StateBlock | undefined
      const rest = handedOver?.then((fate) => {
        if (fate === 'confirmed' && signed) head = headAfter(signed)
      })
      return inTurn(
        async () => {
          let at = await headNow(signal)
          if (at.balance < amount) at = await raise(at, amount, signal)
          const startMs = performance.now()
          emit({ type: 'work', state: 'started', ms: 0 })
          const nonce = await work.get(at.frontier, 'send', signal)
          emit({ type: 'work', state: 'done', ms: Math.round(performance.now() - startMs) })
          signal.throwIfAborted()
          beforeSigning(at.frontier)
          const next = { balance: at.balance - amount, link: addressToPublicKey(to) }
          const block = signAs(contentAfter(at, next), nonce)
          const hash = hashBlock(block)
          head = undefined
          await onSigned(block)
          if (handedOver) {
            signed = block
            work.prepare(hash)
            return { block, hash, failure: undefined }
          }
          const failure = await publishNext(block, 'send').then(
            () => undefined,
            (error: unknown) => error,
          )
          return { block, hash, failure }
        },
        signal,
        rest,
      )
    },

    recover: (block, { mayPublish }) =>
      inTurn(async () => {
        const fate = await fateOf(node, block)
        if (fate !== 'absent' || !mayPublish) return fate
        head = undefined
        await publish(node, block, 'send')
        return 'published'
      }),

    async balance() {
      const [info, waiting] = await Promise.all([
        accountInfo(node, address),
        receivable(node, address, { count: RECEIVABLE_COUNT }),
      ])
      return {
        balance: info?.balance ?? raw(0n),
        confirmed: info?.confirmedBalance ?? raw(0n),
        receivable: raw(waiting.reduce((total, one) => total + one.amount, 0n)),
      }
    },

    receive: (most = Number.POSITIVE_INFINITY) =>
      inTurn(async () => {
        const received: Received[] = []
        const seen = new Set<BlockHash>()
        for (;;) {
          const waiting = (await receivable(node, address, { count: RECEIVABLE_COUNT })).filter(
            ({ hash }) => !seen.has(hash),
          )
          if (waiting.length === 0) return received
          for (const one of waiting) {
            if (received.length === most) return received
            seen.add(one.hash)
            const after = await pocket(await headNow(), one)
            received.push({ hash: after.frontier, amount: one.amount })
          }
        }
      }),
  }
}
