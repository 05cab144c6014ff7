/**
 * OpenTelemetry spans of a paywall, from its events: one for each step that takes time, back-dated by its duration, and a
 * short one for each offer and refusal. They lie under whatever span is active, such as that of the HTTP request.
 */
import { type Attributes, context, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { EventListener, PaywallEvent } from '../core/events.ts'
import type { PaymentFacts } from '../core/payment.ts'
import { PaywallError } from '../errors.ts'

/** Where spans go. */
export interface TracingOptions {
  /** Default: the tracer `nano402` of the provider that is registered. */
  readonly tracer?: Tracer
}

/** The listener that makes spans. */
export interface Tracing {
  /** The paywall's option `onEvent`. */
  readonly onEvent: EventListener
}

/** A span as an event tells it. */
interface Told {
  readonly name: string
  readonly attributes: Attributes
  /** How long it took, until now. */
  readonly ms?: number
  readonly kind?: SpanKind
  /** What went wrong, if something of ours did. */
  readonly error?: string
}

/**
 * Makes the listener that traces a paywall. Spans carry no session id, no header and no secret; accounts, amounts and
 * block hashes are public on the ledger.
 *
 * @example
 * Object.keys(createTracing()) // ['onEvent']
 */
export function createTracing({ tracer = trace.getTracer('nano402') }: TracingOptions = {}): Tracing {
  return {
    onEvent(event) {
      const { name, attributes, ms = 0, kind = SpanKind.INTERNAL, error } = tell(event)
      const endTime = Date.now()
      const span = tracer.startSpan(name, { kind, attributes, startTime: endTime - ms }, context.active())
      if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error })
      span.end(endTime)
    },
  }
}

function tell(event: PaywallEvent): Told {
  switch (event.type) {
    case 'challenged':
      return { name: 'nano402 challenge', attributes: about(event, { 'nano402.amount': event.amount.toString() }) }
    case 'refused': {
      const { code, status, fault } = event
      const attributes = about(event, { 'nano402.code': code, 'nano402.status': status })
      return { name: 'nano402 refuse', attributes, ...(fault !== undefined && { error: messageOf(fault) }) }
    }
    case 'replayed':
      return { name: 'nano402 replay', attributes: about(event, {}) }
    case 'confirmed':
      return { name: 'nano402 verify', attributes: about(event, { 'nano402.scheme': event.scheme }), ms: event.ms }
    case 'claimed':
      return { name: 'nano402 claim', attributes: about(event, { 'nano402.scheme': event.scheme }), ms: event.ms }
    case 'granted':
      return { name: 'nano402 settle', attributes: about(event, paid(event.payment)), ms: event.ms }
    case 'delivered':
      return { name: 'nano402 serve', attributes: about(event, paid(event.payment)), ms: event.ms }
    case 'undelivered': {
      const { reason, payment, ms } = event
      const attributes = about(event, { ...paid(payment), 'nano402.reason': reason })
      return { name: 'nano402 serve', attributes, ms, error: reason }
    }
    case 'pass_revoked':
      return { name: 'nano402 pass revoke', attributes: { 'nano402.pass': event.pass } }
    case 'channels_counted':
      return { name: 'nano402 count channels', attributes: { 'nano402.locked': event.locked.toString() } }
    case 'channel_proof': {
      const attributes = { 'nano402.mode': event.mode, 'nano402.steps': event.steps }
      return { name: 'nano402 channel proof', attributes, ms: event.ms }
    }
    case 'channel_opened':
      return { name: 'nano402 channel open', attributes: { 'nano402.amount': event.amount.toString() } }
    case 'channel_topped_up':
      return { name: 'nano402 channel top-up', attributes: { 'nano402.amount': event.amount.toString() } }
    case 'channel_closed':
      return {
        name: 'nano402 channel close',
        attributes: { 'nano402.amount': event.refunded.toString() },
        ms: event.ms,
      }
    case 'deposit_returned':
      return { name: 'nano402 deposit return', attributes: { 'nano402.amount': event.amount.toString() } }
    case 'refund_failed':
      return { name: 'nano402 refund', attributes: {}, error: messageOf(event.fault) }
    case 'channel_redeemed':
      return { name: 'nano402 redeem', attributes: { 'nano402.amount': event.amount.toString() } }
    case 'redemption_failed':
      return { name: 'nano402 redeem', attributes: {}, error: messageOf(event.fault) }
    case 'channel_conflict':
      return { name: 'nano402 channel conflict', attributes: {} }
    case 'node_call':
      return call(`nano402 node ${event.action}`, event)
    case 'store_call':
      return call(`nano402 store ${event.operation}`, event)
  }
}

const about = ({ route }: { readonly route: string }, attributes: Attributes): Attributes => ({
  'nano402.route': route,
  ...attributes,
})

const paid = ({ scheme, transaction, payer, amount, network, pass }: PaymentFacts): Attributes => ({
  'nano402.scheme': scheme,
  'nano402.transaction': transaction,
  'nano402.payer': payer,
  'nano402.amount': amount.toString(),
  'nano402.network': network,
  ...(pass && { 'nano402.pass': pass.id }),
})

const call = (name: string, { ok, ms }: { readonly ok: boolean; readonly ms: number }): Told => ({
  name,
  attributes: {},
  ms,
  kind: SpanKind.CLIENT,
  ...(!ok && { error: 'failed' }),
})

/** Our own errors never quote a secret. Of what others throw, a store's driver for one, only the kind is told. */
function messageOf(fault: unknown): string {
  if (fault instanceof PaywallError) return fault.message
  return fault instanceof Error ? fault.name : 'unknown fault'
}
