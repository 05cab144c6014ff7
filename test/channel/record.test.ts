import fc from 'fast-check'
import { MAX_RAW } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import { decodeChannel, encodeChannel } from '../../src/channel/codec.ts'
import * as step from '../../src/channel/record.ts'
import { EXPIRES_AT_MS, NOW_MS, order } from './support.ts'

const limits = { remembered: 3, inFlight: 4, attempts: 2 }
const context = { nowMs: NOW_MS, limits }
const opened = (deposit = 100n) => step.openChannel({ deposit, depositBlock: 'FIRST', expiresAtMs: EXPIRES_AT_MS })
const held = (id: string) => ({ id, owner: `owner of ${id}` })

/** The channel after a step that had to give this result. */
function stepped<Result>(taken: step.Step<Result>, result: Result): step.Channel {
  expect(taken.result).toEqual(result)
  return taken.channel
}
const reserve = (channel: step.Channel, one: step.Reservation, at = context) =>
  stepped(step.authorizeAndReserve(channel, one, at), 'reserved')
const refused = (channel: step.Channel, one: step.Reservation, why: step.Reserved, at = context) => {
  expect(stepped(step.authorizeAndReserve(channel, one, at), why)).toBe(channel)
}
const charge = (channel: step.Channel, id: string, amount = 1n) =>
  stepped(step.charge(channel, { ...held(id), amount }, limits), true)

describe('a payment', () => {
  test('raises what is authorised, reserves, and is charged what it cost', () => {
    const channel = reserve(opened(), order('a', 10n, { amount: 10n }))
    expect([channel.authorized, step.reserved(channel), channel.proof]).toEqual([10n, 10n, 'proof of 10'])
    const charged = charge(channel, 'a', 7n)
    expect([charged.charged, step.reserved(charged), step.unspent(charged)]).toEqual([7n, 0n, 93n])
  })

  test('comes in any order: the lower proof after the higher one', () => {
    const channel = reserve(reserve(opened(), order('b', 2n)), order('a', 1n))
    expect([channel.authorized, channel.proof]).toEqual([2n, 'proof of 2'])
    refused(channel, order('c', 1n), 'insufficient_authorization')
  })

  test('draws on what earlier ones did not use up', () => {
    const channel = charge(reserve(opened(), order('a', 10n, { amount: 10n })), 'a', 4n)
    refused(channel, order('b', 10n, { amount: 7n }), 'insufficient_authorization')
    reserve(channel, order('b', 10n, { amount: 6n }))
  })

  test('is not taken beyond the deposit, after the expiry, or after a close', () => {
    refused(opened(), order('a', 101n), 'cumulative_exceeds_deposit')
    reserve(opened(), order('a', 1n), { ...context, nowMs: EXPIRES_AT_MS - 1 })
    refused(opened(), order('a', 1n), 'channel_expired', { ...context, nowMs: EXPIRES_AT_MS })
    refused(step.beginClose(opened()).channel, order('a', 1n), 'channel_closed')
  })

  test('is served once for an identifier: in flight it is busy, then it is told what it cost', () => {
    const channel = reserve(opened(), order('a', 1n))
    refused(channel, order('a', 1n, { owner: 'another' }), 'busy')
    const charged = charge(channel, 'a')
    refused(charged, order('a', 1n), { charged: 1n })
    refused(charged, order('a', 50n), { charged: 1n })
    refused(step.beginClose(charged).channel, order('a', 1n), { charged: 1n })
    for (const one of [channel, charged]) {
      refused(one, order('a', 1n, { fingerprint: 'another' }), 'payment_identifier_conflict')
    }
  })

  test('that was given back is good again, as often as its attempts allow', () => {
    let channel = opened()
    for (let attempt = 0; attempt < limits.attempts; attempt++) {
      channel = stepped(step.release(reserve(channel, order('a', 1n)), held('a'), limits), undefined)
      expect(step.reserved(channel)).toBe(0n)
    }
    refused(channel, order('a', 1n), 'attempts_exhausted')
  })

  test('that lapsed is given back to the next one, and then nothing is served for it', () => {
    const channel = reserve(opened(), order('a', 1n))
    const late = { ...context, nowMs: NOW_MS + 60_000 }
    expect(charge(channel, 'a').charged).toBe(1n) // late, but nobody touched it
    const taken = reserve(channel, order('b', 1n, { leaseEndsAtMs: NOW_MS + 120_000 }), late)
    expect(step.charge(taken, { ...held('a'), amount: 1n }, limits)).toEqual({ channel: taken, result: false })
    expect(step.renew(taken, { ...held('a'), leaseEndsAtMs: NOW_MS + 120_000 }).result).toBe(false)
  })

  test('that is renewed does not lapse', () => {
    const channel = reserve(opened(), order('a', 1n))
    const renewed = stepped(step.renew(channel, { ...held('a'), leaseEndsAtMs: NOW_MS + 120_000 }), true)
    refused(renewed, order('b', 1n), 'insufficient_authorization', { ...context, nowMs: NOW_MS + 60_000 })
  })

  test('is charged by its owner alone, once, and never more than it reserved', () => {
    const channel = reserve(opened(), order('a', 5n, { amount: 5n }))
    for (const wrong of [{ owner: 'another' }, { amount: 6n }, { amount: -1n }]) {
      expect(step.charge(channel, { ...held('a'), amount: 1n, ...wrong }, limits).result).toBe(false)
    }
    const charged = charge(channel, 'a', 5n)
    expect(charge(charged, 'a', 5n)).toBe(charged)
    expect(stepped(step.release(charged, held('a'), limits), undefined)).toBe(charged)
  })

  test("that is taken back before its handler ran has used up no attempt, and is nobody else's to take back", () => {
    let channel = opened()
    for (let i = 0; i < 5; i++) {
      channel = reserve(channel, order('a', 1n))
      expect(stepped(step.cancel(channel, { id: 'a', owner: 'another' }, limits), undefined)).toBe(channel)
      channel = stepped(step.cancel(channel, held('a'), limits), undefined)
      expect(step.reserved(channel)).toBe(0n)
    }
    const charged = charge(reserve(channel, order('a', 1n)), 'a')
    expect(stepped(step.cancel(charged, held('a'), limits), undefined)).toBe(charged)
  })

  test('waits while as many as may are in flight', () => {
    let channel = opened()
    for (let i = 1; i <= limits.inFlight; i++) channel = reserve(channel, order(`${i}`, BigInt(i)))
    refused(channel, order('last', 5n), 'busy')
    reserve(charge(channel, '1'), order('last', 5n))
  })

  test('that is forgotten is not served again, for whatever is left', () => {
    let channel = opened()
    for (let i = 1; i <= 10; i++) channel = charge(reserve(channel, order(`${i}`, BigInt(i))), `${i}`)
    expect(channel.ended).toHaveLength(limits.remembered)
    channel = stepped(step.authorize(channel, { reach: 50n, proof: 'more', nowMs: NOW_MS }), 'authorized')
    for (let i = 1; i <= 7; i++) refused(channel, order(`${i}`, BigInt(i)), 'insufficient_authorization')
    for (let i = 8; i <= 10; i++) refused(channel, order(`${i}`, BigInt(i)), { charged: 1n })
    reserve(channel, order('new', 8n)) // 7 is the highest that is forgotten
  })
})

