/**
 * Takes payments in channels for one route. The order of checks: form, a channel of ours, MAC, payment identifier, bounds,
 * hashing or signature, then in one step with the channel's state: authorised, and reserved before the handler runs. A
 * deposit is looked up only for an offer that was sealed here, and is claimed only once it is verified.
 */
import { closeBytes, type PaidRequest, requestHash, stateBytes, topUpBytes } from '../../channel/binding.ts'
import { readCertificate } from '../../channel/certificate.ts'
import type { ChannelTerms } from '../../channel/channels.ts'
import { type ChannelConfig, type ChannelId, channelId, isOpeningAuthorized } from '../../channel/config.ts'
import { type Genuine, lastProofOf } from '../../channel/proof.ts'
import { reserved } from '../../channel/record.ts'
import { hmacSha256, sha256 } from '../../channel/sha256.ts'
import {
  type AuthorizePayload,
  CHANNEL_SCHEME,
  type ChannelOffer,
  type ChannelOutcome,
  type ClosePayload,
  commitmentId,
  decodePayload,
  depositTag,
  type OpenPayload,
  type Release,
  type ShownProof,
  type StatePayload,
  stateText,
  type TopUpPayload,
} from '../../channel/wire.ts'
import { encodeUtf8, equalInConstantTime, randomHex } from '../../core/bytes.ts'
import type { Cashier, Replied, Taken } from '../../core/cashier.ts'
import { keepClaims } from '../../core/claims.ts'
import { type EventListener, stopwatch } from '../../core/events.ts'
import { type Extension, objectionOf, usesOf } from '../../core/extension.ts'
import type { Meter } from '../../core/meter.ts'
import { BODY_TOO_LARGE } from '../../core/price.ts'
import { currentPrice, type Pricing, TAG_MODULUS } from '../../core/quote.ts'
import { type Refusal, type RefusalCode, refusal } from '../../core/refusal.ts'
import { type PaywallRequest, readBody, targetOf } from '../../core/request.ts'
import { type Draws, meteredEvents } from '../../core/sse.ts'
import { ChargeError, IssuerError } from '../../errors.ts'
import { bytesToHex, hexToBytes } from '../../nano/hex.ts'
import { addressToPublicKey, type BlockHash, verifyMessage } from '../../nano/index.ts'
import { unref } from '../../rpc/wait.ts'
import { IDENTIFIER, identifierIn } from '../../x402/identifier.ts'
import type { PresentedPayment } from '../../x402/wire.ts'
import { isOfTerms, type MadeOffer } from './offer.ts'
import type { Payee } from './payee.ts'
import { stateOf } from './receipts.ts'

/** What a route asks, and what it allows. */
export interface ChannelRoute extends Pricing {
  readonly name: string
  readonly emit?: EventListener | undefined
  /** Handler runs that one payment buys, at most. */
  readonly attempts: number
  readonly leaseMs: number
  /** What has to do with each payment. */
  readonly extensions?: readonly Extension[]
}

type PrefixedCode = Extract<RefusalCode, `invalid_batch_settlement_nano_${string}`>
type ChannelCode = PrefixedCode extends `invalid_batch_settlement_nano_${infer Code}` ? Code : never

const PREFIX = 'invalid_batch_settlement_nano_'
const refuse = (code: ChannelCode): Refusal => refusal(`${PREFIX}${code}`)

/** Longest body that a payment is bound to, in bytes. */
const MAX_BODY_BYTES = 1_048_576
/** A payment is remembered for so long after its channel's expiry, at least. */
const ANSWERS_KEPT_MS = 86_400_000
const NO_BODY = sha256(new Uint8Array(0))

const STATE_WINDOW_SECONDS = 300

interface Visit {
  readonly payment: PresentedPayment
  readonly request: PaywallRequest
}

