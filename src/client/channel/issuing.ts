/**
 * Channels whose deposits an issuer holds: a deposit is paid to the issuer as its 402 says, all of it is locked for one
 * payee, and what is left at the end is had paid out again. Each step may be repeated: a block is credited once, a channel
 * locked once, settled once, and its rest withdrawn once, under a name that follows from the channel.
 */
import { type Certificate, createCertificateCheck } from '../../channel/certificate.ts'
import type { ChannelOffer, Release } from '../../channel/wire.ts'
import { randomHex } from '../../core/bytes.ts'
import { ChannelError, ConfigError, IssuerError, NoPayableOfferError } from '../../errors.ts'
import { createIssuerClient, type IssuerClient } from '../../issuer/ask.ts'
import { accountSigner } from '../../issuer/request.ts'
import type { ChannelView } from '../../issuer/views.ts'
import {
  type BlockHash,
  hashBlock,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  parseRaw,
  type Raw,
} from '../../nano/index.ts'
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
  /** What the account has with an issuer, beside what is locked. */
  balance(issuer: string): Promise<bigint>
  /** The channels that an issuer has locked something for, and how much. */
  locks(
    issuer: string,
  ): Promise<readonly { readonly channelId: string; readonly payee: string; readonly amount: bigint }[]>
  /** Where an issuer's payouts come from, as it says. */
  accountOf(issuer: string): Promise<NanoAddress>
  /**
   * Sees to it that a confirmed deposit is credited, and locked for the channel; without a deposit it is locked out of the balance.
   *
   * @throws `IssuerError` (`ERR_ISSUER`), with `insufficient_balance` in `reason` where the balance does not cover it; `ChannelError`
   * (`ERR_CHANNEL`) for a certificate that is not of this channel and this amount, or is to be redeemed too late
   */
  lock(tab: Tab): Promise<Certificate>
  /** Ends the channel at what its payee released; without a release: says how it ended, if it did. */
  end(tab: Tab, release: Release | undefined): Promise<Pick<ChannelView, 'state' | 'charged'>>
  /** Has what is left of a channel paid out, and gives the block once it is confirmed. Undefined: it is too little, and stays there. */
  withdraw(tab: Tab, amount: bigint): Promise<BlockHash | undefined>
  /** Has so much of the balance paid out, and gives the block once it is confirmed. Undefined: it is too little, and stays there. */
  withdrawBalance(issuer: string, amount: bigint): Promise<BlockHash | undefined>
}

const isRefusal = (error: unknown, reason: string) => error instanceof IssuerError && error.reason === reason

/** An account that the issuer has never heard of has nothing there. */
const unlessNew = (error: unknown): undefined => {
  if (!isRefusal(error, 'not_found')) throw error
}

/** A payee has no longer than this to redeem what it was paid: until then a lock may stay. */
const MAX_SETTLE_SECONDS = 2_592_000
const PAUSE_MS = 250

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
    if (offer === undefined || block === undefined) throw new Error('unreachable: a deposit that no issuer asked for')
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

  /** Withdraws under a name, and waits for the block: asked again, it is the same withdrawal. */
  async function payOut(issuer: string, { id, amount }: { readonly id: string; readonly amount: bigint }) {
    const client = clientOf(issuer)
    const deadlineMs = performance.now() + retryForMs
    try {
      await client.withdraw(amount, id)
    } catch (error) {
      if (isRefusal(error, 'invalid_amount')) return undefined
      throw error
    }
    for (;;) {
      const { state, block } = await client.withdrawal(id)
      if (state === 'paid') return block
      if (performance.now() + PAUSE_MS > deadlineMs) throw new IssuerError('The issuer has not paid out yet.')
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
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

    async balance(issuer) {
      const account = await clientOf(issuer).account().catch(unlessNew)
      return parseRaw(account?.balance ?? '0')
    },
    async locks(issuer) {
      const account = await clientOf(issuer).account().catch(unlessNew)
      return (account?.channels ?? []).map(({ channelId, payee, amount }) => ({
        channelId,
        payee,
        amount: parseRaw(amount),
      }))
    },
    accountOf: async (issuer) => nanoAddress((await clientOf(issuer).info()).account),

    async lock(tab) {
      const [{ issuer = '' }, [deposit]] = [tab.config, tab.deposits]
      if (deposit === undefined) throw new Error('unreachable: a channel without a deposit')
      const client = clientOf(issuer)
      let certificate: Certificate
      try {
        certificate = await client.open(tab.config, deposit.amount)
      } catch (error) {
        if (!isRefusal(error, 'insufficient_balance') || deposit.block === undefined) throw error
        await show(issuer, deposit)
        certificate = await client.open(tab.config, deposit.amount)
      }
      const check = createCertificateCheck({ issuers: [issuer], minSettleSeconds: 0 })
      const worth = await check(tab.config, certificate)
      const { expiresAt, closeGrace } = tab.config
      const isSoon = certificate.settleBy <= expiresAt + closeGrace + MAX_SETTLE_SECONDS
      if (typeof worth === 'object' && worth.amount === deposit.amount && isSoon) return certificate
      const reason = 'issuer_certificate'
      tab.distrust(reason)
      throw new ChannelError(
        'The issuer gave a certificate that is none of this channel: nothing more is deposited with it.',
        {
          ...{ channelId: tab.id, reason },
        },
      )
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
        if (isRefusal(error, 'channel_not_found')) return { state: 'returned', charged: '0' }
        throw error
      })
    },

    async withdraw(tab, amount) {
      const { issuer = '' } = tab.config
      const [deposit] = tab.deposits
      const id = tab.id.slice(0, 32)
      return payOut(issuer, { id, amount }).catch(async (error: unknown) => {
        if (!isRefusal(error, 'insufficient_balance') || deposit?.block === undefined) throw error
        await show(issuer, deposit) // which nobody had done yet
        return payOut(issuer, { id, amount })
      })
    },

    withdrawBalance: (issuer, amount) => payOut(issuer, { id: randomHex(16), amount }),
  }
}
