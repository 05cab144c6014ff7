/**
 * Pays one request: its proof is judged, then in one step with the channel's state authorised, and reserved before the
 * handler runs; charged before the first byte of the answer leaves.
 */
import type { Genuine } from '../../channel/proof.ts'
import { CHANNEL_SCHEME, type ChannelOutcome, commitmentOf, type ShownProof } from '../../channel/wire.ts'
import { randomHex } from '../../core/bytes.ts'
import type { Taken } from '../../core/cashier.ts'
import { keepClaims } from '../../core/claims.ts'
import { stopwatch } from '../../core/events.ts'
import { objectionOf, type Use, usesOf } from '../../core/extension.ts'
import { currentPrice } from '../../core/quote.ts'
import { type Refusal, refusal } from '../../core/refusal.ts'
import { createMeter } from './meter.ts'
import { correct, type OwnChannel, outcomeOf, ownChannel, replied } from './own.ts'
import { stateOf } from './receipts.ts'
import { isSecret, PREFIX, refuse } from './refusals.ts'
import { drawsOf } from './stream.ts'
import { boundTo, type Visit } from './visit.ts'

/** A payment is remembered for so long after its channel's expiry, at least. */
const ANSWERS_KEPT_MS = 86_400_000

/** @param transaction - The deposit's block, where the channel was opened with this payment. */
export async function pay(proof: ShownProof, visit: Visit, transaction = ''): Promise<Refusal | Taken> {
  const { payment, request, route, payee } = visit
  const { channels } = payee
  const { name, emit, attempts, leaseMs } = route
  const lap = stopwatch()
  const id = proof.channelId
  const channel = await ownChannel(id, payee)
  if (channel === undefined) return refuse('channel_not_found')
  const { config } = channel.terms
  const bound = await boundTo(visit)
  if ('kind' in bound) return bound
  const judged = await payee.judge({ proof, paymentId: bound.id, request: bound.paid, use: 'pay' })
  // The MAC is genuine: the answer belongs to whoever has the channel's key.
  if (judged.kind === 'answered') return answeredBefore(channel, judged, visit)
  if (judged.kind === 'refused') {
    return isSecret(judged.code) ? refuse(judged.code) : correct(`${PREFIX}${judged.code}`, channel)
  }
  const ms = lap()
  emit?.({ type: 'confirmed', route: name, scheme: CHANNEL_SCHEME, ms })
  emit?.({ type: 'channel_proof', mode: config.mode, steps: judged.steps, ms })

  const price = await currentPrice(request, route)
  // What the client echoes is the most that it agreed to: what an earlier request left over is not for a higher price.
  if (BigInt(payment.accepted.amount ?? 0) < price) return correct(`${PREFIX}insufficient_authorization`, channel)
  const owner = randomHex(16)
  const leaseEndMs = Date.now() + leaseMs
  const { fingerprint } = judged
  const commitment = commitmentOf(id, judged.idHash)
  const held = { id: judged.id, owner }
  /** No handler has run. */
  const cancel = () => channels.cancel(id, held).catch(() => {}) // it lapses by itself
  let uses: readonly Use[]
  try {
    // Without spreads, here and below: each would take as long as a hash.
    const result = await channels.authorizeAndReserve(id, {
      id: judged.id,
      fingerprint,
      owner,
      reach: judged.reach,
      proof: judged.proof,
      amount: price,
      leaseEndsAtMs: leaseEndMs,
      maxAttempts: attempts,
    })
    if (typeof result === 'object') return alreadyCharged(channel, judged, result.charged)
    if (result === 'attempts_exhausted') return correct(result, channel)
    if (result === 'channel_not_found') return refuse(result)
    if (result !== 'reserved') return correct(`${PREFIX}${result}`, channel)
    emit?.({ type: 'claimed', route: name, scheme: CHANNEL_SCHEME, ms: lap() })
    uses = await usesOfPayment(channel, { visit, commitment })
    const objection = await objectionOf(uses)
    if (objection) {
      await cancel()
      return objection
    }
  } catch (fault) {
    await cancel() // even if it is not known whether it was reserved
    throw fault
  }
  const stream = () => drawsOf(channel, { ...held, fingerprint, commitment, leaseMs })
  const meter = createMeter(channels, { id, held, price, stream })
  const mayGoOn = graceOf(channel)
  const claims = keepClaims(
    {
      renew: async (ms) => (await mayGoOn()) && channels.renew(id, { ...held, leaseEndsAtMs: Date.now() + ms }),
      commit: () => channels.charge(id, { id: judged.id, owner, amount: meter.cost }),
      release: () => channels.release(id, held),
      noteDelivery: undefined,
    },
    { leaseMs, leaseEndMs },
  )
  let extra: ChannelOutcome | undefined
  return {
    kind: 'taken',
    settled: {
      kind: 'settled',
      settlement: {
        success: true,
        transaction,
        network: payee.network,
        payer: config.payer,
        amount: String(price),
      },
      async commit() {
        const paid = { commitmentId: commitment, chargedAmount: String(meter.cost) }
        extra = await settledOutcome(channel, paid, proof.receipt === false ? undefined : judged.requestHash).catch(
          () => undefined,
        )
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

/** What extensions have to do with a payment whose proof is genuine. */
async function usesOfPayment(
  { terms, payee }: OwnChannel,
  { visit, commitment }: { readonly visit: Visit; readonly commitment: string },
): Promise<readonly Use[]> {
  const { payment, request, route } = visit
  const keepUntilMs = 1_000 * terms.config.expiresAt + ANSWERS_KEPT_MS
  return usesOf(route.extensions, {
    payment,
    request,
    session: commitment,
    ids: [commitment],
    store: payee.store,
    keepUntilMs,
  })
}

/** A payment that had its answer. */
type Answered = Pick<Genuine, 'idHash' | 'requestHash'>

/** The answer again, if it was stored. */
async function answeredBefore(
  channel: OwnChannel,
  before: Answered & { readonly charged: bigint },
  visit: Visit,
): Promise<Refusal> {
  const commitment = commitmentOf(channel.id, before.idHash)
  const again = await (await usesOfPayment(channel, { visit, commitment }))[0]?.spent()
  if (again?.code === 'payment_in_progress') return again
  const told = await alreadyCharged(channel, before, before.charged)
  if (!again?.answer) return told
  const { settlement } = replied(channel, told.correction?.extra as ChannelOutcome | undefined)
  return { ...again, settlement: { ...settlement, amount: String(before.charged) } }
}

/** @param charged - In raw. */
async function alreadyCharged(
  channel: OwnChannel,
  { idHash, requestHash: hash }: Answered,
  charged: bigint,
): Promise<Refusal> {
  const payment = { commitmentId: commitmentOf(channel.id, idHash), chargedAmount: String(charged) }
  const extra = await outcomeOf(channel, { payment, hash })
  return { ...refusal('answer_not_stored'), correction: { scheme: CHANNEL_SCHEME, extra: { ...extra } } }
}

/** Whether a payment that was begun may still go on: for `closeGrace` after a close or the expiry, and no longer. */
function graceOf({ id, terms, payee }: OwnChannel): () => Promise<boolean> {
  let closingSinceMs: number | undefined
  return async () => {
    const state = await payee.channels.recentState(id)
    if (state === undefined) return false
    if (state.phase !== 'open') closingSinceMs ??= Date.now()
    const endMs = Math.min(closingSinceMs ?? Number.POSITIVE_INFINITY, state.expiresAtMs)
    return Date.now() < endMs + 1_000 * terms.config.closeGrace
  }
}

/** After the charge, from what is at hand. `hash`: of the request, if a receipt is wanted. */
async function settledOutcome(
  { id, payee }: OwnChannel,
  payment: { readonly commitmentId: string; readonly chargedAmount: string },
  hash: Uint8Array | undefined,
): Promise<ChannelOutcome | undefined> {
  const state = await payee.channels.recentState(id)
  if (state === undefined) return undefined
  const { commitmentId, chargedAmount } = payment
  const outcome = { commitmentId, chargedAmount, channelState: stateOf(id, state) }
  return hash ? payee.receipts.sign(outcome, hash) : outcome
}