export function channelCashier(payee: Payee, route: ChannelRoute): Cashier {
  const { channels, judge, offerings, deposits, receipts, closing, redeeming, network, account, origin } = payee
  const { mayCheckSignature, mayOpen } = payee
  const { name, emit, attempts, leaseMs, extensions = [] } = route
  const using = extensions.filter((extension) => extension.use)

  /** The channel's terms, if it is one of ours: other payees may have theirs in the same store. */
  async function ownTerms(id: ChannelId): Promise<ChannelTerms | undefined> {
    const terms = await channels.terms(id)
    const { config } = terms ?? {}
    const isOurs =
      config?.payee === account && config.network === network && (origin === '' || config.origin === origin)
    return isOurs ? terms : undefined
  }
  const isMac = ({ macKey }: ChannelTerms, message: Uint8Array, mac: string): boolean =>
    equalInConstantTime(hmacSha256(hexToBytes(macKey))(message), hexToBytes(mac))

  /** How the channel stands, signed. For whoever showed its key, and nobody else. */
  async function outcomeOf(
    config: ChannelConfig,
    id: ChannelId,
    more: {
      readonly payment?: Pick<ChannelOutcome, 'commitmentId' | 'chargedAmount'>
      readonly hash?: Uint8Array
      readonly withProof?: true
      readonly withConfig?: true
      readonly release?: Release | undefined
    } = {},
  ): Promise<ChannelOutcome | undefined> {
    const channel = await channels.state(id)
    if (channel === undefined) return undefined
    const signed = await receipts.sign({ ...more.payment, channelState: stateOf(id, channel) }, more.hash)
    const lastProof = more.withProof && lastProofOf(config, channel)
    return {
      ...signed,
      ...(lastProof && { lastProof }),
      ...(more.withConfig && { config }),
      ...(more.release && { release: more.release }),
    }
  }
  const correct = async (code: RefusalCode, { config }: ChannelTerms, id: ChannelId): Promise<Refusal> => {
    const extra = await outcomeOf(config, id, { withProof: true })
    return extra ? { ...refusal(code), correction: { scheme: CHANNEL_SCHEME, extra: { ...extra } } } : refusal(code)
  }
  const replied = ({ payer }: ChannelConfig, extra: ChannelOutcome | undefined, transaction = ''): Replied => ({
    kind: 'replied',
    settlement: { success: true, transaction, network, payer, ...(extra && { extra: { ...extra } }) },
  })

  /** The payment's identifier and its request; or why there are none. */
  async function boundTo({ payment, request }: Visit): Promise<Refusal | { id: string; paid: PaidRequest }> {
    const id = identifierIn(payment)
    if (id === undefined) return refusal('payment_identifier_required')
    if (typeof id !== 'string' || !IDENTIFIER.test(id)) return refusal('invalid_payment_identifier')
    const { method } = request
    return { id, paid: { method, url: targetOf(request), bodyHash: await bodyHashOf(request) } }
  }

  async function pay(proof: ShownProof, visit: Visit, transaction = ''): Promise<Refusal | Taken> {
    const lap = stopwatch()
    const id = proof.channelId
    const terms = await ownTerms(id)
    if (terms === undefined) return refuse('channel_not_found')
    const bound = await boundTo(visit)
    if ('kind' in bound) return bound
    const judged = await judge({ proof, paymentId: bound.id, request: bound.paid, use: 'pay' })
    const hash = () => requestHash(bound.paid)
    const commitment = commitmentId(id, bound.id)
    const alreadyCharged = async (charged: bigint): Promise<Refusal> => {
      const paid = { commitmentId: commitment, chargedAmount: String(charged) }
      const extra = await outcomeOf(terms.config, id, { payment: paid, hash: hash() })
      return { ...refusal('answer_not_stored'), correction: { scheme: CHANNEL_SCHEME, extra: { ...extra } } }
    }
    // The MAC is genuine: the answer belongs to whoever has the channel's key.
    const usesOfPayment = () => {
      const keepUntilMs = 1_000 * terms.config.expiresAt + ANSWERS_KEPT_MS
      const ids = [commitment]
      return usesOf(using, { ...visit, session: commitment, ids, store: payee.store, keepUntilMs })
    }
    if (judged.kind === 'answered') {
      const again = await (await usesOfPayment())[0]?.spent()
      if (again?.code === 'payment_in_progress') return again
      const told = await alreadyCharged(judged.charged)
      if (!again?.answer) return told
      const amount = String(judged.charged)
      const { settlement } = replied(terms.config, told.correction?.extra as ChannelOutcome | undefined)
      return { ...again, settlement: { ...settlement, amount } }
    }
    if (judged.kind === 'refused')
      return isSecret(judged.code) ? refuse(judged.code) : correct(`${PREFIX}${judged.code}`, terms, id)
    const ms = lap()
    emit?.({ type: 'confirmed', route: name, scheme: CHANNEL_SCHEME, ms })
    emit?.({ type: 'channel_proof', mode: terms.config.mode, steps: judged.steps, ms })

    const price = await currentPrice(visit.request, route)
    // What the client echoes is the most that it agreed to: what an earlier request left over is not for a higher price.
    if (BigInt(visit.payment.accepted.amount ?? 0) < price) {
      return correct(`${PREFIX}insufficient_authorization`, terms, id)
    }
    const owner = randomHex(16)
    const leaseEndMs = Date.now() + leaseMs
    const { reach, fingerprint } = judged
    const order = { id: judged.id, fingerprint, owner, reach, proof: judged.proof, amount: price }
    const result = await channels.authorizeAndReserve(id, {
      ...order,
      leaseEndsAtMs: leaseEndMs,
      maxAttempts: attempts,
    })
    if (typeof result === 'object') return alreadyCharged(result.charged)
    if (result === 'attempts_exhausted') return correct(result, terms, id)
    if (result === 'channel_not_found') return refuse(result)
    if (result !== 'reserved') return correct(`${PREFIX}${result}`, terms, id)
    emit?.({ type: 'claimed', route: name, scheme: CHANNEL_SCHEME, ms: lap() })

    const uses = await usesOfPayment()
    const objection = await objectionOf(uses)
    if (objection) {
      await channels.release(id, { id: judged.id, owner })
      return objection
    }
    const held = { id: judged.id, owner }
    const streamId = bytesToHex(sha256(encodeUtf8(`stream:${judged.id}:${owner}`)).subarray(0, 16))
    const meter = meterOf(id, held, {
      price,
      stream: () => drawsOf(terms, id, { id: streamId, owner, fingerprint, commitment }),
    })
    const mayGoOn = graceOf(terms.config, id)
    const claims = keepClaims(
      {
        renew: async (ms) => (await mayGoOn()) && channels.renew(id, { ...held, leaseEndsAtMs: Date.now() + ms }),
        commit: () => channels.charge(id, { ...held, amount: meter.cost }),
        release: () => channels.release(id, held),
        noteDelivery: undefined,
      },
      { leaseMs, leaseEndMs },
    )
    const { payer } = terms.config
    let extra: ChannelOutcome | undefined
    return {
      kind: 'taken',
      settled: {
        kind: 'settled',
        settlement: { success: true, transaction, network, payer, amount: String(price) },
        async commit() {
          const paid = { commitmentId: commitment, chargedAmount: String(meter.cost) }
          extra = await settledOutcome(id, paid, proof.receipt === false ? undefined : hash()).catch(() => undefined)
        },
        async release() {},
        outcome: () => ({ amount: String(meter.cost), ...(extra && { extra: { ...extra } }) }),
      },
      scheme: CHANNEL_SCHEME,
      amount: price,
      claims,
      meter,
      uses,
      ms: lap(),
    }
  }

  /** Whether a payment that was begun may still go on: for `closeGrace` after a close or the expiry, and no longer. */
  function graceOf({ closeGrace }: ChannelConfig, id: ChannelId): () => Promise<boolean> {
    let closingSinceMs: number | undefined
    return async () => {
      const channel = await channels.recentState(id)
      if (channel === undefined) return false
      if (channel.phase !== 'open') closingSinceMs ??= Date.now()
      return Date.now() < Math.min(closingSinceMs ?? Number.POSITIVE_INFINITY, channel.expiresAtMs) + 1_000 * closeGrace
    }
  }

  /** After the charge, from what is at hand. `hash`: of the request, if a receipt is wanted. */
  async function settledOutcome(
    id: ChannelId,
    payment: Pick<ChannelOutcome, 'commitmentId' | 'chargedAmount'>,
    hash: Uint8Array | undefined,
  ): Promise<ChannelOutcome | undefined> {
    const channel = await channels.recentState(id)
    if (channel === undefined) return undefined
    const outcome = { ...payment, channelState: stateOf(id, channel) }
    return hash ? receipts.sign(outcome, hash) : outcome
  }

  /** What pays for a stream: a second entry in the channel's state, which lives as long as the stream does. */
  function drawsOf(
    { config }: ChannelTerms,
    id: ChannelId,
    stream: { readonly id: string; readonly owner: string; readonly fingerprint: string; readonly commitment: string },
  ): Draws {
    const { commitment, fingerprint, ...held } = stream
    let charged = 0n
    /** What was authorised when the client was asked for more: its answer may be here before we wait for it. */
    let asked: bigint | undefined
    let beginning: Promise<boolean> | undefined
    const begin = async () => {
      const opening = { ...held, fingerprint, leaseEndsAtMs: Date.now() + leaseMs }
      return (await channels.openStream(id, opening)) === 'begun'
    }
    const renewing = setInterval(() => {
      channels.renew(id, { ...held, leaseEndsAtMs: Date.now() + leaseMs }).catch(() => {}) // lost: found out with the next draw
    }, leaseMs / 3)
    unref(renewing)
    return {
      async draw(spent, next) {
        beginning ??= begin()
        if (!(await beginning)) return 'ended'
        const drawn = await channels.draw(id, { ...held, spent, next })
        if (drawn !== false) charged += spent
        return drawn
      },
      async need(next) {
        const channel = await channels.state(id)
        if (channel === undefined) return {}
        const required = channel.charged + reserved(channel) + next
        asked = channel.authorized
        const [authorized, deposit] = [String(channel.authorized), String(channel.deposit)]
        return { channelId: id, requiredCumulative: String(required), authorized, deposit }
      },
      async more(signal) {
        const authorized = await waitForMore(id, { before: asked, signal })
        asked = authorized ?? asked
        return authorized !== undefined
      },
      async end() {
        clearInterval(renewing)
        await channels.release(id, held).catch(() => {}) // it lapses by itself
        const paid = { commitmentId: commitment, chargedAmount: String(charged) }
        return outcomeOf(config, id, { payment: paid }).catch(() => undefined)
      },
    }
  }

  /** What is authorised, once it is more than `before`, or the channel is not open any more. Undefined: nobody gave it in time. */
  async function waitForMore(
    id: ChannelId,
    { before, signal }: { readonly before: bigint | undefined; readonly signal: AbortSignal },
  ): Promise<bigint | undefined> {
    const deadlineMs = Date.now() + payee.authorizeMs
    for (;;) {
      const now = await channels.state(id)
      if (now === undefined) return undefined
      if (now.authorized !== before || now.phase !== 'open') return now.authorized
      const timeoutMs = deadlineMs - Date.now()
      if (timeoutMs <= 0 || !(await channels.waitForUpdate(id, { timeoutMs, signal }))) return undefined
    }
  }

  function meterOf(
    id: ChannelId,
    held: { readonly id: string; readonly owner: string },
    { price, stream }: { readonly price: bigint; readonly stream: () => Draws },
  ): Meter {
    let max = price
    let cost = price
    return {
      get cost() {
        return cost
      },
      charge(amount) {
        if (typeof amount !== 'bigint' || amount < 0n || amount > max) {
          throw new ChargeError(`A charge is a bigint in raw, from 0 to what is reserved (${max} raw).`)
        }
        cost = amount
      },
      async reserve(wanted) {
        if (typeof wanted !== 'bigint' || !(await channels.reserve(id, { ...held, amount: wanted }))) return false
        max = wanted
        cost = wanted
        return true
      },
      events: (source, each) => meteredEvents(source, { price: each, draws: stream() }),
    }
  }

  async function open(payload: OpenPayload, visit: Visit): Promise<Refusal | Taken | Replied> {
    const { config, macKey, blockHash: block, proof } = payload
    const made = madeOffer(visit.payment.accepted.extra)
    if (made === undefined || made.offer.nonce !== config.nonce) return refuse('nonce')
    const { offer, issuedAtMs } = made
    if (!isOfTerms(config, offer, { network, account, origin })) return refuse('binding')
    if (bytesToHex(sha256(hexToBytes(macKey))) !== config.macKeyHash) return refuse('mac')
    const id = channelId(config)
    if (proof !== undefined && proof.channelId !== id) return refuse('payload')
    if (issuedAtMs < (await payee.store.epochMs())) return recover(payload, offer, visit)

    const refused =
      block === undefined
        ? await openCertified(payload, offer)
        : await openDeposited(payload, { block, offer, request: visit.request })
    if (refused) return refused
    return proof ? pay(proof, visit, block) : replied(config, await outcomeOf(config, id), block)
  }

  /** Opens it on a deposit of its own. */
  async function openDeposited(
    { config, macKey, authorization }: OpenPayload,
    {
      block,
      offer,
      request,
    }: { readonly block: BlockHash; readonly offer: ChannelOffer; readonly request: PaywallRequest },
  ): Promise<Refusal | undefined> {
    const known = await channels.state(channelId(config))
    if (!known?.depositBlocks.includes(block)) {
      if (Date.now() >= 1_000 * config.expiresAt) return refuse('channel_expired')
      const [min, max] = [BigInt(offer.minDeposit), BigInt(offer.maxDeposit)]
      const wanted = { asker: offer.nonce, payer: config.payer, tag: depositTag(config.nonce), min, max }
      const amount = await deposits.find(block, wanted, request)
      if (amount === 'too_many_attempts') return refusal(amount)
      if (typeof amount === 'string') return refuse(amount)
      if (!isOpeningAuthorized(config, block, authorization)) return refuse('authorization')
      if (!mayOpen(config.payer)) return refuse('busy')
      const bounds = { min: offer.minDeposit, max: offer.maxDeposit }
      const opened = await channels.open({ config, macKey, deposits: bounds }, { block, amount })
      if (opened !== 'opened') return refuse(opened)
      payee.emit?.({ type: 'channel_opened', mode: config.mode, amount })
    }
    return undefined
  }

  /** Opens it on what its issuer signed, who is not asked. */
  async function openCertified(
    { config, macKey, certificate: shown }: OpenPayload,
    { minDeposit, maxDeposit, issuer }: ChannelOffer,
  ): Promise<Refusal | undefined> {
    if (await channels.state(channelId(config))) return undefined
    if (Date.now() >= 1_000 * config.expiresAt) return refuse('channel_expired')
    const certificate = readCertificate(shown)
    if (certificate === undefined || issuer === undefined) return refuse('certificate')
    const worth = await payee.check(config, certificate)
    if (typeof worth === 'string') return refuse(worth)
    const { amount } = worth
    if (amount < BigInt(minDeposit) || amount > BigInt(maxDeposit) + TAG_MODULUS) return refuse('deposit_mismatch')
    if (!mayOpen(config.payer)) return refuse('busy')
    const opened = await channels.openCertified({ config, macKey, certificate, issuer })
    if (opened !== 'opened') return refuse(opened)
    payee.emit?.({ type: 'channel_opened', mode: config.mode, amount })
    return undefined
  }

  /** The offer that a client echoes, if it was made here. */
  const madeOffer = (extra: unknown): MadeOffer | undefined => {
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
  async function recover(payload: OpenPayload, offer: ChannelOffer, { request }: Visit): Promise<Refusal> {
    const { config, macKey, blockHash: block, authorization, acknowledged } = payload
    if (block === undefined || acknowledged === undefined) return refusal('store_reset')
    const id = channelId(config)
    const { channelState: said } = acknowledged
    if (said.channelId !== id || said.phase === 'closed' || !(await receipts.isOurs(acknowledged))) {
      return refuse('proof')
    }
    const [min, max] = [BigInt(offer.minDeposit), BigInt(offer.maxDeposit)]
    const wanted = { asker: offer.nonce, payer: config.payer, tag: depositTag(config.nonce), min, max }
    const amount = await deposits.find(block, wanted, request)
    if (amount === 'too_many_attempts') return refusal(amount)
    if (typeof amount === 'string') return refuse(amount)
    if (!isOpeningAuthorized(config, block, authorization)) return refuse('authorization')
    if (!mayOpen(config.payer)) return refuse('busy')
    const known = { block, deposit: BigInt(said.deposit), charged: BigInt(said.charged) }
    const terms = { config, macKey, deposits: { min: offer.minDeposit, max: offer.maxDeposit } }
    const taken = await channels.recover(terms, known)
    return taken === 'recovering' ? correct(`${PREFIX}channel_recovering`, terms, id) : refuse(taken)
  }

  async function topUp({ channelId: id, blockHash: block, mac }: TopUpPayload, { request }: Visit) {
    const terms = await ownTerms(id)
    if (terms === undefined) return refuse('channel_not_found')
    if (!isMac(terms, topUpBytes(id, block), mac)) return refuse('mac')
    const { config, deposits: bounds } = terms
    if (config.custodian === 'issuer') return correct(`${PREFIX}deposit_mismatch`, terms, id) // nobody has locked it for us
    const known = await channels.state(id)
    if (!known?.depositBlocks.includes(block)) {
      const [min, max] = [BigInt(bounds?.min ?? 0), BigInt(bounds?.max ?? 0)]
      // Each deposit that was credited gives as many attempts at the next one.
      const asker = `${id}:${known?.depositBlocks.length ?? 0}`
      const wanted = { asker, payer: config.payer, tag: depositTag(config.nonce), min, max }
      const amount = await deposits.find(block, wanted, request)
      if (amount === 'too_many_attempts') return refusal(amount)
      if (typeof amount === 'string') return correct(`${PREFIX}${amount}`, terms, id)
      const added = await channels.topUp(id, { block, amount })
      if (added !== 'added')
        return added === 'attempts_exhausted' ? refusal(added) : correct(`${PREFIX}${added}`, terms, id)
      payee.emit?.({ type: 'channel_topped_up', amount })
    }
    return replied(config, await outcomeOf(config, id), block)
  }

  async function authorize({ proof }: AuthorizePayload, visit: Visit): Promise<Refusal | Replied> {
    const id = proof.channelId
    const terms = await ownTerms(id)
    if (terms === undefined) return refuse('channel_not_found')
    const bound = await boundTo(visit)
    if ('kind' in bound) return bound
    const judged = await judge({ proof, paymentId: bound.id, request: bound.paid, use: 'authorize' })
    if (judged.kind !== 'genuine') {
      const code = judged.kind === 'refused' ? judged.code : 'proof'
      return isSecret(code) ? refuse(code) : correct(`${PREFIX}${code}`, terms, id)
    }
    const authorized = await channels.authorize(id, judged satisfies Pick<Genuine, 'reach' | 'proof'>)
    if (authorized === 'channel_not_found') return refuse(authorized)
    if (authorized === 'attempts_exhausted') return refusal(authorized)
    if (authorized !== 'authorized') return correct(`${PREFIX}${authorized}`, terms, id)
    return replied(terms.config, await outcomeOf(terms.config, id))
  }

  async function close({ channelId: id, mac }: ClosePayload): Promise<Refusal | Replied> {
    const terms = await ownTerms(id)
    if (terms === undefined) return refuse('channel_not_found')
    if (!isMac(terms, closeBytes(id), mac)) return refuse('mac')
    // A block can take longer than a client waits. It is made all the same, and the client asks again.
    const closed = await within(payee.confirmTimeoutMs, closing.close(id)).catch((fault: unknown) => {
      // The payer can end it with our release, whether or not the issuer answers us.
      if (fault instanceof IssuerError) return undefined
      throw fault
    })
    if (closed === 'busy') {
      const isRecovering = (await channels.state(id))?.phase === 'recovering'
      return correct(`${PREFIX}${isRecovering ? 'channel_recovering' : 'busy'}`, terms, id)
    }
    if (closed === 'channel_not_found') return refuse(closed)
    const release = await redeeming.release(id, terms)
    return replied(terms.config, await outcomeOf(terms.config, id, { release }), closed?.refund)
  }

  async function tellState(payload: StatePayload): Promise<Refusal | Replied> {
    if (!('blockHash' in payload)) {
      const { channelId: id, mac } = payload
      const terms = await ownTerms(id)
      if (terms === undefined) return refuse('channel_not_found')
      if (!isMac(terms, stateBytes(id), mac)) return refuse('mac')
      return replied(terms.config, await outcomeOf(terms.config, id, { withProof: true }))
    }
    const { blockHash: block, issuedAt, signature } = payload
    const nowSeconds = Date.now() / 1_000
    if (Math.abs(nowSeconds - issuedAt) > STATE_WINDOW_SECONDS) return refuse('authorization')
    const id = await channels.openedWith(block)
    const terms = id === undefined ? undefined : await ownTerms(id)
    if (id === undefined || terms === undefined) return refuse('channel_not_found')
    if (!mayCheckSignature('state')) return refuse('busy')
    if (!verifyMessage(stateText(block, issuedAt), signature, addressToPublicKey(terms.config.payer))) {
      return refuse('authorization')
    }
    return replied(terms.config, await outcomeOf(terms.config, id, { withProof: true, withConfig: true }))
  }

  return {
    async offer(request, price) {
      const amount = price ?? (await currentPrice(request, route))
      return { amount, accepts: offerings.map(({ make }) => make(amount, route.maxTimeoutMs)) }
    },

    async take(payment, request) {
      const { scheme, network: named } = payment.accepted
      if (named !== undefined && named !== network) return refusal('invalid_network')
      if (scheme !== CHANNEL_SCHEME) return refusal('invalid_scheme')
      const payload = decodePayload(payment.payload)
      const visit = { payment, request }
      switch (payload?.type) {
        case undefined:
          return refuse('payload')
        case 'token':
        case 'voucher':
          return pay(payload, visit)
        case 'open':
          return open(payload, visit)
        case 'topup':
          return topUp(payload, visit)
        case 'authorize':
          return authorize(payload, visit)
        case 'close':
          return close(payload)
        case 'state':
          return tellState(payload)
      }
    },
  }
}

/** Refused before the MAC was found genuine: nothing is said about the channel. */
const isSecret = (code: string): code is 'mac' | 'payload' | 'channel_not_found' =>
  code === 'mac' || code === 'payload' || code === 'channel_not_found'

/** SHA-256 of a body, which is left unread. A GET without a word of a body has none. */
async function bodyHashOf(request: PaywallRequest): Promise<Uint8Array> {
  const { method, headers } = request
  const isBare = (method === 'GET' || method === 'HEAD') && !headers.get('transfer-encoding')
  if (isBare && Number(headers.get('content-length') ?? 0) === 0) return NO_BODY
  const body = await readBody(request, MAX_BODY_BYTES)
  if (body === undefined) throw BODY_TOO_LARGE
  return new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(body)))
}

/** What a promise gives; undefined when it takes longer. It goes on, and what becomes of it is for the next who asks. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
