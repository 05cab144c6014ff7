/** The fetch that pays: sees the 402, chooses, pays once, waits, shows the proof, and says what came of it. */
import { InvalidValueError, NoPayableOfferError, type PaymentProof, RefusedAfterPaymentError } from '../errors.ts'
import { type BlockHash, blockHash } from '../nano/index.ts'
import type { WireName } from '../x402/wires.ts'
import { type ReadBill, readBills } from './bills.ts'
import type { ChannelPayments } from './channel/index.ts'
import type { Confirm } from './confirm.ts'
import type { PayerEvent } from './events.ts'
import { identifierFor } from './identifier.ts'
import { ALONE, type Method, SIDE_BY_SIDE } from './methods.ts'
import type { ChosenOffer } from './offers.ts'
import { createPasses } from './passes.ts'
import type { Payment } from './payment.ts'
import type { Payments } from './payments.ts'
import { discard, type Presented, present } from './present.ts'
import { proofOf } from './proof.ts'
import { type RepeatableRequest, readRequest } from './request.ts'

export interface PayingFetchOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly payments: Payments
  readonly confirm: Confirm
  readonly retryForMs: number
  /** The forms in which it is paid, the preferred one first. */
  readonly wires: readonly WireName[]
  /** Chooses the offer of a 402 that came from `url`, or throws. The best ways to pay come first. */
  readonly choose: (bills: readonly ReadBill[], url: string, methods: readonly Method[]) => ChosenOffer
  readonly emit: (event: PayerEvent) => void
  /** Loads what pays in channels. Left out: nothing is. */
  readonly channels?: (() => Promise<ChannelPayments>) | undefined
}

export interface PayingFetch {
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  present(proof: PaymentProof, input: RequestInfo | URL, init?: RequestInit): Promise<Response>
}

