/**
 * Pays one request in a channel. Its payment has one identifier from beginning to end, in the journal before anybody sees a
 * proof: a lost answer is asked for again under it, and a request is never charged twice.
 */
import { requestHash } from '../../channel/binding.ts'
import { sha256 } from '../../channel/sha256.ts'
import { NotApprovedError, RefusedAfterPaymentError } from '../../errors.ts'
import type { Raw } from '../../nano/index.ts'
import { unlessAborted } from '../../rpc/wait.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { Budget } from '../budget.ts'
import type { PayerEvent } from '../events.ts'
import type { Bill } from '../payment.ts'
import { discard, type Presented, present } from '../present.ts'
import type { RepeatableRequest } from '../request.ts'
import type { Acknowledging } from './acknowledging.ts'
import type { Held } from './held.ts'
import { type ChannelBill, type ChannelRules, findChannelBill } from './offers.ts'
import type { Opening } from './opening.ts'
import type { Stated } from './receipts.ts'
import type { Standing } from './standing.ts'
import { isStream, type Streamed } from './stream.ts'
import type { Tab } from './tab.ts'
import { correctionIn, headersFor, newPaymentId, shortCode } from './talk.ts'

export interface PayingOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly budget: Budget
  readonly opening: Pick<Opening, 'topUp'>
  readonly acknowledging: Pick<Acknowledging, 'remind'>
  readonly standing: Pick<Standing, 'catchUp'>
  readonly retryForMs: number
  readonly rules: (origin: string) => ChannelRules
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
  /** Pays for the events of a stream. */
  readonly metered: (response: Response, streamed: Streamed) => Response
  /** Told of a price that has changed. */
  readonly onBill: (request: RepeatableRequest, bill: ChannelBill) => void
  /** Told of a route that was paid for as before, and says nothing of it. */
  readonly onFree: (request: RepeatableRequest) => void
}

/** `gone`: the channel takes no more payments, and nothing was charged. */
export type Paid = Response | 'gone'

export interface Paying {
  /** Pays what the bill asks at most. `isKnown`: a 402 has just asked for it, so that an answer has to carry a receipt. */
  pay(
    tab: Tab,
    request: RepeatableRequest,
    asked: { readonly bill: ChannelBill; readonly isKnown: boolean },
  ): Promise<Paid>
  /** Goes on with a payment that was begun for the very request. */
  resume(tab: Tab, one: Held, request: RepeatableRequest): Promise<Paid>
}

/** A refusal that the payee may be right about: it is looked into, and answered with another proof, once. */
const CORRECTABLE = new Set(['insufficient_authorization', 'step_exceeded', 'cumulative_exceeds_deposit'])
/** How often a request is answered with another proof. */
const MAX_CORRECTIONS = 3
/** The channel is at its end, or the payee does not know it. */
const ENDED = new Set(['channel_closed', 'channel_expired', 'channel_not_found', 'channel_recovering'])
/** In parts of the last deposit: with less than that unspent, another one is made while requests go on. */
const LOW = 8n

