/** Prometheus metrics of channels, from a paywall's events. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { EventListener } from '../core/events.ts'

/** The scheme of channels. */
const BATCHED = 'batch-settlement'
const RAW_PER_XNO = 1e30
const inXno = (amount: bigint) => Number(amount) / RAW_PER_XNO

/** In seconds. */
const VERIFY_BUCKETS = [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1]
const CLOSE_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
const AGE_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300]
const STEP_BUCKETS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024]

/** What is summed over all channels, and its label. */
const SUMS = [
  ['locked', 'locked'],
  ['authorized', 'authorized'],
  ['charged', 'charged'],
  ['reserved', 'reserved'],
  ['refundDue', 'refund_due'],
] as const

/** Registered with the first channel: a paywall without any has none of these. */
export function channelMetrics(registry: Registry, prefix: string): EventListener {
  let made: ReturnType<typeof makeMetrics> | undefined
  const metrics = () => {
    made ??= makeMetrics(registry, prefix)
    return made
  }
  return (event) => {
    switch (event.type) {
      case 'granted':
        if (event.payment.scheme === BATCHED) metrics().reserve(event.payment.amount)
        return
      case 'delivered':
        if (event.payment.scheme !== BATCHED) return
        metrics().reserve(-(event.reserved ?? event.payment.amount))
        metrics().ages.observe(event.ms / 1_000)
        return metrics().money.inc({ state: 'charged' }, inXno(event.payment.amount))
      case 'undelivered':
        if (event.payment.scheme !== BATCHED) return
        metrics().reserve(-event.payment.amount)
        return metrics().ages.observe(event.ms / 1_000)
      case 'channel_proof':
        if (event.mode === 'payword-sha256') metrics().steps.observe(event.steps)
        return metrics().proofs.observe({ mode: event.mode }, event.ms / 1_000)
      case 'channel_opened':
        metrics().opened.inc({ mode: event.mode })
        return metrics().money.inc({ state: 'deposited' }, inXno(event.amount))
      case 'channel_topped_up':
        return metrics().money.inc({ state: 'deposited' }, inXno(event.amount))
      case 'channel_closed':
        metrics().closed.inc()
        metrics().money.inc({ state: 'refunded' }, inXno(event.refunded))
        return metrics().closes.observe(event.ms / 1_000)
      case 'deposit_returned':
        return metrics().money.inc({ state: 'returned' }, inXno(event.amount))
      case 'refund_failed':
        return metrics().failures.inc()
      case 'channels_counted':
        for (const [state, count] of Object.entries(event.states)) metrics().states.set({ state }, count)
        for (const [name, sum] of SUMS) metrics().raw.set({ sum }, Number(event[name]))
        return
      case 'channel_redeemed':
        metrics().closed.inc()
        return metrics().money.inc({ state: 'redeemed' }, inXno(event.amount))
      case 'redemption_failed':
        metrics().failures.inc()
        return metrics().money.inc({ state: 'lost' }, inXno(event.lost ?? 0n))
      case 'channel_conflict':
        return metrics().conflicts.inc()
    }
  }
}

function makeMetrics(registry: Registry, prefix: string) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers })
  const histogram = <L extends string>(
    name: string,
    help: string,
    { buckets, labelNames = [] }: { readonly buckets: readonly number[]; readonly labelNames?: readonly L[] },
  ) =>
    new Histogram<L>({ name: `${prefix}${name}`, help, labelNames: [...labelNames], buckets: [...buckets], registers })
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Gauge<L>({ name: `${prefix}${name}`, help, labelNames: [...labelNames], registers })
  const reservedNow = new Gauge({
    name: `${prefix}channel_reserved_xno`,
    help: 'XNO reserved for payments in channels that are being served.',
    registers,
  })
  /** In raw, as a float would never come back to 0. */
  let reserved = 0n
  return {
    reserve(amount: bigint) {
      reserved += amount
      reservedNow.set(inXno(reserved))
    },
    states: gauge('channels', 'Channels that are not closed, by state, as the store has them, of all processes.', [
      'state',
    ]),
    raw: gauge(
      'channel_raw',
      'Raw in channels that are not closed, as the store has them, of all processes: locked is what is not charged of their ' +
        'deposits, refund_due that of channels whose close has begun.',
      ['sum'],
    ),
    ages: histogram('channel_reservation_age_seconds', 'From a reservation to its charge or its release.', {
      buckets: AGE_BUCKETS,
    }),
    opened: counter('channels_opened_total', 'Channels opened, by how they are paid.', ['mode']),
    closed: counter('channels_closed_total', 'Channels closed.'),
    money: counter(
      'channel_xno_total',
      'XNO of channels, approximately: deposited, charged, refunded, returned as nobody opened a channel with it, redeemed with ' +
        'an issuer, and lost because that came too late. ' +
        'Over all processes, deposited - charged - refunded is what is locked.',
      ['state'],
    ),
    steps: histogram('channel_token_steps', 'Steps from a token to the best one: what it took to hash.', {
      buckets: STEP_BUCKETS,
    }),
    proofs: histogram('channel_verify_duration_seconds', 'Until a token or voucher was found genuine.', {
      buckets: VERIFY_BUCKETS,
      labelNames: ['mode'],
    }),
    closes: histogram('channel_close_duration_seconds', 'From a close to its confirmed refund.', {
      buckets: CLOSE_BUCKETS,
    }),
    failures: counter('refund_failures_total', 'Refunds and redemptions that could not be made, and are tried again.'),
    conflicts: counter('channel_conflicts_total', 'Changes of a channel that another process was faster with.'),
  }
}
