/**
 * Channels whose deposits an issuer holds: a deposit is paid to the issuer as its 402 says, all of it is locked for one
 * payee, and what is left at the end is had paid out again. Each step may be repeated: a block is credited once, a channel
 * locked once, settled once, and its rest withdrawn once, under a name that follows from the channel.
 */
import { type Certificate, createCertificateCheck } from '../../channel/certificate.ts'
import type { ChannelOffer, Release } from '../../channel/wire.ts'
import { ChannelError, ConfigError, IssuerError, NoPayableOfferError } from '../../errors.ts'
import { createIssuerClient, type IssuerClient } from '../../issuer/ask.ts'
import { accountSigner } from '../../issuer/request.ts'
import type { ChannelView, WithdrawalView } from '../../issuer/views.ts'
import { hashBlock, type NanoAddress, type PrivateKey, type Raw } from '../../nano/index.ts'
import { type PaymentRequirements, X402_VERSION } from '../../x402/shapes.ts'
import { x402Client } from '../../x402/x402.ts'
import { type ReadBill, readBills } from '../bills.ts'
import { type ChosenOffer, TAG_MODULUS } from '../offers.ts'
import { discard, present } from '../present.ts'
import { readRequest } from '../request.ts'
import type { Deposit } from './deposit-list.ts'
import type { Tab } from './tab.ts'

export type IssuerTerms = NonNullable<ChannelOffer['issuer']>

/** What an issuer asks for a deposit. */
export interface DepositOffer {
  readonly to: NanoAddress
  /** In raw, with the tag. */
  readonly amount: Raw
  /** Verbatim. */
  readonly offer: PaymentRequirements
}

export interface Issuing {
  /** Asks what to send for a deposit of so much. */
  depositOffer(issuer: string, amount: bigint): Promise<DepositOffer>
  /** Sees to it that a confirmed deposit is credited, and locked for the channel. */
  lock(tab: Tab): Promise<Certificate>
  /** Ends the channel at what its payee released; without a release: says how it ended, if it did. */
  end(tab: Tab, release: Release | undefined): Promise<Pick<ChannelView, 'state' | 'charged'>>
  /** Has what is left paid out. `pending` until the block is confirmed. Undefined: it is too little, and stays there. */
  withdraw(tab: Tab, amount: bigint): Promise<WithdrawalView | undefined>
}

export function createIssuing(options: {
  readonly key: PrivateKey
  /** Those that may be asked, where we know them to be: a payee's word for it counts nothing. */
  readonly issuers: readonly IssuerTerms[]
  readonly fetch: (request: Request) => Promise<Response>
  readonly retryForMs: number
  /** Chooses an offer by the payer's own rules. */
  readonly choose: (bills: readonly ReadBill[], url: string) => ChosenOffer
}): Issuing {
  const { key, issuers, fetch, retryForMs, choose } = options
  const clients = new Map<string, IssuerClient>()
  const clientOf = (publicKey: string | undefined): IssuerClient => {
    const { url } = issuers.find((issuer) => issuer.publicKey === publicKey) ?? {}
    if (url === undefined) throw new ConfigError('A channel is with an issuer that is not in option channels.issuers.')
    const ask = (to: string, init: RequestInit) => fetch(new Request(to, init))
    const made =
      clients.get(url) ??
      createIssuerClient({ url, ...(publicKey && { issuer: publicKey }), signer: accountSigner(key), fetch: ask })
    clients.set(url, made)
    return made
  }

  /** Shows the deposit's payment. One that was shown before is credited already. */
  async function show(issuer: string | undefined, { amount, block, offer }: Deposit): Promise<void> {
    if (offer === undefined) throw new Error('unreachable: a deposit that no issuer asked for')
    const url = clientOf(issuer).depositUrl(amount - (amount % TAG_MODULUS))
    const request = await readRequest(url, { method: 'POST' })
    const terms = offer.extra?.nanoSession as { readonly id: string } | undefined
    const payload = { proof: hashBlock(block), sessionId: terms?.id }
    const headers = x402Client.present({ x402Version: X402_VERSION, accepted: offer, payload })
    const shown = await present(request, { headers }, { fetch, url, retryForMs, onAttempt: () => {} })
    if (shown.kind === 'served' || shown.kind === 'unserved') await discard(shown.response)
    if (shown.kind === 'served' || (shown.kind === 'refused' && shown.refusal === 'payment_already_spent')) return
    const reason = shown.kind === 'unserved' ? `http_${shown.response.status}` : shown.refusal
    throw new IssuerError(`The issuer has not credited a deposit yet (${reason}).`)
  }

  return {
    async depositOffer(issuer, amount) {
      const url = clientOf(issuer).depositUrl(amount)
      const response = await fetch(new Request(url, { method: 'POST', redirect: 'manual' }))
      const bills = response.status === 402 ? await readBills(response, url, ['x402']) : []
      await discard(response)
      if (bills.length === 0) throw new NoPayableOfferError(`The issuer takes no such deposit (${url}).`)
      const { offer } = choose(bills, url)
      if (offer.price !== amount) throw new NoPayableOfferError('The issuer asks for another amount than the deposit.')
      return { to: offer.payTo, amount: offer.amount, offer: offer.offer }
    },

    async lock(tab) {
      const [{ issuer = '' }, [deposit]] = [tab.config, tab.deposits]
      if (deposit === undefined) throw new Error('unreachable: a channel without a deposit')
      const client = clientOf(issuer)
      let certificate: Certificate
      try {
        certificate = await client.open(tab.config, deposit.amount)
      } catch (error) {
        if (!(error instanceof IssuerError && error.reason === 'insufficient_balance')) throw error
        await show(issuer, deposit)
        certificate = await client.open(tab.config, deposit.amount)
      }
      const check = createCertificateCheck({ issuers: [issuer], minSettleSeconds: 0 })
      const worth = await check(tab.config, certificate)
      if (typeof worth === 'object' && worth.amount === deposit.amount) return certificate
      throw new ChannelError('The issuer gave a certificate that is none of this channel.', {
        ...{ channelId: tab.id, reason: 'certificate' },
      })
    },

    async end(tab, release) {
      const client = clientOf(tab.config.issuer)
      if (release !== undefined) {
        try {
          return await client.close(tab.id, release)
        } catch (error) {
          if (!(error instanceof IssuerError) || error.reason === undefined) throw error // else it may have ended before
        }
      }
      return client.channel(tab.id).catch((error: unknown) => {
        // Never locked: all of it is ours.
        if (error instanceof IssuerError && error.reason === 'channel_not_found')
          return { state: 'returned', charged: '0' }
        throw error
      })
    },

    async withdraw(tab, amount) {
      const client = clientOf(tab.config.issuer)
      const id = tab.id.slice(0, 32)
      const [deposit] = tab.deposits
      try {
        await client.withdraw(amount, id).catch(async (error: unknown) => {
          if (!(error instanceof IssuerError && error.reason === 'insufficient_balance' && deposit)) throw error
          await show(tab.config.issuer, deposit) // which nobody had done yet
          await client.withdraw(amount, id)
        })
      } catch (error) {
        if (error instanceof IssuerError && error.reason === 'invalid_amount') return undefined
        throw error
      }
      return client.withdrawal(id)
    },
  }
}