export function createPayingFetch(options: PayingFetchOptions): PayingFetch {
  const { payments, confirm, choose, retryForMs, emit } = options
  const passes = createPasses(options)
  let underWay = 0

  /** Asks without a proof. What is not ours to pay comes back as the response that it is. */
  async function challenge(request: RepeatableRequest): Promise<Response | Challenge> {
    const response = await options.fetch(request.unpaid())
    if (response.status !== 402) return response
    const bills = await readBills(response, response.url || request.url, options.wires).catch(
      async (error: unknown) => {
        await discard(response)
        throw error
      },
    )
    if (bills.length === 0) return response
    await discard(response)
    return { bills, url: urlOf(response, request) }
  }

  /** `reason`: why it was not paid in a channel, for when it cannot be paid otherwise either. */
  function chooseOnce({ bills, url }: Challenge, reason: Error | undefined): ChosenOffer {
    try {
      return choose(bills, url, underWay === 1 ? ALONE : SIDE_BY_SIDE)
    } catch (error) {
      throw error instanceof NoPayableOfferError && reason !== undefined ? reason : error
    }
  }

  const show = (request: RepeatableRequest, proof: PaymentProof, url: string) =>
    present(request, proof, {
      fetch: options.fetch,
      url,
      retryForMs,
      onAttempt: (attempt) => emit({ type: 'presenting', hash: proof.blockHash as BlockHash, attempt }),
    })

  /** The answer, or the error that keeps the proof. */
  async function conclude(
    presented: Presented,
    shown: { request: RepeatableRequest; proof: PaymentProof; url: string; payment: Payment | undefined },
  ): Promise<Response> {
    const { request, proof, url, payment } = shown
    const hash = proof.blockHash as BlockHash
    if (presented.kind === 'unserved') return presented.response
    if (presented.kind === 'served') {
      if (payment) await payments.mark(payment, 'delivered')
      const { response, settlement } = presented
      passes.keep(url, response)
      emit({ type: 'paid', hash, status: response.status, settlement })
      const next = request.redirected(response, url)
      if (next === undefined) return response
      await discard(response)
      return options.fetch(next)
    }
    const { kind, refusal } = presented
    const retryable = kind === 'again'
    if (payment && !retryable) await payments.mark(payment, 'refused')
    emit({ type: 'refused', hash, refusal, retryable })
    const cause = retryable && presented.cause !== undefined ? { cause: presented.cause } : undefined
    const made =
      payment?.entry().unfinished.publisher === 'server' ? 'A signed block was handed over' : 'A payment was made'
    throw new RefusedAfterPaymentError(
      retryable
        ? `${made}, but there is no answer for it yet (${refusal}). Make the same request again: it uses the same payment.`
        : `${made}, but the server refused it (${refusal}).`,
      { proof, refusal, retryable },
      cause,
    )
  }

  async function spend(payment: Payment, request: RepeatableRequest): Promise<Response> {
    const { url } = payment.entry().unfinished
    const proof = proofOf(payment.entry())
    try {
      await confirm.before(payment, request.signal)
      const response = await conclude(await show(request, proof, url), { request, proof, url, payment })
      confirm.after(payment) // not waited for: it holds up the account's next block alone
      return response
    } catch (error) {
      payment.endTurn('unknown')
      throw error
    }
  }

  async function fetchPaid(request: RepeatableRequest, held: Payment[]): Promise<Response> {
    await payments.load()
    const replaces: Payment[] = []
    for (let payment = payments.take(request.key); payment; payment = payments.take(request.key)) {
      held.push(payment)
      const state = await payments.revive(payment)
      if (state === 'expired') replaces.push(payment)
      if (state !== 'good') continue
      emit({ type: 'resumed', hash: payment.hash })
      return spend(payment, request)
    }
    const used = await passes.show(request)
    if (used) return used
    const channels = await options.channels?.()
    const early = await channels?.early(request)
    if (early) return kept(early, request.url)
    const answer = await challenge(request)
    if (!('bills' in answer)) return answer // by its form: a runtime may have more than one class Response
    const turn = await passes.showOrBuy(request, answer.bills, answer.url)
    if (typeof turn !== 'function') return turn
    try {
      return await buy(request, answer, { channels, held, replaces })
    } finally {
      turn()
    }
  }

  const kept = (response: Response, url: string): Response => {
    passes.keep(url, response)
    return response
  }

  async function buy(
    request: RepeatableRequest,
    answer: Challenge,
    { channels, held, replaces }: Buying,
  ): Promise<Response> {
    const { url } = answer
    // A channel is with the very page that was asked.
    const paid = url === request.url ? await channels?.pay(request, answer.bills) : undefined
    if (paid && !('unpaid' in paid)) return kept(paid, url)
    const chosen = chooseOnce(answer, paid?.unpaid)
    const { offer, resource } = chosen
    const extensions = identifierFor(chosen.extensions)
    emit({ type: 'challenged', url, price: offer.price, amount: offer.amount, payTo: offer.payTo })
    const { key, method, signal } = request
    const { publisher } = offer.method
    const order = { key, method, url, resource, offer, publisher, replaces, signal }
    const payment = await payments.pay({ ...order, ...(extensions && { extensions }) })
    held.push(payment)
    const response = await spend(payment, request)
    // Signed earlier and never published: with another block confirmed in their place, their amounts are free again.
    for (const old of replaces) await payments.revive(old).catch(() => {})
    return response
  }

  return {
    async fetch(input, init) {
      const request = await readRequest(input, init)
      if (request.hasProof) return options.fetch(request.unpaid())
      const held: Payment[] = []
      underWay++
      try {
        return await fetchPaid(request, held)
      } catch (error) {
        // Before the money has moved an abort is what it is for fetch.
        if (request.signal.aborted && !(error instanceof RefusedAfterPaymentError)) throw request.signal.reason
        throw error
      } finally {
        underWay--
        for (const payment of held) payments.giveBack(payment)
      }
    },

    async present(proof, input, init) {
      const request = await readRequest(input, init)
      if (!URL.canParse(proof.url) || new URL(proof.url).origin !== new URL(request.url).origin) {
        throw new InvalidValueError('A proof is shown to the origin that it paid, and to no other.')
      }
      await payments.load()
      const payment = payments.takeBlock(blockHash(proof.blockHash))
      try {
        const { url } = request
        return await conclude(await show(request, proof, url), { request, proof, url, payment })
      } finally {
        if (payment) payments.giveBack(payment)
      }
    },
  }
}

/** What goes on while a request is paid for. */
interface Buying {
  readonly channels: ChannelPayments | undefined
  readonly held: Payment[]
  /** Signed earlier and never published: the new payment takes their place. */
  readonly replaces: Payment[]
}

/** What a 402 asks, and where it came from. */
interface Challenge {
  readonly bills: readonly ReadBill[]
  readonly url: string
}

/**
 * Where the 402 came from, which is where the proof goes. A redirect within the origin is followed; one to another origin
 * is not paid, because the caller did not ask there, and neither is one that may have changed the method.
 */
function urlOf(response: Response, request: RepeatableRequest): string {
  const url = response.url === '' ? request.url : (response.url.split('#', 1)[0] ?? response.url)
  if (url === request.url) return url
  if (new URL(url).origin !== new URL(request.url).origin) {
    throw new NoPayableOfferError(
      'The request was redirected to another origin, which asks to be paid: ask there yourself.',
    )
  }
  if (request.method === 'GET' || request.method === 'HEAD') return url
  throw new NoPayableOfferError('The request was redirected to a page that asks to be paid: send it there yourself.')
}
