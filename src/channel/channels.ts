/**
 * The channels of a payee, in a store. What a channel is stands in one record that never changes, its state in another that
 * changes by the steps of record.ts, each in one atomic write. A deposit's block is claimed for its channel for good before
 * it is credited, in the claim space of every other mechanism.
 */
import { LRUCache } from '#lru-cache'
import { createRecords } from '../core/records.ts'
import type { Store } from '../core/store.ts'
import type { BlockHash } from '../nano/index.ts'
import { type Calendar, createCalendar } from './calendar.ts'
import type { Certificate } from './certificate.ts'
import { decodeChannel, encodeChannel } from './codec.ts'
import { type ChannelConfig, type ChannelId, channelId } from './config.ts'
import * as step from './record.ts'
import { createWaiters, type WaitOptions } from './waiters.ts'

/** What does not change while a channel lives. */
export interface ChannelTerms {
  readonly config: ChannelConfig
  /** 64 hex digits: the key of the MACs, which nobody but payer and payee may see. */
  readonly macKey: string
  /** Between which sums later deposits may be, in raw: as it was offered when the channel opened. */
  readonly deposits?: { readonly min: string; readonly max: string }
  /** With `custodian: 'issuer'`: what it was opened on, checked. */
  readonly certificate?: Certificate
  /** Who is to be asked for what it is worth. */
  readonly issuer?: { readonly url: string; readonly publicKey: string }
}

/** A confirmed send that was made for this channel alone: right payer, destination and amount. */
export interface Deposit {
  readonly block: BlockHash
  /** In raw. */
  readonly amount: bigint
}

type NotFound = 'channel_not_found'

/** A change of a channel. Each is one atomic step, and rejects with `StoreError` when the store does not answer. */
export interface Channels extends Pick<Calendar, 'expired' | 'unfinished' | 'expiringBefore'> {
  /** Again with the same deposit: `opened` again. */
  open(terms: ChannelTerms, deposit: Deposit): Promise<'opened' | 'deposit_claimed' | 'channel_expired'>
  /**
   * Takes up a channel that a store knew which is lost, as it is known to have stood. Nothing happens in it until
   * {@link confirmRecovery}. Again: nothing has changed.
   */
  recover(
    terms: ChannelTerms,
    known: { readonly block: BlockHash; readonly deposit: bigint; readonly charged: bigint },
  ): Promise<'recovering' | 'deposit_claimed'>
  /** Lets it close, charged so much raw in all. False: there is nothing to confirm, or so much cannot be. */
  confirmRecovery(id: ChannelId, charged?: bigint): Promise<boolean>
  /** Opens a channel whose certificate is genuine: it is good for this channel, and for it alone. Again: `opened` again. */
  openCertified(terms: ChannelTerms & { readonly certificate: Certificate }): Promise<'opened' | 'channel_expired'>
  terms(id: ChannelId): Promise<ChannelTerms | undefined>
  /** The channel that was opened with this deposit. */
  openedWith(block: BlockHash): Promise<ChannelId | undefined>
  /** As the store has it. */
  state(id: ChannelId): Promise<step.Channel | undefined>
  /** As it was a moment ago: good enough to verify a proof against, which {@link authorizeAndReserve} then decides on. */
  recentState(id: ChannelId): Promise<step.Channel | undefined>
  authorizeAndReserve(id: ChannelId, order: step.Reservation): Promise<step.Reserved | NotFound>
  authorize(
    id: ChannelId,
    proof: { readonly reach: bigint; readonly proof: string },
  ): Promise<step.ChannelRefusal | 'authorized' | NotFound>
  /** False: the reservation is gone, and nothing may be served for it. */
  charge(id: ChannelId, held: step.Held & { readonly amount: bigint }): Promise<boolean>
  /** Changes the most that a request may cost. False: so much is not authorised, or the reservation is gone. */
  reserve(id: ChannelId, held: step.Held & { readonly amount: bigint }): Promise<boolean>
  /** Begins a stream, which draws on what is authorised as it goes. */
  openStream(id: ChannelId, stream: step.StreamOpening): Promise<step.ChannelRefusal | 'begun' | NotFound>
  /** Charges an event of a stream, and reserves for the next one. */
  draw(
    id: ChannelId,
    order: step.Held & { readonly spent: bigint; readonly next: bigint },
  ): Promise<'reserved' | 'needed' | 'ended' | false>
  /**
   * Resolves when the channel may have changed: at once when this process authorised more, and every half second for what
   * others do. False: the time is up.
   */
  waitForUpdate(id: ChannelId, options: WaitOptions): Promise<boolean>
  renew(id: ChannelId, held: step.Held & { readonly leaseEndsAtMs: number }): Promise<boolean>
  release(id: ChannelId, held: step.Held): Promise<void>
  /** Gives a reservation back for which no handler has run: the attempt does not count. */
  cancel(id: ChannelId, held: step.Held): Promise<void>
  /** Again with the same deposit: `added` again, and once. */
  topUp(id: ChannelId, deposit: Deposit): Promise<step.ChannelRefusal | 'added' | 'deposit_claimed' | NotFound>
  beginClose(id: ChannelId): Promise<void>
  /** What is to be refunded, in raw, for good; undefined while a payment is in flight. */
  freeze(id: ChannelId): Promise<bigint | undefined>
  finishClose(id: ChannelId, refundBlock: BlockHash | undefined): Promise<boolean>
  /** Ends one that an issuer has settled, or never will. */
  finishAtIssuer(id: ChannelId): Promise<boolean>
}

