/** Random operations of two processes on one store that fails now and then, before or after it did what it was asked. */
import fc from 'fast-check'
import { MAX_RAW } from 'nano402/nano'
import { expect, test } from 'vitest'
import { type Channels, createChannels } from '../../src/channel/channels.ts'
import { channelId } from '../../src/channel/config.ts'
import { type Failure, failing, untilAnswered } from './failing.ts'
import { sharedStores } from './stores.ts'
import { EXPIRES_AT_MS, freshBlock, freshTerms, NOW_MS, order } from './support.ts'

interface Request {
  readonly kind: 'pay'
  readonly process: 0 | 1
  readonly reach: bigint
  readonly amount: bigint
  readonly actual: bigint
  readonly ending: 'charge' | 'charge again' | 'release' | 'crash'
}
interface Other {
  readonly kind: 'top up' | 'close' | 'restart' | 'wait'
  readonly process: 0 | 1
  readonly amount: bigint
}

const raw = fc.oneof(fc.bigInt({ min: 0n, max: MAX_RAW }), fc.bigInt({ min: 0n, max: 1_000n }))
const which = fc.constantFrom(0 as const, 1 as const)
const operation: fc.Arbitrary<Request | Other> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('pay' as const),
      process: which,
      reach: fc.bigInt({ min: 0n, max: 1_200n }),
      amount: fc.bigInt({ min: 0n, max: 100n }),
      actual: fc.bigInt({ min: 0n, max: 100n }),
      ending: fc.constantFrom('charge', 'charge', 'charge again', 'release', 'crash'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('top up', 'close', 'restart', 'wait', 'wait'),
      process: which,
      amount: raw,
    }),
  },
)
const failure = fc.constantFrom<Failure>('none', 'none', 'none', 'none', 'none', 'none', 'before', 'after')

test.each(sharedStores())(
  'deposits are charges and refund, to the raw, whatever fails ($name)',
  async ({ open, numRuns }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 1n, max: 1_000n }),
        fc.array(operation, { minLength: 5, maxLength: 40 }),
        fc.array(failure, { maxLength: 200 }),
        fc.boolean(),
        async (deposit, operations, failures, atOnce) => {
          const clock = { nowMs: NOW_MS }
          const now = () => clock.nowMs
          const ways = await open(now)
          const trouble = failures[Symbol.iterator]()
          const start = (process: 0 | 1): Channels => createChannels({ store: failing(ways[process], trouble), now })
          const processes: [Channels, Channels] = [start(0), start(1)]

          const terms = freshTerms()
          const id = channelId(terms.config)
          const first = { block: freshBlock(), amount: deposit }
          expect(await untilAnswered(() => processes[0].open(terms, first))).toBe('opened')

          let deposited = deposit
          let served = 0n
          let uncertain = 0n
          let count = 0

          async function pay({ process, reach, amount, actual, ending }: Request) {
            const channels = processes[process]
            const one = order(`${++count}`, reach, { amount, leaseEndsAtMs: clock.nowMs + 1_000 })
            if ((await channels.authorizeAndReserve(id, one).catch(() => 'unknown')) !== 'reserved') return
            if (ending === 'crash') return
            if (ending === 'release') return channels.release(id, one).catch(() => {})
            const cost = actual < amount ? actual : amount
            const charged = () => channels.charge(id, { id: one.id, owner: one.owner, amount: cost })
            const result = await (ending === 'charge again' ? untilAnswered(charged) : charged()).catch(() => undefined)
            // The answer leaves only after a true. Without an answer nothing is served, and it may have been charged.
            if (result === true) served += cost
            if (result === undefined) uncertain += cost
          }
          async function run(one: Request | Other) {
            if (one.kind === 'pay') return pay(one)
            if (one.kind === 'restart') processes[one.process] = start(one.process)
            if (one.kind === 'wait') clock.nowMs += 700
            if (one.kind === 'close' && one.amount % 3n === 0n)
              await processes[one.process].beginClose(id).catch(() => {})
            if (one.kind !== 'top up') return
            const more = { block: freshBlock(), amount: one.amount }
            const topUp = () => processes[one.process].topUp(id, more)
            if ((await untilAnswered(topUp)) === 'added') deposited += one.amount
          }
          if (atOnce) await Promise.all(operations.map(run))
          else for (const one of operations) await run(one)

          clock.nowMs = EXPIRES_AT_MS
          await untilAnswered(() => processes[0].beginClose(id))
          const refunds = await Promise.all(processes.map((one) => untilAnswered(() => one.freeze(id))))
          const state = await untilAnswered(() => processes[1].state(id))
          expect(refunds).toEqual([refunds[0], refunds[0]])
          expect(state?.deposit).toBe(deposited)
          expect((state?.charged ?? 0n) + (refunds[0] ?? 0n)).toBe(deposited)
          expect(state?.charged).toBeGreaterThanOrEqual(served)
          expect(state?.charged).toBeLessThanOrEqual(served + uncertain)
        },
      ),
      { numRuns },
    )
  },
)
