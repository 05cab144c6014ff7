/**
 * The offer of a channel. It is sealed, not remembered: its nonce carries when it was made and a MAC over every one of its
 * terms, so that a channel opens on what was offered, whatever the operator has set since.
 */
import type { ChannelConfig } from '../../channel/config.ts'
import { CHANNEL_BINDING, CHANNEL_SCHEME, type ChannelOffer, decodeOffer, depositTag } from '../../channel/wire.ts'
import { type Field, randomHex } from '../../core/bytes.ts'
import { TAG_MODULUS } from '../../core/quote.ts'
import type { Seal } from '../../core/seal.ts'
import type { NanoAddress } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import { unixSeconds } from '../exact.ts'
import type { ChannelSettings } from './settings.ts'

export interface OfferingOptions {
  readonly seal: Seal
  readonly settings: ChannelSettings
  /** The deposit account. */
  readonly account: NanoAddress
  readonly network: string
  readonly realm: string
  /** 64 hex digits. */
  readonly receiptKey: string
}

/** An offer that was made here. */
export interface MadeOffer {
  readonly offer: ChannelOffer
  readonly issuedAtMs: number
}

export interface Offering {
  /** An entry for `accepts`, for a request that costs so much raw at most. */
  make(amount: bigint, maxTimeoutMs: number): PaymentRequirements
  /** The offer that a client echoes, if it is one of ours to the last of its terms. */
  open(extra: unknown): MadeOffer | undefined
}

export function createOffering({ seal, settings, account, network, realm, receiptKey }: OfferingOptions): Offering {
  /** Everything that is not in the nonce itself. */
  const bindingOf = (offer: Omit<ChannelOffer, 'nonce' | 'expiresAt' | 'suggestedDeposit' | 'deposit'>): Field[] => [
    ...[realm, network, offer.binding, offer.custodian, offer.modes.join(), offer.unit, offer.minDeposit],
    ...[offer.maxDeposit, String(offer.maxStep), String(offer.maxK), String(offer.ttlSeconds)],
    ...[String(offer.closeGraceSeconds), offer.receiptKey],
  ]
  const exactAmount = (suggested: bigint, nonce: string) => String(suggested + depositTag(nonce))

  return {
    make(amount, maxTimeoutMs) {
      const { modes, unit = amount, minDeposit, maxDeposit, maxStep, maxK, ttlSeconds, closeGraceSeconds } = settings
      const suggested = settings.suggestedDeposit ?? suggestedFor(amount, settings)
      const terms = {
        ...({ binding: CHANNEL_BINDING, custodian: 'payee', modes, unit: String(unit) } as const),
        ...{ minDeposit: String(minDeposit), maxDeposit: String(maxDeposit), maxStep, maxK, ttlSeconds },
        ...{ closeGraceSeconds, receiptKey },
      }
      const issuedAtMs = Date.now()
      const expiresAtMs = issuedAtMs + 1_000 * ttlSeconds
      const sealed = { id: randomHex(16), issuedAtMs, expiresAtMs, amount: suggested, payTo: account, inputs: [] }
      const nonce = seal.close(sealed, bindingOf(terms))
      const extra: ChannelOffer = {
        ...terms,
        suggestedDeposit: String(suggested),
        expiresAt: unixSeconds(expiresAtMs),
        nonce,
        deposit: { account, exactAmount: exactAmount(suggested, nonce) },
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
      const isSame =
        offer?.deposit?.account === account &&
        offer.suggestedDeposit === String(sealed.amount) &&
        offer.deposit.exactAmount === exactAmount(sealed.amount, offer.nonce) &&
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

/** Whether a channel is of the terms of this offer. `origin`: ours, where we know it. */
export function isOfTerms(config: ChannelConfig, offer: ChannelOffer, network: string, origin: string): boolean {
  const isOfMode =
    config.mode === 'payword-sha256' ? config.unit === offer.unit && config.maxK <= offer.maxK : !('unit' in config)
  return (
    isOfMode &&
    config.network === network &&
    config.custodian === offer.custodian &&
    config.payee === offer.deposit?.account &&
    (origin === '' || config.origin === origin) &&
    offer.modes.includes(config.mode) &&
    config.expiresAt <= offer.expiresAt &&
    config.closeGrace === offer.closeGraceSeconds &&
    config.nonce === offer.nonce &&
    config.payer !== config.payee &&
    config.refundTo !== config.payee
  )
}
