/**
 * Channels whose deposits an issuer holds: what we charged is redeemed with our best proof before the day that the
 * certificate names, and what is ours there is paid out to our account. The issuer settles a channel once, and says the
 * same when it is asked again, so that every step may be repeated, by whichever process.
 */
import type { Channels, ChannelTerms } from '../../channel/channels.ts'
import type { ChannelId } from '../../channel/config.ts'
import { lastProofOf } from '../../channel/proof.ts'
import type { Release } from '../../channel/wire.ts'
import type { EventListener } from '../../core/events.ts'
import { IssuerError } from '../../errors.ts'
import { createIssuerClient, type IssuerClient } from '../../issuer/ask.ts'
import { type Signer, signRelease } from '../../issuer/request.ts'
import type { IssuerTerms } from './settings.ts'

export interface Redeeming {
  /**
   * Has a channel settled that takes no payment any more, and ends it. Rejects with `IssuerError`, and with what the store
   * has to say: it is to be asked again.
   */
  redeem(id: ChannelId, terms: ChannelTerms): Promise<void>
  /** What the payer ends such a channel with at the issuer. */
  release(id: ChannelId, terms: ChannelTerms): Promise<Release | undefined>
  /** Has what is ours with the issuers paid out to our account, where it is enough. Never rejects. */
  payOut(): Promise<void>
}

export interface RedeemingOptions {
  readonly channels: Channels
  readonly issuers: readonly IssuerTerms[]
  /** Signs as our account. */
  readonly signer: Signer
  /** What is less stays with the issuer. In raw. */
  readonly withdrawFrom: bigint
  readonly emit: EventListener | undefined
}

/** After these there is nothing to be had any more, however often it is asked for. */
const OVER: readonly unknown[] = ['settle_window', 'channel_closed']

export function createRedeeming({ channels, issuers, signer, withdrawFrom, emit }: RedeemingOptions): Redeeming {
  const clients = new Map<string, IssuerClient>()
  /** Issuers that something may be had from. */
  const owing = new Set(issuers)

  function clientOf({ url, publicKey }: IssuerTerms): IssuerClient {
    const known = clients.get(`${publicKey} ${url}`) ?? createIssuerClient({ url, issuer: publicKey, signer })
    clients.set(`${publicKey} ${url}`, known)
    return known
  }

  return {
    async redeem(id, { config, issuer, certificate }) {
      const channel = await channels.state(id)
      if (issuer === undefined || certificate === undefined || channel?.phase !== 'refunding') return
      const { charged: amount } = channel
      const proof = amount === 0n ? undefined : lastProofOf(config, channel)
      try {
        await clientOf(issuer).settle(id, { amount, proof })
        owing.add(issuer)
      } catch (fault) {
        const isOver = fault instanceof IssuerError && OVER.includes(fault.reason)
        if (!isOver) throw fault
        emit?.({ type: 'redemption_failed', fault, lost: amount })
        await channels.finishAtIssuer(id)
        return
      }
      // Whoever else was as fast has told it.
      if ((await channels.state(id))?.phase === 'refunding' && (await channels.finishAtIssuer(id))) {
        emit?.({ type: 'channel_redeemed', amount })
      }
    },

    async release(id, { issuer }) {
      const channel = await channels.state(id)
      if (issuer === undefined || channel === undefined) return undefined
      if (channel.phase !== 'refunding' && channel.phase !== 'closed') return undefined // it may still be charged
      return signRelease(signer, { issuer: issuer.publicKey, channelId: id, amount: channel.charged })
    },

    async payOut() {
      for (const issuer of [...owing]) {
        owing.delete(issuer)
        try {
          const { balance } = await clientOf(issuer).account()
          if (BigInt(balance) > 0n && BigInt(balance) >= withdrawFrom) await clientOf(issuer).withdraw(BigInt(balance))
        } catch (fault) {
          // It does not know us before it owes us anything.
          if (fault instanceof IssuerError && fault.reason === 'not_found') continue
          owing.add(issuer)
          emit?.({ type: 'redemption_failed', fault })
        }
      }
    },
  }
}
