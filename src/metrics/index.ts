/**
 * Prometheus metrics of a paywall, from its events, with prom-client. Every label is bounded: whatever a route, an action
 * or a mechanism is called, the number of series has a limit, and no label holds an account, a hash or a path.
 */
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { EventListener } from '../core/events.ts'
import { channelMetrics } from './channels.ts'

/** Where metrics go, and what they are called. */
export interface MetricsOptions {
  /** Where the metrics are registered, such as prom-client's own `register`. Default: a registry of their own. */
  readonly registry?: Registry
  /** What every name begins with. Default `nano402_`. */
  readonly prefix?: string
  /** Adds what prom-client tells of the process: its CPU, memory and event loop, by its usual names. Node.js only. */
  readonly process?: boolean
}

/** Metrics, and the listener that counts. */
export interface Metrics {
  /** The paywall's option `onEvent`. */
  readonly onEvent: EventListener
  /** `await registry.metrics()` is the text for Prometheus. */
  readonly registry: Registry
}

/** The longest value that a label has. */
const MAX_LABEL_LENGTH = 100
const MAX_ROUTES = 100
const MAX_NAMES = 25
const OTHER = 'other'
const RAW_PER_XNO = 1e30

/** Our own steps take from under a millisecond (a claim) to seconds (a confirmation). In seconds. */
const STEP_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** A handler may take minutes. In seconds. */
const HANDLER_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]

/**
 * Makes the metrics. Give `onEvent` to one paywall or to several.
 *
 * @throws `Error` of prom-client when the registry has metrics of these names already: choose another `prefix`.
 * @example
 * createMetrics({ prefix: 'shop_' }).registry.getSingleMetric('shop_challenges_total') !== undefined // true
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const { registry = new Registry(), prefix = 'nano402_', process = false } = options
  if (process) collectDefaultMetrics({ register: registry })
  const route = bounded(MAX_ROUTES)
  const mechanism = bounded(MAX_NAMES)
  const action = bounded(MAX_NAMES)
  const operation = bounded(MAX_NAMES)

  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter<L>({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers: [registry] })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[], buckets = STEP_BUCKETS) =>
    new Histogram<L>({
      name: `${prefix}${name}`,
      help,
      labelNames: [...labelNames],
      buckets: [...buckets],
      registers: [registry],
    })

  const challenges = counter('challenges_total', 'Offers made (402).', ['route'])
  const refusals = counter('refusals_total', 'Requests refused, by code.', ['route', 'reason'])
  const claims = counter('claims_total', 'Payments claimed.', ['route', 'mechanism'])
  const grants = counter('grants_total', 'Handler runs granted to a payment, a pass, a free request or a subscriber.', [
    'route',
    'mechanism',
  ])
  const deliveries = counter('deliveries_total', 'Answers on their way, by what let the request in.', [
    'route',
    'mechanism',
  ])
  const passes = counter('passes_total', 'Passes sold with a paid answer, and revoked.', ['action'])
  const replays = counter('replays_total', 'Stored answers given again under a payment identifier.', ['route'])
  const undelivered = counter('undelivered_total', 'Grants without an answer.', ['route', 'reason'])
  const received = counter(
    'received_xno_total',
    'XNO of payments that bought an answer. Approximate: a number cannot hold every amount. Use reconcile for accounts.',
    ['route'],
  )
  const verifying = histogram(
    'verify_duration_seconds',
    'From the proof to the grant: verify (seen and confirmed), claim (store), settle.',
    ['phase'],
  )
  const nodeCalls = histogram('node_call_duration_seconds', 'Calls to the Nano node.', ['action', 'outcome'])
  const storeCalls = histogram('store_call_duration_seconds', 'Calls to the store.', ['operation', 'outcome'])
  const handlers = histogram(
    'handler_duration_seconds',
    'From the grant to the start of the answer.',
    ['route'],
    HANDLER_BUCKETS,
  )

  const hearChannels = channelMetrics(registry, prefix)
  const onEvent: EventListener = (event) => {
    hearChannels(event)
    switch (event.type) {
      case 'challenged':
        return challenges.inc({ route: route(event.route) })
      case 'refused':
        return refusals.inc({ route: route(event.route), reason: event.code })
      case 'replayed':
        return replays.inc({ route: route(event.route) })
      case 'confirmed':
        return verifying.observe({ phase: 'verify' }, event.ms / 1000)
      case 'claimed':
        claims.inc({ route: route(event.route), mechanism: mechanism(event.scheme) })
        return verifying.observe({ phase: 'claim' }, event.ms / 1000)
      case 'granted':
        grants.inc({ route: route(event.route), mechanism: mechanism(event.payment.scheme) })
        return verifying.observe({ phase: 'settle' }, event.ms / 1000)
      case 'delivered':
        deliveries.inc({ route: route(event.route), mechanism: mechanism(event.payment.scheme) })
        received.inc({ route: route(event.route) }, Number(event.payment.amount) / RAW_PER_XNO)
        if (event.payment.kind === 'paid' && event.payment.pass) passes.inc({ action: 'sold' })
        return handlers.observe({ route: route(event.route) }, event.ms / 1000)
      case 'undelivered':
        undelivered.inc({ route: route(event.route), reason: event.reason })
        return handlers.observe({ route: route(event.route) }, event.ms / 1000)
      case 'pass_revoked':
        return passes.inc({ action: 'revoked' })
      case 'node_call':
        return nodeCalls.observe({ action: action(event.action), outcome: outcomeOf(event) }, event.ms / 1000)
      case 'store_call':
        return storeCalls.observe({ operation: operation(event.operation), outcome: outcomeOf(event) }, event.ms / 1000)
    }
  }
  return { onEvent, registry }
}

const outcomeOf = ({ ok }: { readonly ok: boolean }) => (ok ? 'ok' : 'error')

/** Lets the first so many different values through, and calls the rest `other`. */
function bounded(limit: number): (value: string) => string {
  const known = new Set<string>()
  return (value) => {
    if (known.has(value)) return value
    if (known.size >= limit || value.length > MAX_LABEL_LENGTH) return OTHER
    known.add(value)
    return value
  }
}