export function createPaying(options: PayingOptions): Paying {
  const { budget, opening, acknowledging, standing, retryForMs, rules, approve, emit } = options

  async function mayPay(tab: Tab, request: RepeatableRequest, amount: Raw): Promise<void> {
    const { method, url } = request
    const { payee: payTo } = tab.config
    const { id: channelId, expiresAtMs } = tab
    if ((await approve({ url, method, price: amount, amount, payTo, expiresAtMs, channelId })) !== true) {
      throw new NotApprovedError('The payment was not approved: nothing was paid.')
    }
  }

  /** Waits until the channel can carry the payment, and begins it. False: it cannot. */
  async function begin(tab: Tab, one: Held, signal: AbortSignal): Promise<boolean> {
    let hasCaughtUp = false
    for (;;) {
      if (!tab.isUsable() || tab.isUsedUp(one.max, one)) return false
      const reach = tab.reachFor(one.max, one)
      if (reach > tab.credited()) await unlessAborted(opening.topUp(tab, reach - tab.credited()), signal)
      else if (tab.isFull(one) || tab.isTooFar(reach, one)) {
        if (tab.underWay(one) > 0) {
          await unlessAborted(tab.freed(), signal)
          continue
        }
        if (hasCaughtUp) return false
        await unlessAborted(standing.catchUp(tab, reach), signal).catch(() => {}) // if it is too far still, it takes no payment
        hasCaughtUp = true
      } else break
      signal.throwIfAborted()
    }
    await tab.begin(one)
    const [last] = tab.deposits.slice(-1)
    const isLow = last !== undefined && tab.credited() - tab.authorized() < last.amount / LOW
    if (isLow && tab.credited() < tab.capacity()) opening.topUp(tab, tab.unit).catch(() => {}) // asked again, and then waited for, when it is needed
    return true
  }

  async function show(
    tab: Tab,
    one: Held,
    { request, isUnsigned }: { readonly request: RepeatableRequest; readonly isUnsigned: boolean },
  ) {
    const { method, url, body = new Uint8Array(0) } = request
    const { pathname, search } = new URL(url)
    const hash = requestHash({ method, url: pathname + search, bodyHash: sha256(body) })
    const made = await tab.prover.prove('pay', { reach: one.reach, paymentId: one.id, requestHash: hash })
    const proof = isUnsigned ? ({ ...made, receipt: false } as const) : made
    const accepted: PaymentRequirements = { ...tab.offer, amount: String(one.max) }
    const headers = headersFor(accepted, { payload: proof, paymentId: one.id })
    const presented = await present(
      request,
      { headers },
      { fetch: options.fetch, url, retryForMs, onAttempt: () => {} },
    )
    return { presented, headers, about: { paymentId: one.id, requestHash: hash, max: one.max, isUnsigned } }
  }

  type Shown = Awaited<ReturnType<typeof show>>

  /** The payment is charged, and the answer is the caller's. */
  async function conclude(
    tab: Tab,
    one: Held,
    { presented, about }: Shown & { readonly presented: Presented & { kind: 'served' } },
    { request, isKnown }: { readonly request: RepeatableRequest; readonly isKnown: boolean },
  ): Promise<Response> {
    const { response, settlement } = presented
    const stated = await tab.read(settlement?.extra, one.before, about)
    if (typeof stated === 'string') {
      tab.settle(one, one.max) // it may have been charged, and nobody says how much
      // A route that is not charged for any more has nothing to say, and is not asked this way again.
      if (!isKnown && settlement === undefined) options.onFree(request)
      else tab.distrust(stated)
    } else {
      tab.settle(one, stated.cost, stated)
    }
    const charged = typeof stated === 'string' ? one.max : stated.cost
    const left = tab.unspent()
    emit({ type: 'channel-paid', channelId: tab.id, status: response.status, charged, left })
    const isMetered = typeof stated === 'object' && isStream(response)
    return isMetered ? options.metered(response, { tab, one, cost: stated.cost, request }) : response
  }

  /** What a correction says, if all of it is signed, ours and possible; otherwise the channel is not used any more. */
  async function corrected(tab: Tab, one: Held, extra: unknown, mayBeCharged: boolean): Promise<Stated | undefined> {
    const stated = await tab.readCorrection(extra, one.before, mayBeCharged ? undefined : one)
    if (typeof stated !== 'string') return stated
    tab.distrust(`correction_${stated}`)
    return undefined
  }

  async function run(tab: Tab, one: Held, request: RepeatableRequest, isKnown: boolean): Promise<Paid> {
    let corrections = 0
    /** Whether an earlier attempt may have been charged. */
    let wasUncertain = one.isUncertain
    try {
      if (!wasUncertain && !(await begin(tab, one, request.signal))) return end(tab, one, 'gone')
      for (;;) {
        const shown = await show(tab, one, { request, isUnsigned: !wasUncertain && !tab.isReceiptDue() })
        const { presented } = shown
        if (presented.kind === 'served') {
          return followed(request, await conclude(tab, one, { ...shown, presented }, { request, isKnown }))
        }
        if (presented.kind === 'unserved') {
          const { response } = presented
          // A fault may hide that it was charged. Any other answer from 300 on means that it was not.
          if (response.status >= 500) tab.fail(one)
          else tab.drop(one)
          if (response.status >= 400 || isKnown) return response
          await discard(response)
          return 'gone'
        }
        const code = shortCode(presented.refusal)
        if (presented.kind === 'again')
          throw refused(tab, one, { shown, code, retryable: true, cause: presented.cause })

        const { extra, required } = correctionIn(presented.headers)
        if (code === 'answer_not_stored') {
          const stated = await tab.read(extra, one.before, shown.about)
          tab.settle(one, typeof stated === 'string' ? one.max : stated.cost)
          if (typeof stated === 'string') tab.distrust(stated)
          throw refused(tab, one, { shown, code, retryable: false })
        }
        if (ENDED.has(code)) {
          if (code === 'channel_not_found') await acknowledging.remind(tab)
          else tab.retire(code === 'channel_recovering' ? 'recovering' : 'closing')
          if (!wasUncertain) return end(tab, one, 'gone')
        }
        const bill = required && findChannelBill(required, rules(tab.origin)).bill
        // After the first, only for a price that has gone up once more, as one that follows a rate may.
        const isAgain = corrections > 0 && !(bill && bill.amount > one.max)
        const isOver = isAgain || corrections === MAX_CORRECTIONS
        const isLast = isOver || !CORRECTABLE.has(code) || bill?.payee !== tab.config.payee
        const stated = isLast ? undefined : await corrected(tab, one, extra, wasUncertain)
        if (isAgain && CORRECTABLE.has(code)) tab.distrust('corrected_twice')
        // Who may have been charged before pays no more: the payee would have to say that it has not.
        const mayBeCharged = wasUncertain && !(stated && stated.charged <= tab.charged())
        if (stated === undefined || mayBeCharged) {
          if (mayBeCharged) tab.settle(one, one.max)
          else tab.drop(one)
          throw refused(tab, one, { shown, code, retryable: false })
        }
        corrections++
        wasUncertain = false
        emit({ type: 'channel-corrected', channelId: tab.id, refusal: code })
        one.isUncertain = false
        if (bill) await raise(tab, one, { request, bill })
        if (!(await begin(tab, one, request.signal))) return end(tab, one, 'gone')
      }
    } catch (error) {
      // Nothing of it was seen by anybody.
      if (!one.isUncertain && !(error instanceof RefusedAfterPaymentError)) tab.drop(one)
      throw error
    } finally {
      tab.giveBack(one)
    }
  }

  const end = (tab: Tab, one: Held, paid: Paid): Paid => {
    tab.drop(one)
    return paid
  }

  /** Takes over a price that has gone up since it was last asked for: within the budget, like a new payment. */
  async function raise(
    tab: Tab,
    one: Held,
    { request, bill }: { readonly request: RepeatableRequest; readonly bill: ChannelBill },
  ): Promise<void> {
    tab.raiseLevel()
    if (bill.amount <= one.max) return
    one.release()
    one.release = () => {}
    const release = budget.reserve(tab.host, bill.amount)
    one.release = release
    one.max = bill.amount
    options.onBill(request, bill)
    await mayPay(tab, request, bill.amount)
  }

  async function followed(request: RepeatableRequest, response: Response): Promise<Response> {
    const next = request.redirected(response, request.url)
    if (next === undefined) return response
    await discard(response)
    return options.fetch(next)
  }

  return {
    async pay(tab, request, { bill, isKnown }) {
      const { amount } = bill
      await mayPay(tab, request, amount)
      const { key, url, method } = request
      const one: Held = {
        ...{ id: newPaymentId(), key, url, method, atMs: Date.now(), reach: 0n, max: amount },
        ...{ before: tab.known(), isUnderWay: true, isUncertain: false, isFailed: false },
        release: budget.reserve(tab.host, amount),
      }
      return run(tab, one, request, isKnown)
    },
    resume: (tab, one, request) => run(tab, one, request, false),
  }
}

function refused(
  tab: Tab,
  one: Held,
  what: {
    readonly shown: { readonly headers: Readonly<Record<string, string>> }
    code: string
    retryable: boolean
    cause?: unknown
  },
): RefusedAfterPaymentError {
  const { shown, code, retryable, cause } = what
  const { url, method } = one
  const proof = { blockHash: tab.deposits[0]?.hash ?? '', sessionId: one.id, headers: shown.headers, url, method }
  const message = retryable
    ? `A payment was made in a channel, but there is no answer for it yet (${code}). Make the same request again: it uses the same payment.`
    : `A payment was made in a channel, but the server refused it (${code}).`
  return new RefusedAfterPaymentError(
    message,
    { proof, refusal: code, retryable },
    cause === undefined ? undefined : { cause },
  )
}
