import fc from 'fast-check'
import { NoPayableOfferError } from 'nano402/client'
import { addressToPublicKey, nanoAddress } from 'nano402/nano'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readBills } from '../../src/client/bills.ts'
import { ALONE } from '../../src/client/methods.ts'
import { chooseFrom } from '../../src/client/offers.ts'
import { decodePaymentRequired, decodeSettlementResponse, encodeHeader } from '../../src/x402/headers.ts'
import { readPaymentRequired } from '../../src/x402/shapes.ts'
import { EVERY_FORM } from '../support/forms.ts'
import { openShop } from '../support/shop.ts'
import { freshAccount } from '../support/world.ts'
import { anyJson, bent, bentText, fuzz, type Json } from './fuzz.ts'
import { openTarget, type Target } from './target.ts'

let target: Target
let challenge: Json
const self = freshAccount()
beforeAll(async () => {
  target = await openTarget()
  const accepts = [await target.offer(), await target.offer()]
  challenge = JSON.parse(JSON.stringify({ x402Version: 2, resource: { url: '/report' }, accepts }))
})
afterAll(() => target.close())

test('a payer pays no offer that does not fit together, whatever a 402 says', async () => {
  const rules = {
    methods: ALONE,
    network: 'nano:devnet',
    self,
    maxTag: 10n ** 20n,
    pinned: undefined,
    nowMs: Date.now(),
  } as const
  await fuzz(
    3,
    fc.asyncProperty(bent(challenge), async (said) => {
      const required = readPaymentRequired(said)
      if (required === undefined) return
      try {
        const chosen = chooseFrom([{ wire: 'x402', required }], 'http://shop.example/report', rules)
        const { offer, amount, price, payTo, sessionId, expiresAtMs } = chosen.offer
        expect(offer.amount).toBe(amount.toString())
        expect(amount - price).toBe(amount % 10n ** 20n)
        expect(price > 0n).toBe(true)
        expect(nanoAddress(offer.payTo)).toBe(payTo)
        expect([addressToPublicKey(self), '0'.repeat(64)]).not.toContain(addressToPublicKey(payTo))
        expect(sessionId).not.toBe('')
        expect(expiresAtMs).toBeGreaterThan(rules.nowMs)
      } catch (error) {
        if (!(error instanceof NoPayableOfferError)) throw error
      }
    }),
  )
})

test('nor one of an older form', async () => {
  const rules = {
    methods: ALONE,
    network: 'nano:devnet',
    self,
    maxTag: 10n ** 20n,
    pinned: undefined,
    nowMs: Date.now(),
  } as const
  const url = 'http://shop.example/report'
  const answer = await openShop({ ...target.world.options, wire: EVERY_FORM }).ask()
  const headers = [...answer.headers].filter(([name]) => name.startsWith('x-payment-'))
  const body: Json = await answer.json()
  const bentHeaders = fc.tuple(...headers.map(([name, value]) => bentText(value).map((text) => [name, text] as const)))
  await fuzz(
    3,
    fc.asyncProperty(bentHeaders, bent(body), async (each, said) => {
      const sent = each.filter(([, value]) => /^[\x20-\x7e]*$/.test(value)).map((one) => [...one] as [string, string])
      const response = Response.json(said, { status: 402, headers: sent })
      try {
        const { offer } = chooseFrom(await readBills(response, url, ['nanosession-3', 'nanosession-5']), url, rules)
        expect(offer.amount - offer.price).toBe(offer.amount % 10n ** 7n)
        expect([addressToPublicKey(self), '0'.repeat(64)]).not.toContain(addressToPublicKey(offer.payTo))
        expect(offer.expiresAtMs).toBeGreaterThan(rules.nowMs)
      } catch (error) {
        if (!(error instanceof NoPayableOfferError)) throw error
      }
      const bills = await readBills(response, url, ['x402-v1']).catch(() => [])
      for (const { required } of bills) expect(required.x402Version).toBe(2)
    }),
  )
})

test('the headers of an answer are read or not, and never fail', async () => {
  const settled = encodeHeader({ success: true, transaction: 'A'.repeat(64), network: 'nano:devnet' })
  const offered = encodeHeader(challenge as never)
  const texts = fc.oneof(
    bentText(settled),
    bentText(offered),
    fc.string({ unit: 'binary', maxLength: 300 }),
    anyJson.map((json) => Buffer.from(JSON.stringify(json)).toString('base64')),
  )
  await fuzz(
    1,
    fc.asyncProperty(texts, async (text) => {
      expect([2, undefined]).toContain(decodePaymentRequired(text)?.x402Version)
      expect(['boolean', 'undefined']).toContain(typeof decodeSettlementResponse(text)?.success)
    }),
  )
})