describe('a close', () => {
  test('refunds everything when nothing was paid', () => {
    const closing = step.beginClose(opened()).channel
    const frozen = stepped(step.freeze(closing, NOW_MS), 100n)
    expect(stepped(step.finishClose(frozen, 'BLOCK'), true).refundBlock).toBe('BLOCK')
  })

  test('waits for what is in flight, and for the lease of what is not', () => {
    const closing = step.beginClose(reserve(opened(), order('a', 40n, { amount: 40n }))).channel
    expect(step.freeze(closing, NOW_MS).result).toBeUndefined()
    stepped(step.freeze(charge(closing, 'a', 40n), NOW_MS), 60n)
    const frozen = stepped(step.freeze(closing, NOW_MS + 60_000), 100n)
    expect(step.charge(frozen, { ...held('a'), amount: 40n }, limits).result).toBe(false)
  })

  test('that was begun twice, frozen twice and finished twice refunds the same once', () => {
    const closing = step.beginClose(step.beginClose(opened()).channel).channel
    const frozen = stepped(step.freeze(closing, NOW_MS), 100n)
    expect(stepped(step.freeze(frozen, NOW_MS), 100n)).toBe(frozen)
    const closed = stepped(step.finishClose(frozen, 'BLOCK'), true)
    expect(stepped(step.finishClose(closed, 'BLOCK'), true)).toBe(closed)
    expect(step.finishClose(closed, 'ANOTHER')).toEqual({ channel: closed, result: false })
  })

  test('is not finished before it is frozen, nor without a block while something is owed', () => {
    expect(step.finishClose(opened(), 'BLOCK').result).toBe(false)
    expect(step.finishClose(step.beginClose(opened()).channel, 'BLOCK').result).toBe(false)
    const frozen = step.freeze(step.beginClose(opened()).channel, NOW_MS).channel
    expect(step.finishClose(frozen, undefined).result).toBe(false)
    const empty = charge(reserve(opened(), order('a', 100n, { amount: 100n })), 'a', 100n)
    const spent = stepped(step.freeze(step.beginClose(empty).channel, NOW_MS), 0n)
    expect(stepped(step.finishClose(spent, undefined), true).phase).toBe('closed')
  })

  test('that was not begun freezes nothing', () => {
    const channel = opened()
    expect(step.freeze(channel, NOW_MS)).toEqual({ channel, result: undefined })
  })
})

