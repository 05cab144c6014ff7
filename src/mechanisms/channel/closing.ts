/**
 * How a channel ends: no payment begins any more, those under way end, and what is left goes back by one block. Each step is
 * in the store before the next one, so that whoever asks again, in whatever process, goes on from there.
 */

import type { Channels } from '../../channel/channels.ts'
import type { ChannelId } from '../../channel/config.ts'
import type { EventListener } from '../../core/events.ts'
import type { Payouts } from '../../custody/payouts.ts'
import { IssuerError } from '../../errors.ts'
import { type BlockHash, raw } from '../../nano/index.ts'
import type { Ledger } from '../../rpc/index.ts'
import type { Redeeming } from './redeeming.ts'

/** `busy`: a payment is still under way. `refund`: the block, which may not be confirmed yet; none: nothing was left. */
export type Closed = 'busy' | 'channel_not_found' | { readonly refund: BlockHash | undefined }

export interface Closing {
  /** Asked again, it goes on; asked of a closed channel, it says by which block. Rejects with what store and node have to say. */
  close(id: ChannelId): Promise<Closed>
  /** Closes what has expired, and goes on with what was begun, here or by a process that is gone. Never rejects. */
  sweep(): Promise<void>
}

export interface ClosingOptions {
  readonly channels: Channels
  readonly payouts: Payouts
  readonly ledger: Ledger
  readonly redeeming: Pick<Redeeming, 'redeem'>
  /** How long a refund is waited for. */
  readonly confirmTimeoutMs: number
  readonly emit?: EventListener | undefined
}

export function createClosing(options: ClosingOptions): Closing {
  const { channels, payouts, ledger, redeeming, confirmTimeoutMs, emit } = options
  const underWay = new Map<ChannelId, Promise<Closed>>()
  /** Begun here and not over, with the instant. */
  const begun = new Map<ChannelId, number>()

  async function settle(id: ChannelId): Promise<Closed> {
    const terms = await channels.terms(id)
    // A store may have channels of other payees, too: this account owes them nothing.
    if (terms?.config.payee !== payouts.address) return 'channel_not_found'
    await channels.beginClose(id)
    const amount = await channels.freeze(id)
    if (amount === undefined) return 'busy'
    if (!begun.has(id)) begun.set(id, Date.now())
    const channel = await channels.state(id)
    if (channel?.phase === 'closed') {
      begun.delete(id)
      return { refund: channel.refundBlock as BlockHash | undefined }
    }
    if (terms.config.custodian === 'issuer') {
      await redeeming.redeem(id, terms)
      begun.delete(id)
      return { refund: undefined }
    }
    if (amount === 0n) {
      await finish(id, { amount, refund: undefined })
      return { refund: undefined }
    }
    const order = { id: `refund:${id}`, to: terms.config.refundTo, amount: raw(amount) }
    let payout = await payouts.pay(order)
    if (!payout.confirmed) {
      const seen = await ledger.waitConfirmed(payout.hash, { timeoutMs: confirmTimeoutMs })
      if (seen?.confirmed) payout = await payouts.pay(order)
    }
    if (payout.confirmed) await finish(id, { amount, refund: payout.hash })
    return { refund: payout.hash }
  }

  async function finish(id: ChannelId, { amount, refund }: { amount: bigint; refund: BlockHash | undefined }) {
    if (!(await channels.finishClose(id, refund))) return
    const ms = Date.now() - (begun.get(id) ?? Date.now())
    begun.delete(id)
    emit?.({ type: 'channel_closed', refunded: amount, ms })
  }

  const close = (id: ChannelId): Promise<Closed> => {
    const known = underWay.get(id)
    if (known) return known
    const closing = settle(id)
      .catch((fault: unknown) => {
        emit?.({ type: fault instanceof IssuerError ? 'redemption_failed' : 'refund_failed', fault })
        throw fault
      })
      .finally(() => underWay.delete(id))
    underWay.set(id, closing)
    return closing
  }

  return {
    close,
    async sweep() {
      const silent = new Set<string | undefined>()
      /** What goes wrong is told already, and asked again next time. One issuer that is down does not hold up the others. */
      const quietly = async (id: ChannelId) => {
        const issuer = (await channels.terms(id))?.config.issuer
        if (issuer !== undefined && silent.has(issuer)) return
        await close(id).catch((fault: unknown) => {
          if (fault instanceof IssuerError && fault.reason === undefined) silent.add(issuer)
        })
      }
      try {
        for await (const id of channels.unfinished()) await quietly(id)
        for await (const id of channels.expired()) await quietly(id)
      } catch {
        // the store does not answer: the next time it may
      }
    },
  }
}
