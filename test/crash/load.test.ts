/** R3 under load: several processes on one store, proofs presented in copies at once, and handlers that fail. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseXno } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { reconcile } from '../../src/reconcile/index.ts'
import type { Presentation, Purchase, Task } from './load-client.ts'
import { failureOf, MENDED } from './settings.ts'
import { type CrashWorld, createCrashWorld, SHARED_STORES } from './world.ts'

/** On Redis, and a fifth as many on SQLite; `npm run test:load` makes ten thousand. */
const PAYMENTS = Number(process.env.NANO402_LOAD_PAYMENTS ?? 120)
const [sqlite, redis] = SHARED_STORES
const sizes = [
  { name: 'Redis', shared: redis, servers: 4, clients: 64, payments: PAYMENTS },
  { name: 'SQLite', shared: sqlite, servers: 2, clients: 16, payments: Math.ceil(PAYMENTS / 5) },
]
const ATTEMPTS = 3

/** Does a task in as many programs as there are parts of it, and gives what each of them wrote. */
async function work<T>(world: CrashWorld, tasks: readonly Task[]): Promise<readonly T[]> {
  await Promise.all(
    tasks.map(async (task) => {
      const child = world.run('load-client', task)
      expect(await child.ended, child.output()).toBe(0)
    }),
  )
  return tasks.flatMap(({ out }) => JSON.parse(readFileSync(out, 'utf8')) as T[])
}

describe.each(sizes)('R3: $servers processes on $name', ({ name, shared, servers: count, ...size }) => {
  test.skipIf(!shared.isHere)(
    `of ${size.payments} payments, as many grants as paid proofs whose handler succeeded, copies or not`,
    { timeout: 60_000 + 60 * size.payments },
    async () => {
      const world = await createCrashWorld(shared, { leaseMs: 30_000, attempts: ATTEMPTS })
      onTestFinished(() => world.close())
      const started = Array.from({ length: count }, (_, i) =>
        world.start({ framework: i % 2 === 0 ? 'express' : 'hono', isFailing: true }),
      )
      const servers = (await Promise.all(started)).map(({ url }) => url)
      const clients = Math.min(size.clients, Math.ceil(size.payments / 4))
      const purses = await Promise.all(Array.from({ length: clients }, () => world.devnet.fundedSeed(parseXno('10'))))
      const file = (what: string, part: number) => join(world.directory, `${what}-${part}.json`)
      const parts = size.payments > 1_000 ? [0, 1] : [0]

      const startMs = performance.now()
      const pay = parts.map((part): Task => {
        const own = purses.filter((_, i) => i % parts.length === part)
        const payments = size.payments / parts.length
        return { do: 'pay', servers, node: world.nodeUrl, purses: own, payments, out: file('bought', part) }
      })
      const bought = (await work<readonly Purchase[]>(world, pay)).flat()
      const paidMs = performance.now()
      const present = parts.map((part): Task => {
        const purchases = file('bought', part)
        return { do: 'present', servers, purchases, every: 10, copies: 5, out: file('presented', part) }
      })
      const presented = await work<Presentation>(world, present)
      const presentedMs = performance.now()

      const hashes = (those: Iterable<string>) => [...those].sort()
      const paid = (await receivable(world.devnet, world.payTo, { count: 1_000_000 })).map(({ hash }) => hash)
      const good = hashes(paid.filter((hash) => failureOf(hash) === undefined))
      const answered = (answer: string) => presented.filter((one) => one[1] === answer).map(([hash]) => hash)
      expect(paid).toHaveLength(size.payments)
      expect(hashes(paid)).toEqual(hashes(bought.map(({ hash }) => hash)))
      expect(hashes(answered('200'))).toEqual(good)
      expect(hashes(world.noted('left').keys())).toEqual(good)
      expect([...world.noted('left').values()].every((times) => times === 1)).toBe(true)
      const ran = world.noted('ran')
      const most = (hash: string) => (failureOf(hash) === undefined ? 1 : ATTEMPTS)
      expect([...ran].filter(([hash, times]) => times > most(hash))).toEqual([])
      const books = await reconcile({ node: world.devnet, store: world.store, account: world.payTo })
      const used = books.sends.filter(({ state }) => state === 'matched' || state === 'undelivered')
      expect(hashes(used.map(({ hash }) => hash))).toEqual(good)
      expect(books.counts).toMatchObject({ open: paid.length - good.length, unmatched: 0 })

      // What failed is mended: every payment that has an attempt left is good.
      const failed = bought.filter(({ hash }) => failureOf(hash) !== undefined)
      const again = failed.map(({ headers, ...rest }) => ({ ...rest, headers: { ...headers, [MENDED]: 'yes' } }))
      writeFileSync(file('failed', 0), JSON.stringify([again]))
      const mend = { purchases: file('failed', 0), every: 1, copies: 1, out: file('mended', 0) }
      const mended = await work<Presentation>(world, [{ do: 'present', servers, ...mend }])
      expect(mended.map(([hash, answer]) => [hash, answer])).toEqual(
        failed.map(({ hash }) => [hash, ran.get(hash) === ATTEMPTS ? 'attempts_exhausted' : '200']),
      )

      if (process.env.NANO402_LOAD_PAYMENTS) {
        print(name, {
          processes: count,
          clients,
          payments: paid.length,
          'payments/s': Math.round((1000 * paid.length) / (paidMs - startMs)),
          presented: presented.length,
          'presented/s': Math.round((1000 * presented.length) / (presentedMs - paidMs)),
          ...Object.fromEntries(
            [...new Set(presented.map(([, answer]) => answer))]
              .sort()
              .map((answer) => [answer === '200' ? 'granted' : `  ${answer}`, answered(answer).length]),
          ),
          'p50 ms': percentile(presented, 0.5),
          'p95 ms': percentile(presented, 0.95),
          'granted once mended': mended.filter(([, answer]) => answer === '200').length,
        })
      }
    },
  )
})

const percentile = (presented: readonly Presentation[], share: number) => {
  const times = presented.map(([, , ms]) => ms).sort((a, b) => a - b)
  return Math.round(times[Math.floor(share * times.length)] ?? Number.NaN)
}

function print(title: string, rows: Readonly<Record<string, number>>): void {
  const lines = Object.entries(rows).map(([name, value]) => `${name.padEnd(28)}${String(value).padStart(8)}\n`)
  process.stdout.write(`\n${title}\n${lines.join('')}`)
}
