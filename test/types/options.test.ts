/** What the compiler refuses before anything runs. tsc checks these; vitest only runs them past it. */
import { createPaywall, type Paywall, type PaywallOptions, type Price, type RouteOptions } from 'nano402'
import { type BudgetOptions, createPayer, type PayerOptions } from 'nano402/client'
import type { Raw } from 'nano402/nano'
import { expectTypeOf, test } from 'vitest'

const unused = (code: () => unknown) => expectTypeOf(code).toBeFunction()

test('an option that does not exist is refused', () => {
  unused(() => {
    // @ts-expect-error it is payTo
    createPaywall({ payto: 'nano_1' })
    // @ts-expect-error x402 says maxTimeoutSeconds
    createPaywall({ timeout: 300 })
  })
})

test('a price is text or { raw }: a number cannot hold most amounts', () => {
  expectTypeOf<'0.001'>().toExtend<Price>()
  expectTypeOf<{ raw: bigint }>().toExtend<Price>()
  expectTypeOf<Raw>().toExtend<bigint>()
  unused(() => {
    createPaywall({ price: { raw: 10n ** 27n } })
    createPaywall({ price: (request) => (request.query('depth') === 'full' ? '0.005' : '0.0001') })
    createPaywall({ price: async (request) => ({ raw: BigInt((await request.text()).length) * 10n ** 24n }) })
    // @ts-expect-error a number
    createPaywall({ price: 0.001 })
    // @ts-expect-error a bigint could be XNO or raw: { raw } says which
    createPaywall({ price: 10n ** 27n })
    // @ts-expect-error a number, from a function
    createPaywall({ price: () => 0.001 })
  })
})

test('a route may not change what a deployment shares', () => {
  expectTypeOf<'price' | 'payTo'>().toExtend<keyof RouteOptions>()
  expectTypeOf<'rpc' | 'store' | 'secret'>().not.toExtend<keyof RouteOptions>()
  expectTypeOf<keyof RouteOptions>().toExtend<keyof PaywallOptions>()
  unused(() => {
    const shop = {} as Paywall
    shop.route({ price: '0.001' })
    // @ts-expect-error a store for each route would let one payment buy twice
    shop.route({ store: 'memory' })
  })
})

test('the network and the mechanisms are of a known few', () => {
  unused(() => {
    createPaywall({ network: 'nano:devnet', mechanisms: ['session'] })
    // @ts-expect-error not a network of Nano
    createPaywall({ network: 'nano:testnet' })
    // @ts-expect-error not a mechanism
    createPaywall({ mechanisms: ['sessions'] })
  })
})

test('a payer has a budget, in XNO as text', () => {
  expectTypeOf<PayerOptions['budget']>().toEqualTypeOf<BudgetOptions>()
  unused(() => {
    // @ts-expect-error there is no infinite default
    createPayer({ seed: '', rpc: '' })
    // @ts-expect-error nor one for a single request
    createPayer({ seed: '', rpc: '', budget: { perDay: '1' } })
    // @ts-expect-error a number
    createPayer({ seed: '', rpc: '', budget: { perRequest: 0.01, perDay: '1' } })
  })
})

test('who may skip has a name: true, a header compared with another, is nobody', () => {
  unused(() => {
    createPaywall({ skip: (request) => request.header('x') && 'alice' })
    createPaywall({ skip: async () => ({ id: 'alice', plan: 'gold' }) })
    // @ts-expect-error true names nobody
    createPaywall({ skip: (request) => request.header('x-subscriber') === 'yes' })
    // @ts-expect-error an object without an id
    createPaywall({ skip: () => ({ plan: 'gold' }) })
  })
})

test('passes and free requests have the numbers that they need', () => {
  unused(() => {
    createPaywall({ pass: { uses: 100, ttlMs: 3_600_000 }, free: { perDay: 10, by: (request) => request.path } })
    createPaywall({ validate: (request) => (request.query('q') ? undefined : { code: 'no_q', detail: 'Say q.' }) })
    // @ts-expect-error without an end
    createPaywall({ pass: { uses: 100 } })
    // @ts-expect-error for nobody
    createPaywall({ free: { perDay: 10 } })
    // @ts-expect-error a price cannot be read from where a request came, which no seal holds
    createPaywall({ price: (request) => request.remoteAddress ?? '1' })
  })
})
