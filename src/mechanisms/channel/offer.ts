/**
 * The offer of a channel. It is sealed, not remembered: its nonce carries when it was made and a MAC over every one of its
 * terms, so that a channel opens on what was offered, whatever the operator has set since.
 */
import type { ChannelConfig } from '../../channel/config.ts'
import { CHANNEL_BINDING, CHANNEL_SCHEME, type ChannelOffer, decodeOffer, depositTag } from '../../channel/wire.ts'
import { type Field, randomHex } from '../../core/bytes.ts'
import { type Pricing, TAG_MODULUS } from '../../core/quote.ts'
import type { Seal } from '../../core/seal.ts'
import type { NanoAddress } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import { unixSeconds } from '../exact.ts'
import type { ChannelSettings, IssuerTerms } from './settings.ts'

export interface OfferingOptions {
  readonly seal: Seal
  readonly settings: ChannelSettings
  /** The deposit account. */
  readonly account: NanoAddress
  readonly network: string
  readonly realm: string
  /** 64 hex digits. */
  readonly receiptKey: string
  /** Who holds the deposits. Undefined: we do. */
  readonly issuer?: IssuerTerms | undefined
}

/** An offer that was made here. */
export interface MadeOffer {
  readonly offer: ChannelOffer
  readonly issuedAtMs: number
}

export interface Offering {
  /** An entry for `accepts`, for a request that costs so much raw now. */
  make(amount: bigint, route: Pick<Pricing, 'maxTimeoutMs' | 'floats'>): PaymentRequirements
  /** The offer that a client echoes, if it is one of ours to the last of its terms. */
  open(extra: unknown): MadeOffer | undefined
}

export function createOffering(options: OfferingOptions): Offering {
  const { seal, settings, account, network, realm, receiptKey, issuer } = options
  /** Everything that is not in the nonce itself. */
  const bindingOf = (offer: Omit<ChannelOffer, 'nonce' | 'expiresAt' | 'suggestedDeposit' | 'deposit'>): Field[] => [
    ...[realm, network, offer.binding, offer.custodian, offer.modes.join(), offer.unit, offer.minDeposit],
    ...[offer.maxDeposit, String(offer.maxStep), String(offer.maxK), String(offer.ttlSeconds)],
    ...[String(offer.closeGraceSeconds), offer.receiptKey, offer.issuer?.url, offer.issuer?.publicKey],
  ]
  /** Where to deposit. With an issuer that is its affair. */
  const depositOf = (suggested: bigint, nonce: string): ChannelOffer['deposit'] =>
    issuer ? undefined : { account, exactAmount: String(suggested + depositTag(nonce)) }

  return {
    make(amount, { maxTimeoutMs, floats }) {
      const { unit = amount, minDeposit, maxDeposit, maxStep, maxK, ttlSeconds, closeGraceSeconds } = settings
      // Tokens of what it costs now would not fit the next price, and a channel would be opened for each.
      const modes =
        floats && settings.unit === undefined
          ? settings.modes.filter((mode) => mode === 'voucher-ed25519')
          : settings.modes
      const suggested = settings.suggestedDeposit ?? suggestedFor(amount, settings)
      const terms = {
        ...({ binding: CHANNEL_BINDING, custodian: issuer ? 'issuer' : 'payee', modes, unit: String(unit) } as const),
        ...(issuer && { issuer }),
        ...{ minDeposit: String(minDeposit), maxDeposit: String(maxDeposit), maxStep, maxK, ttlSeconds },
        ...{ closeGraceSeconds, receiptKey },
      }
      const issuedAtMs = Date.now()
      const expiresAtMs = issuedAtMs + 1_000 * ttlSeconds
      const sealed = { id: randomHex(16), issuedAtMs, expiresAtMs, amount: suggested, payTo: account, inputs: [] }
      const nonce = seal.close(sealed, bindingOf(terms))
      const deposit = depositOf(suggested, nonce)
      const extra: ChannelOffer = {
        ...terms,
        suggestedDeposit: String(suggested),
        expiresAt: unixSeconds(expiresAtMs),
        nonce,
        ...(deposit && { deposit }),
      }
      return {
        scheme: CHANNEL_SCHEME,
        network,
        amount: String(amount),
        asset: 'XNO',
        payTo: account,
        maxTimeoutSeconds: Math.floor(maxTimeoutMs / 1_000),
        extra: { ...extra },
      }
    },

    open(extra) {
      const offer = decodeOffer(extra)
      const sealed = offer && seal.peek(offer.nonce)?.open(bindingOf(offer))
      if (sealed === undefined || typeof sealed === 'string' || sealed.payTo !== account) return undefined
      const deposit = offer && depositOf(sealed.amount, offer.nonce)
      const isSame =
        offer?.deposit?.account === deposit?.account &&
        offer?.deposit?.exactAmount === deposit?.exactAmount &&
        offer?.suggestedDeposit === String(sealed.amount) &&
        offer.expiresAt === unixSeconds(sealed.expiresAtMs)
      return offer && isSame ? { offer, issuedAtMs: sealed.issuedAtMs } : undefined
    },
  }
}

/** A hundred requests' worth, within what may be deposited. */
function suggestedFor(amount: bigint, { minDeposit, maxDeposit }: ChannelSettings): bigint {
  const wanted = 100n * amount
  if (wanted < minDeposit) return minDeposit
  return wanted > maxDeposit ? maxDeposit : wanted - (wanted % TAG_MODULUS)
}

/** What every channel of ours has. `origin`: empty where we do not know it. */
export interface OurTerms {
  readonly network: string
  readonly account: NanoAddress
  readonly origin: string
}

/** Whether a channel is of the terms of this offer. */
export function isOfTerms(config: ChannelConfig, offer: ChannelOffer, ours: OurTerms): boolean {
  const { network, account, origin } = ours
  const isOfMode =
    config.mode === 'payword-sha256' ? config.unit === offer.unit && config.maxK <= offer.maxK : !('unit' in config)
  return (
    isOfMode &&
    config.network === network &&
    config.custodian === offer.custodian &&
    config.issuer === offer.issuer?.publicKey &&
    config.payee === account &&
    (origin === '' || config.origin === origin) &&
    offer.modes.includes(config.mode) &&
    config.expiresAt <= offer.expiresAt &&
    config.closeGrace === offer.closeGraceSeconds &&
    config.nonce === offer.nonce &&
    config.payer !== config.payee &&
    config.refundTo !== config.payee
  )
}
