import type { Price } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { buy, createWorld, type World } from '../support/world.ts'

/** A request, and one for which its payment must not count. */
const others: Readonly<Record<string, readonly [paid: [method: string, target: string], used: [string, string]]>> = {
  'B1: a cheap route and a dear one': [
    ['GET', '/cheap'],
    ['GET', '/dear'],
  ],
  'B2: two routes of one price': [
    ['GET', '/cheap/a'],
    ['GET', '/cheap/b'],
  ],
  'B2: a route and what is below it': [
    ['GET', '/cheap'],
    ['GET', '/cheap/'],
  ],
  'B2: a path in another case': [
    ['GET', '/cheap'],
    ['GET', '/Cheap'],
  ],
  'B2: a path in another encoding': [
    ['GET', '/cheap/a'],
    ['GET', '/cheap/%61'],
  ],
  'B3: another query': [
    ['GET', '/cheap?rows=1'],
    ['GET', '/cheap?rows=1000000'],
  ],
  'B3: no query': [
    ['GET', '/cheap?rows=1'],
    ['GET', '/cheap'],
  ],
  'B3: a query in another order': [
    ['GET', '/cheap?a=1&b=2'],
    ['GET', '/cheap?b=2&a=1'],
  ],
  'B3: a query with something more': [
    ['GET', '/cheap?a=1'],
    ['GET', '/cheap?a=1&a=2'],
  ],
  'B4: GET for DELETE': [
    ['GET', '/cheap'],
    ['DELETE', '/cheap'],
  ],
  'B4: HEAD for GET': [
    ['HEAD', '/cheap'],
    ['GET', '/cheap'],
  ],
  'B4: GET for HEAD': [
    ['GET', '/cheap'],
    ['HEAD', '/cheap'],
  ],
}

const price = ({ path }: { readonly path: string }): Price => (path.startsWith('/dear') ? '1' : '0.001')

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('B1 to B4 over $name', ({ serve }) => {
  let app: Served
  beforeAll(async () => {
    app = await serve({ ...world.options, price })
  })
  afterAll(() => app.close())

  test.each(Object.entries(others))('%s: the payment counts for the first alone', async (_name, [paid, used]) => {
    const [method, target] = paid
    const { headers } = await buy(world.buyer, app.url + target, { method })
    const attempt = watch(world, app)
    const misused = await attempt(() => fetch(app.url + used[1], { method: used[0], headers }))
    const code = used[0] === 'HEAD' ? {} : { code: 'resource_mismatch' }
    expect(misused).toEqual({ status: 402, ...code, ran: 0, asked: 0 })
    const served = await attempt(() => fetch(app.url + target, { method, headers }))
    expect([served.status, served.ran]).toEqual([200, 1])
  })

  test('B3: a body is not bound where the price does not read it, and one payment still buys one answer', async () => {
    const post = (body: string, headers = {}) => fetch(`${app.url}/cheap`, { method: 'POST', body, headers })
    const { headers } = await buy(world.buyer, `${app.url}/cheap`, { method: 'POST', body: 'small' })
    const attempt = watch(world, app)
    expect(await attempt(() => post('large', headers))).toMatchObject({ status: 200, ran: 1 })
    expect(await attempt(() => post('small', headers))).toEqual(refusedAtOnce(402, 'payment_already_spent'))
  })
})

describe.each(frameworks)('B3 over $name', ({ serve }) => {
  test('a price that reads the body binds the body', async () => {
    const byLength = async ({ text }: { text(): Promise<string> }) => ({
      raw: BigInt((await text()).length + 1) * 10n ** 24n,
    })
    const app = await serve({ ...world.options, price: byLength, priceBodyLimit: 1_000 })
    try {
      const post = (body: string, headers = {}) => fetch(`${app.url}/x`, { method: 'POST', body, headers })
      const { headers } = await buy(world.buyer, `${app.url}/x`, { method: 'POST', body: 'small' })
      const attempt = watch(world, app)
      for (const body of ['a much longer body', 'smalL', 'small ', '']) {
        expect(await attempt(() => post(body, headers))).toEqual(refusedAtOnce(402, 'resource_mismatch'))
      }
      expect(await attempt(() => post('small', headers))).toMatchObject({ status: 200, ran: 1 })
    } finally {
      await app.close()
    }
  })
})
