/**
 * The state of a channel and every step it can take, as pure functions. At every moment
 * `charged + reserved <= authorized <= deposit`: a proof only raises `authorized`, a request reserves the most that it can
 * cost before its handler runs, and is charged what it did cost. What is left of the deposit is refunded, to the raw.
 *
 * Proofs are verified before they come here. A PayWord chain is linear, so that what was verified against an older state
 * holds in a newer one: in here only amounts are compared.
 */
export {
  CHANNEL_LIMITS,
  type Channel,
  type ChannelLimits,
  type ChannelRefusal,
  type Held,
  type Payment,
  reserved,
  type Step,
  unspent,
} from './record/channel.ts'
export * from './record/life.ts'
export * from './record/payment.ts'
export * from './record/stream.ts'