describe('a top-up', () => {
  test('is added once', () => {
    const deposit = { amount: 5n, depositBlock: 'SECOND' }
    const more = stepped(step.topUp(opened(), deposit), 'added')
    expect(more.deposit).toBe(105n)
    expect(stepped(step.topUp(more, deposit), 'added')).toBe(more)
    expect(stepped(step.topUp(more, { amount: 100n, depositBlock: 'FIRST' }), 'added')).toBe(more)
  })

  test('is not added to what is refunded already, nor above what a block can carry', () => {
    const frozen = step.freeze(step.beginClose(opened()).channel, NOW_MS).channel
    expect(step.topUp(frozen, { amount: 5n, depositBlock: 'SECOND' }).result).toBe('channel_closed')
    expect(step.canTopUp(opened(MAX_RAW), 1n, NOW_MS)).toBe('deposit_mismatch')
    expect(step.canTopUp(opened(MAX_RAW - 1n), 1n, NOW_MS)).toBeUndefined()
    expect(step.canTopUp(opened(), 1n, EXPIRES_AT_MS)).toBe('channel_expired')
  })

  test('comes with a block for which there is room', () => {
    let channel = opened()
    let count = 1
    for (; step.canTopUp(channel, 1n, NOW_MS) === undefined; count++) {
      channel = step.topUp(channel, { amount: 1n, depositBlock: `${count}`.padStart(64, '0') }).channel
    }
    expect(count).toBe(64)
    expect(encodeChannel(channel).length).toBeLessThan(5_000)
  })
})

const amount = fc.oneof(fc.bigInt({ min: 0n, max: MAX_RAW }), fc.bigInt({ min: 0n, max: 20n }))
type Move = (channel: step.Channel, nowMs: number) => step.Channel
const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
/** Any step, in any state. */
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.tuple(ids, amount, amount, fc.constantFrom('owner', 'other'), fc.nat(100)).map(
    ([id, reach, amount, owner, leaseMs]): Move =>
      (channel, nowMs) => {
        const one = order(id, reach, { amount, owner, leaseEndsAtMs: nowMs + leaseMs })
        return step.authorizeAndReserve(channel, one, { nowMs, limits }).channel
      },
  ),
  fc.tuple(ids, amount, fc.constantFrom('owner', 'other')).map(
    ([id, amount, owner]): Move =>
      (channel) =>
        step.charge(channel, { id, owner, amount }, limits).channel,
  ),
  ids.map(
    (id): Move =>
      (channel) =>
        step.release(channel, { id, owner: 'owner' }, limits).channel,
  ),
  amount.map(
    (reach): Move =>
      (channel, nowMs) =>
        step.authorize(channel, { reach, proof: 'proof', nowMs }).channel,
  ),
  fc.tuple(amount, fc.uuid()).map(
    ([amount, depositBlock]): Move =>
      (channel, nowMs) =>
        step.canTopUp(channel, amount, nowMs) ? channel : step.topUp(channel, { amount, depositBlock }).channel,
  ),
  fc.constant<Move>((channel) => step.beginClose(channel).channel),
  fc.constant<Move>((channel, nowMs) => step.freeze(channel, nowMs).channel),
  fc.constantFrom('BLOCK', undefined).map(
    (block): Move =>
      (channel) =>
        step.finishClose(channel, block).channel,
  ),
)

test('charged + reserved <= authorized <= deposit after every step, up to 2^128, and nothing charged is given back', () => {
  fc.assert(
    fc.property(amount, fc.array(fc.tuple(move, fc.nat(50)), { maxLength: 60 }), (deposit, moves) => {
      let channel = opened(deposit)
      let nowMs = NOW_MS
      let frozen: bigint | undefined
      for (const [take, ms] of moves) {
        nowMs += ms
        const before = channel
        channel = take(channel, nowMs)
        expect(channel.charged + step.reserved(channel)).toBeLessThanOrEqual(channel.authorized)
        expect(channel.authorized).toBeLessThanOrEqual(channel.deposit)
        expect(channel.deposit).toBeLessThanOrEqual(MAX_RAW)
        expect(channel.charged).toBeGreaterThanOrEqual(before.charged)
        expect(channel.authorized).toBeGreaterThanOrEqual(before.authorized)
        if (frozen !== undefined) expect(step.unspent(channel)).toBe(frozen)
        if (channel.phase === 'refunding' || channel.phase === 'closed') frozen = step.unspent(channel)
        expect(channel.held.length).toBeLessThanOrEqual(limits.inFlight)
        expect(channel.ended.length).toBeLessThanOrEqual(limits.inFlight + limits.remembered)
        expect(decodeChannel(encodeChannel(channel))).toEqual(channel)
      }
    }),
    { numRuns: 500 },
  )
})

test.each(['', '{}', '[]', '[2]', '[1,9]', 'null', '[1,0,1,"x"]'])('a record that says %j is an error', (text) => {
  expect(() => decodeChannel(text)).toThrow(expect.objectContaining({ code: 'ERR_STORE' }))
})
