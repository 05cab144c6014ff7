import type { PaywallOptions, Price } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, paymentHeader, type World } from '../support/world.ts'

/** What a price function gives when something is wrong with it. None of it is a price, and none of it means free. */
const nonsense: Readonly<Record<string, unknown>> = {
  zero: '0',
  'zero as a number': 0,
  'less than a tag': '0.00000000009',
  NaN: Number.NaN,
  undefined,
  null: null,
  true: true,
  'a negative': '-0.001',
  'a negative of raw': { raw: -1n },
  'a float': 0.001,
  Infinity: Number.POSITIVE_INFINITY,
  'a bare bigint': 10n ** 27n,
  'an exponent': '1e-3',
  'hex digits': '0x10',
  dollars: '$0.01',
  'another unit': '0.001 XRP',
  'a comma': '0,001',
  'nothing at all': '',
  'more than there is': { raw: 2n ** 128n },
  'a fraction of a raw': '0.0000000000000000000000000000001',
  'a fraction in raw': { raw: '1.5' },
  'an empty object': {},
  'a list': ['0.001'],
}

const BOOM = Symbol('boom')
const failures: Readonly<Record<string, () => unknown>> = {
  'throws an error': () => {
    throw new Error('connect ECONNREFUSED 10.0.0.7:5432 postgres://app:hunter2@db')
  },
  'throws a string': () => {
    throw 'boom'
  },
  'throws undefined': () => {
    throw undefined
  },
  'throws a symbol': () => {
    throw BOOM
  },
  'rejects with an error': () => Promise.reject(new Error('postgres://app:hunter2@db')),
  'rejects with nothing': () => Promise.reject(),
}

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('B12 over $name', ({ serve }) => {
  /** Nobody is served, nobody is billed, and nobody learns why. */
  async function expectNoPrice(options: PaywallOptions) {
    await using app = disposable(await serve(options))
    for (const headers of [{}, paymentHeader('junk'), { 'PAYMENT-SIGNATURE': btoa('{}') }]) {
      const isPayment = 'PAYMENT-SIGNATURE' in headers
      const response = await fetch(`${app.url}/report`, { headers })
      expect(response.status).toBe(isPayment ? 400 : 503)
      expect(response.headers.get('payment-required')).toBeNull()
      expect(await response.text()).not.toMatch(/hunter2|postgres|boom/)
    }
    const outcome = await watch(world, app)(() => fetch(`${app.url}/report`))
    expect(outcome).toMatchObject({ status: 503, ran: 0, asked: 0 })
    expect(outcome.code).toMatch(/^(price_unavailable|unexpected_verify_error)$/)
  }

  test.each(Object.entries(nonsense))(
    'a price function that gives %s serves nobody and bills nobody',
    async (_name, value) => {
      await expectNoPrice({ ...world.options, price: () => value as Price })
      await expectNoPrice({ ...world.options, price: async () => value as Price })
    },
  )

  test.each(Object.entries(failures))(
    'a price function that %s serves nobody and bills nobody',
    async (_name, fail) => {
      await expectNoPrice({ ...world.options, price: () => fail() as Price })
    },
  )

  test.each(Object.entries(failures))(
    'a payTo function that %s serves nobody and bills nobody',
    async (_name, fail) => {
      await expectNoPrice({ ...world.options, payTo: () => fail() as string })
    },
  )

  test('price and payTo that fail together fail once, and the process lives', async () => {
    const fail = () => Promise.reject(new Error('the database is down'))
    await expectNoPrice({ ...world.options, price: fail, payTo: fail })
    const failLater = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('the database is down')
    }
    await expectNoPrice({ ...world.options, price: fail, payTo: failLater })
    await expectNoPrice({ ...world.options, price: failLater, payTo: () => 'nobody' })
    await expectNoPrice({ ...world.options, price: () => '0', payTo: failLater })
    await expectNoPrice({ ...world.options, price: failLater, payTo: fail })
    await new Promise((resolve) => setImmediate(resolve)) // what nobody caught would end the process here
  })

  test.each(['nobody', '', 'nano_1111111111111111111111111111111111111111111111111111hifc8npp', undefined, null, 7])(
    'a payTo function that gives %j serves nobody and bills nobody',
    async (account) => {
      await expectNoPrice({ ...world.options, payTo: () => account as string })
    },
  )
})
