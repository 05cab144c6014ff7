/** Opens a channel, on a deposit of its own or on what an issuer signed, and pays the request that comes with it. */
import { readCertificate } from '../../channel/certificate.ts'
import { channelId, isOpeningAuthorized } from '../../channel/config.ts'
import { sha256 } from '../../channel/sha256.ts'
import { type ChannelOffer, depositTag, type OpenPayload } from '../../channel/wire.ts'
import type { Replied, Taken } from '../../core/cashier.ts'
import { TAG_MODULUS } from '../../core/quote.ts'
import { type Refusal, refusal } from '../../core/refusal.ts'
import { bytesToHex, hexToBytes } from '../../nano/hex.ts'
import type { BlockHash } from '../../nano/index.ts'
import { isOfTerms, type MadeOffer } from './offer.ts'
import { correct, outcomeOf, replied } from './own.ts'
import { pay } from './pay.ts'
import type { Payee } from './payee.ts'
import { PREFIX, refuse } from './refusals.ts'
import type { Visit } from './visit.ts'

export async function open(payload: OpenPayload, visit: Visit): Promise<Refusal | Taken | Replied> {
  const { config, macKey, blockHash: block, proof } = payload
  const { payee } = visit
  const made = madeOffer(visit.payment.accepted.extra, payee)
  if (made === undefined || made.offer.nonce !== config.nonce) return refuse('nonce')
  const { offer, issuedAtMs } = made
  if (!isOfTerms(config, offer, payee)) return refuse('binding')
  if (bytesToHex(sha256(hexToBytes(macKey))) !== config.macKeyHash) return refuse('mac')
  const id = channelId(config)
  if (proof !== undefined && proof.channelId !== id) return refuse('payload')
  if (issuedAtMs < (await payee.store.epochMs())) return recover(payload, offer, visit)

  const refused =
    block === undefined
      ? await openCertified(payload, offer, payee)
      : await openDeposited(payload, { block, offer, visit })
  if (refused) return refused
  const channel = { id, terms: { config, macKey }, payee }
  return proof ? pay(proof, visit, block) : replied(channel, await outcomeOf(channel), block)
}

interface Deposited {
  readonly block: BlockHash
  readonly offer: ChannelOffer
  readonly visit: Visit
}

/** The amount of a deposit that is what was offered, and that its payer signed for; or why it is not. */
async function depositFor(
  { config, authorization }: OpenPayload,
  { block, offer, visit }: Deposited,
): Promise<Refusal | { readonly amount: bigint }> {
  const { deposits, mayOpen } = visit.payee
  const [min, max] = [BigInt(offer.minDeposit), BigInt(offer.maxDeposit)]
  const wanted = { asker: offer.nonce, payer: config.payer, tag: depositTag(config.nonce), min, max }
  const amount = await deposits.find(block, wanted, visit.request)
  if (amount === 'too_many_attempts') return refusal(amount)
  if (typeof amount === 'string') return refuse(amount)
  if (!isOpeningAuthorized(config, block, authorization)) return refuse('authorization')
  return mayOpen(config.payer) ? { amount } : refuse('busy')
}

/** Opens it on a deposit of its own. */
async function openDeposited(payload: OpenPayload, deposited: Deposited): Promise<Refusal | undefined> {
  const { config, macKey } = payload
  const { block, offer, visit } = deposited
  const { channels, emit } = visit.payee
  const known = await channels.state(channelId(config))
  if (known?.depositBlocks.includes(block)) return undefined
  if (Date.now() >= 1_000 * config.expiresAt) return refuse('channel_expired')
  const deposit = await depositFor(payload, deposited)
  if ('kind' in deposit) return deposit
  const { amount } = deposit
  const bounds = { min: offer.minDeposit, max: offer.maxDeposit }
  const opened = await channels.open({ config, macKey, deposits: bounds }, { block, amount })
  if (opened !== 'opened') return refuse(opened)
  emit?.({ type: 'channel_opened', mode: config.mode, amount })
  return undefined
}

/** Opens it on what its issuer signed, who is not asked. */
async function openCertified(
  { config, macKey, certificate: shown }: OpenPayload,
  { minDeposit, maxDeposit, issuer }: ChannelOffer,
  { channels, check, mayOpen, emit }: Payee,
): Promise<Refusal | undefined> {
  if (await channels.state(channelId(config))) return undefined
  if (Date.now() >= 1_000 * config.expiresAt) return refuse('channel_expired')
  const certificate = readCertificate(shown)
  if (certificate === undefined || issuer === undefined) return refuse('certificate')
  const worth = await check(config, certificate)
  if (typeof worth === 'string') return refuse(worth)
  const { amount } = worth
  if (amount < BigInt(minDeposit) || amount > BigInt(maxDeposit) + TAG_MODULUS) return refuse('deposit_mismatch')
  if (!mayOpen(config.payer)) return refuse('busy')
  const opened = await channels.openCertified({ config, macKey, certificate, issuer })
  if (opened !== 'opened') return refuse(opened)
  emit?.({ type: 'channel_opened', mode: config.mode, amount })
  return undefined
}

/** The offer that a client echoes, if it was made here. */
function madeOffer(extra: unknown, { offerings }: Payee): MadeOffer | undefined {
  for (const offering of offerings) {
    const made = offering.open(extra)
    if (made) return made
  }
  return undefined
}

/**
 * A channel of a store that was lost. What we signed says how it stood then, and that this block was its deposit's; what was
 * charged since then nobody knows. It may only close, once the operator has seen that it was not refunded before.
 */
async function recover(payload: OpenPayload, offer: ChannelOffer, visit: Visit): Promise<Refusal> {
  const { config, macKey, blockHash: block, acknowledged } = payload
  const { channels, receipts } = visit.payee
  if (block === undefined || acknowledged === undefined) return refusal('store_reset')
  const id = channelId(config)
  const { channelState: said } = acknowledged
  if (said.channelId !== id || said.phase === 'closed' || !(await receipts.isOurs(acknowledged))) {
    return refuse('proof')
  }
  const deposit = await depositFor(payload, { block, offer, visit })
  if ('kind' in deposit) return deposit
  const known = { block, deposit: BigInt(said.deposit), charged: BigInt(said.charged) }
  const terms = { config, macKey, deposits: { min: offer.minDeposit, max: offer.maxDeposit } }
  const taken = await channels.recover(terms, known)
  if (taken !== 'recovering') return refuse(taken)
  return correct(`${PREFIX}channel_recovering`, { id, terms, payee: visit.payee })
}
