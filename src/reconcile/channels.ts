/**
 * What an operator has to decide about channels after a store was lost, or restored from a backup: which refunds are still
 * owed, and which sends of the deposit account are all right. The paywall's processes then do it, with their next sweep.
 */
import { type ChannelTerms, createChannels } from '../channel/channels.ts'
import type { ChannelId } from '../channel/config.ts'
import type { Channel } from '../channel/record.ts'
import type { Store } from '../core/store.ts'
import { createSentBlocks } from '../custody/chain.ts'
import { InvalidValueError, NodeUnavailableError } from '../errors.ts'
import {
  addressToPublicKey,
  type BlockHash,
  type NanoAddress,
  nanoAddress,
  publicKey,
  publicKeyToAddress,
} from '../nano/index.ts'
import { accountHistory, createLedger, type Ledger, type NanoNode } from '../rpc/index.ts'

export interface ChannelDeskOptions {
  readonly node: NanoNode
  /** The paywall's store. */
  readonly store: Store
  /** The deposit account: `nano_...` */
  readonly account: string
}

/** A send of the deposit account. */
export interface SentBlock {
  readonly hash: BlockHash
  readonly to: NanoAddress
  /** In raw. */
  readonly amount: bigint
}

/** A channel that the store has lost, as its client has shown with a receipt of ours. Amounts in raw. */
export interface RecoveringChannel {
  readonly channelId: string
  readonly payer: NanoAddress
  readonly refundTo: NanoAddress
  readonly deposit: bigint
  /** What it was charged when the receipt was made. It may have been more since then. */
  readonly charged: bigint
  /** Sends to `refundTo` that may have refunded it already: not of this store, and not more than the deposit. */
  readonly earlier: readonly SentBlock[]
}

export interface ChannelReview {
  readonly recovering: readonly RecoveringChannel[]
  /** What the account has sent since the store first saw it, and the store knows nothing of. Until it is accepted, nothing is refunded. */
  readonly unknown: readonly SentBlock[]
}

export interface ConfirmOptions {
  /** What it was charged in all, in raw, where that is more than the receipt says. */
  readonly charged?: bigint
  /** Those of `earlier` that were looked at and refunded something else. */
  readonly despite?: readonly string[]
}

export interface ChannelReconciliation {
  /** What is to be decided. Changes nothing. */
  review(): Promise<ChannelReview>
  /**
   * Lets a channel close that the store had lost: what it was not charged is refunded with the next sweep.
   *
   * @throws `InvalidValueError` (`ERR_INVALID_VALUE`) when there is no such channel, when it cannot have been charged so
   * much, or when a send to `refundTo` was not named that may have been its refund.
   */
  confirm(channelId: string, options?: ConfirmOptions): Promise<void>
  /** Takes a send for known: it was made by hand, say, or nothing that it paid will be asked for again. */
  accept(hash: BlockHash): Promise<void>
}

const PAGE = 500

/**
 * Channels that a store has lost, and what an operator decides about them.
 *
 * @example
 * const desk = reconcileChannels({
 *   node: createRpc({ endpoints: ['http://127.0.0.1:7076'] }),
 *   store: await sqliteStore('/var/lib/shop/claims.sqlite'),
 *   account: 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to',
 * })
 * const { recovering, unknown } = await desk.review()
 */
export function reconcileChannels({ node, store, account: named }: ChannelDeskOptions): ChannelReconciliation {
  const account = nanoAddress(named)
  const channels = createChannels({ store })
  const sent = createSentBlocks({ store, node, account })

  async function recovering(): Promise<readonly { id: ChannelId; terms: ChannelTerms; channel: Channel }[]> {
    const found = []
    for await (const id of channels.unfinished()) {
      const [terms, channel] = [await channels.terms(id), await channels.state(id)]
      if (terms?.config.payee === account && channel?.phase === 'recovering') found.push({ id, terms, channel })
    }
    return found
  }

  async function look(ledger: Ledger, hash: BlockHash): Promise<SentBlock> {
    const found = await ledger.find(hash)
    if (found?.block.type !== 'state' || found.sent === undefined) {
      throw new NodeUnavailableError(`The Nano node lists the send ${hash}, and does not have it.`)
    }
    return { hash, to: publicKeyToAddress(publicKey(found.block.link)), amount: found.sent }
  }

  /** Everything that the account has sent and this store did not. */
  async function foreignSends(ledger: Ledger): Promise<readonly SentBlock[]> {
    const sends: SentBlock[] = []
    let head: BlockHash | undefined
    do {
      const page = await accountHistory(node, account, { count: PAGE, ...(head && { head }) })
      for (const { hash, subtype } of page.entries) {
        if (subtype === 'send' && !(await sent.isKnown(hash))) sends.push(await look(ledger, hash))
      }
      head = page.previous
    } while (head)
    return sends
  }

  async function withLedger<T>(task: (ledger: Ledger) => Promise<T>): Promise<T> {
    const ledger = createLedger({ node, nodes: [node] })
    try {
      return await task(ledger)
    } finally {
      ledger.close()
    }
  }

  const review = () =>
    withLedger(async (ledger): Promise<ChannelReview> => {
      const found = await recovering()
      const foreign = found.length === 0 ? [] : await foreignSends(ledger)
      const unknown: SentBlock[] = []
      for await (const hash of sent.unknown()) unknown.push(await look(ledger, hash))
      return {
        unknown,
        recovering: found.map(({ id, terms: { config }, channel: { deposit, charged } }) => {
          const { payer, refundTo } = config
          const isRefund = ({ to, amount }: SentBlock) =>
            addressToPublicKey(to) === addressToPublicKey(refundTo) && amount <= deposit
          return { channelId: id, payer, refundTo, deposit, charged, earlier: foreign.filter(isRefund) }
        }),
      }
    })

  return {
    review,
    async confirm(channelId, { charged, despite = [] } = {}) {
      const channel = (await review()).recovering.find((one) => one.channelId === channelId)
      if (channel === undefined) throw new InvalidValueError('No channel of this id is to be recovered.')
      const unseen = channel.earlier.find(({ hash }) => !despite.includes(hash))
      if (unseen) {
        throw new InvalidValueError(
          `The channel may have been refunded already, by block ${unseen.hash}: look what that was for, and name it if it was for something else.`,
        )
      }
      if (await channels.confirmRecovery(channel.channelId as ChannelId, charged)) return
      throw new InvalidValueError('It was charged at least what its receipt says, and at most its deposit.')
    },
    accept: (hash) => sent.note(hash),
  }
}