export interface ChannelsOptions {
  readonly store: Store
  readonly limits?: step.ChannelLimits
  /** The clock: Unix time in ms. */
  readonly now?: () => number
  /** Called when another process changed a channel while this one did. */
  readonly onConflict?: () => void
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A closed channel is remembered for so long after its expiry, before which its deposit could open it again. */
const RETENTION_MS = 7 * DAY_MS

/** A channel that is not closed holds somebody's money, and is remembered until somebody sees to it. */
const UNSETTLED_MS = 3_650 * DAY_MS

const termsKey = (id: ChannelId) => `channel:${id}`
const depositKey = (block: BlockHash) => `channel-of:${block}`
const stateKey = (id: ChannelId) => `channel-state:${id}`

export function createChannels(options: ChannelsOptions): Channels {
  const { store, limits = step.CHANNEL_LIMITS, now = Date.now, onConflict = () => {} } = options
  const states = createRecords<step.Channel>({
    store,
    encode: encodeChannel,
    decode: decodeChannel,
    keepUntilMs: ({ phase, expiresAtMs }) =>
      Math.max(now(), expiresAtMs) + (phase === 'closed' ? RETENTION_MS : UNSETTLED_MS),
    onConflict,
  })
  const calendar = createCalendar({ store, now, onConflict, state: (id) => states.read(stateKey(id)) })
  const waiters = createWaiters()
  const termsAtHand = new LRUCache<ChannelId, ChannelTerms>({ max: 10_000 })

  const change = <Result, None>(
    id: ChannelId,
    none: None,
    take: (channel: step.Channel) => step.Step<Result>,
  ): Promise<Result | None> =>
    states.update<Result | None>(stateKey(id), (channel) => {
      if (channel === undefined) return { value: undefined, result: none }
      const taken = take(channel)
      return { value: taken.channel, result: taken.result }
    })

  /** Whether the block is this channel's, for good. Asked again by the same channel, it still is. */
  async function claimDeposit(block: BlockHash, id: ChannelId, expiresAtMs: number): Promise<boolean> {
    const [claim, owner] = [`block:${block}`, `channel:${id}`]
    const keepUntilMs = Math.max(now(), expiresAtMs) + UNSETTLED_MS
    const result = await store.claim(claim, owner, { leaseMs: HOUR_MS, attempts: 1_000, keepUntilMs })
    if (result === 'held' || result === 'exhausted') return false
    return store.commit(claim, owner, keepUntilMs)
  }

  async function readTerms(id: ChannelId): Promise<ChannelTerms | undefined> {
    const known = termsAtHand.get(id)
    if (known) return known
    const found = await store.read(termsKey(id))
    if (found === undefined) return undefined
    const terms = JSON.parse(found.value) as ChannelTerms
    termsAtHand.set(id, terms)
    return terms
  }

  /** Writes a channel that has claimed what it is opened with. The state comes last: a channel that has one lacks nothing. */
  async function write(
    terms: ChannelTerms,
    deposit: { readonly amount: bigint; readonly block: BlockHash | undefined },
  ) {
    const { config } = terms
    const [id, expiresAtMs] = [channelId(config), 1_000 * config.expiresAt]
    await store.write(termsKey(id), 0, JSON.stringify(terms), expiresAtMs + UNSETTLED_MS)
    if (deposit.block) await store.write(depositKey(deposit.block), 0, id, expiresAtMs + UNSETTLED_MS)
    await calendar.noteExpiry(id, expiresAtMs)
    const opened = step.openChannel({ deposit: deposit.amount, depositBlock: deposit.block, expiresAtMs })
    await states.update(stateKey(id), (channel) => ({ value: channel ?? opened, result: undefined }))
  }

  /** A channel that has ended is forgotten some time after its expiry. */
  async function forgetLater(id: ChannelId): Promise<void> {
    const terms = await store.read(termsKey(id))
    // Written a second time to be forgotten when the state is.
    if (terms?.version !== 1) return
    const { expiresAt } = (JSON.parse(terms.value) as ChannelTerms).config
    await store.write(termsKey(id), 1, terms.value, Math.max(now(), 1_000 * expiresAt) + RETENTION_MS)
  }

  /** Ends it, if this step does. */
  async function finish(id: ChannelId, end: (channel: step.Channel) => step.Step<boolean>): Promise<boolean> {
    if (!(await change(id, false, end))) return false
    await calendar.noteFinished(id)
    await forgetLater(id)
    return true
  }

  return {
    async recover(terms, { block, deposit, charged }) {
      const { config } = terms
      const id = channelId(config)
      const expiresAtMs = 1_000 * config.expiresAt
      if (!(await claimDeposit(block, id, expiresAtMs))) return 'deposit_claimed'
      await store.write(termsKey(id), 0, JSON.stringify(terms), expiresAtMs + UNSETTLED_MS)
      await store.write(depositKey(block), 0, id, expiresAtMs + UNSETTLED_MS)
      const recovered = step.recoverChannel({ deposit, charged, depositBlock: block, expiresAtMs })
      await states.update(stateKey(id), (channel) => ({ value: channel ?? recovered, result: undefined }))
      await calendar.noteUnfinished(id)
      return 'recovering'
    },
    confirmRecovery: (id, charged) => change(id, false, (channel) => step.confirmRecovery(channel, charged)),

    async open(terms, deposit) {
      const { config } = terms
      const id = channelId(config)
      const expiresAtMs = 1_000 * config.expiresAt
      const known = await states.read(stateKey(id))
      if (known) return known.depositBlocks.includes(deposit.block) ? 'opened' : 'deposit_claimed'
      // Not later: a closed channel is forgotten some time after its expiry, and its deposit is still claimed for it.
      if (now() >= expiresAtMs) return 'channel_expired'
      if (!(await claimDeposit(deposit.block, id, expiresAtMs))) return 'deposit_claimed'
      await write(terms, deposit)
      return 'opened'
    },
    async openCertified(terms) {
      if (await states.read(stateKey(channelId(terms.config)))) return 'opened'
      // Not later: a closed channel is forgotten some time after its expiry, and its certificate would open it again.
      if (now() >= 1_000 * terms.config.expiresAt) return 'channel_expired'
      await write(terms, { amount: BigInt(terms.certificate.amount), block: undefined })
      return 'opened'
    },
    terms: readTerms,
    openedWith: async (block) => (await store.read(depositKey(block)))?.value,
    state: (id) => states.read(stateKey(id)),
    recentState: (id) => states.recent(stateKey(id)),

    authorizeAndReserve: (id, order) =>
      change(id, 'channel_not_found', (channel) => step.authorizeAndReserve(channel, order, { nowMs: now(), limits })),
    async authorize(id, proof) {
      const result = await change<step.ChannelRefusal | 'authorized', NotFound>(id, 'channel_not_found', (channel) =>
        step.authorize(channel, { ...proof, nowMs: now() }),
      )
      waiters.wake(id)
      return result
    },
    openStream: (id, stream) =>
      change(id, 'channel_not_found', (channel) => step.openStream(channel, stream, { nowMs: now(), limits })),
    draw: (id, order) => change(id, false, (channel) => step.draw(channel, { ...order, nowMs: now() })),
    waitForUpdate: waiters.wait,
    charge: (id, held) => change(id, false, (channel) => step.charge(channel, held, limits)),
    reserve: (id, held) => change(id, false, (channel) => step.reserve(channel, held)),
    renew: (id, held) => change(id, false, (channel) => step.renew(channel, held)),
    release: (id, held) => change(id, undefined, (channel) => step.release(channel, held, limits)),
    cancel: (id, held) => change(id, undefined, (channel) => step.cancel(channel, held, limits)),

    async topUp(id, { block, amount }) {
      const channel = await states.read(stateKey(id))
      if (channel === undefined) return 'channel_not_found'
      if (!channel.depositBlocks.includes(block)) {
        const refusal = step.canTopUp(channel, amount, now())
        if (refusal) return refusal
      }
      if (!(await claimDeposit(block, id, channel.expiresAtMs))) return 'deposit_claimed'
      return change(id, 'channel_not_found', (current) => step.topUp(current, { amount, depositBlock: block }))
    },

    async beginClose(id) {
      if ((await states.read(stateKey(id)))?.phase !== 'open') return
      await calendar.noteUnfinished(id) // first: a process that is killed now leaves it for the others
      await change(id, undefined, step.beginClose)
    },
    freeze: (id) => change(id, undefined, (channel) => step.freeze(channel, now())),
    finishClose: (id, refundBlock) => finish(id, (channel) => step.finishClose(channel, refundBlock)),
    finishAtIssuer: (id) => finish(id, step.finishAtIssuer),
    expired: calendar.expired,
    unfinished: calendar.unfinished,
    expiringBefore: calendar.expiringBefore,
  }
}
