/** Signed offers and receipts, checked with `jose` as anybody would, by the keys that the deployment publishes. */
import { decodePaymentResponseHeader } from '@x402/core/http'
import { PaymentRequiredV2Schema } from '@x402/core/schemas'
import { compactVerify, createLocalJWKSet, decodeProtectedHeader } from 'jose'
import { createPaywall, type PaywallOptions } from 'nano402'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { decodeSettlementResponse } from '../../src/x402/headers.ts'
import { openShop, purchase, type Shop } from '../support/shop.ts'
import { challengeOf, createWorld, proofHeader, type World } from '../support/world.ts'

const KEY = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60' // RFC 8032, test 1
const OLD_KEY = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
const PUBLIC_URL = 'https://shop.example'

let world: World
let options: PaywallOptions
beforeAll(async () => {
  world = await createWorld()
  options = { ...world.options, receipts: KEY, publicUrl: PUBLIC_URL }
})
afterAll(() => world.close())

/** What a JWS says, if a published key signed it. */
async function checked(shop: Pick<Shop, 'paywall'>, jws: string): Promise<Record<string, unknown>> {
  const answer = await shop.paywall.routes()(new Request(`${PUBLIC_URL}/.well-known/jwks.json`))
  const { payload } = await compactVerify(jws, createLocalJWKSet(await answer?.json()), { algorithms: ['EdDSA'] })
  return JSON.parse(new TextDecoder().decode(payload))
}

const infoOf = (extensions: unknown) =>
  (extensions as { 'offer-receipt': { info: { offers: Signed[]; receipt: Signed } } })['offer-receipt'].info
interface Signed {
  readonly format: string
  readonly acceptIndex?: number
  readonly signature: string
}

async function buyReceipt(shop: Shop, path = '/report') {
  const offer = challengeOf(await shop.ask({}, { path })).accepts[0]
  if (!offer) throw new Error('A challenge without an offer.')
  const hash = await world.buyer.pay(offer)
  const answer = await shop.ask(proofHeader(offer, hash), { path })
  const settlement = decodeSettlementResponse(answer.headers.get('PAYMENT-RESPONSE') ?? '')
  return { offer, hash, answer, settlement, receipt: infoOf(settlement?.extensions).receipt }
}

describe('with a key', () => {
  test('each offer of a 402 is signed as it stands there', async () => {
    const shop = openShop(options)
    const required = challengeOf(await shop.ask())
    expect(PaymentRequiredV2Schema.parse(required)).toBeDefined()
    const { accepts, extensions, resource } = required
    const { offers } = infoOf(extensions)
    expect(offers).toHaveLength(accepts.length)
    const [signed] = offers
    const [offer] = accepts
    expect(signed).toMatchObject({ format: 'jws', acceptIndex: 0 })
    const { validUntil, ...said } = await checked(shop, signed?.signature ?? '')
    const { scheme, network, asset, payTo, amount } = offer ?? {}
    expect(said).toEqual({ version: 1, resourceUrl: resource.url, scheme, network, asset, payTo, amount })
    expect(validUntil).toBeGreaterThan(Date.now() / 1000 + 290)
    expect(resource.url).toBe(`${PUBLIC_URL}/report`)
  })

  test('a paid answer carries a receipt that names the payer, the block and the resource', async () => {
    const shop = openShop(options)
    const { hash, settlement, receipt, answer } = await buyReceipt(shop)
    expect(decodePaymentResponseHeader(answer.headers.get('PAYMENT-RESPONSE') ?? '')).toEqual(settlement)
    const { issuedAt, ...said } = await checked(shop, receipt.signature)
    expect(said).toEqual({
      version: 1,
      network: 'nano:devnet',
      resourceUrl: `${PUBLIC_URL}/report`,
      payer: world.buyer.account,
      transaction: hash,
    })
    expect(Math.abs(Number(issuedAt) - Date.now() / 1000)).toBeLessThan(30)
  })

  test('a receipt for one resource is none for another, and one that was changed is none at all', async () => {
    const shop = openShop(options)
    const { receipt } = await buyReceipt(shop, '/cheap?item=1')
    expect(await checked(shop, receipt.signature)).toMatchObject({ resourceUrl: `${PUBLIC_URL}/cheap?item=1` })
    const [head, payload, signature] = receipt.signature.split('.')
    const forged = Buffer.from(
      Buffer.from(payload ?? '', 'base64url')
        .toString()
        .replace('/cheap?item=1', '/dear?item=1'),
    )
    await expect(checked(shop, `${head}.${forged.toString('base64url')}.${signature}`)).rejects.toThrow()
  })

  test('a receipt that another key signed is none, though it names ours', async () => {
    const shop = openShop(options)
    const stranger = openShop({ ...options, receipts: OLD_KEY })
    const { receipt } = await buyReceipt(stranger)
    await expect(checked(shop, receipt.signature)).rejects.toThrow()
    const own = decodeProtectedHeader((await buyReceipt(shop)).receipt.signature)
    const [, payload, signature] = receipt.signature.split('.')
    const dressed = Buffer.from(JSON.stringify(own)).toString('base64url')
    await expect(checked(shop, `${dressed}.${payload}.${signature}`)).rejects.toThrow()
  })

  test('after a change of keys the old receipts can still be checked', async () => {
    const before = openShop({ ...options, receipts: OLD_KEY })
    const { receipt } = await buyReceipt(before)
    const after = openShop({ ...options, receipts: [KEY, OLD_KEY] })
    expect(await checked(after, receipt.signature)).toMatchObject({ payer: world.buyer.account })
    const fresh = await buyReceipt(after)
    const said = decodeProtectedHeader(fresh.receipt.signature)
    expect(said.kid).not.toBe(decodeProtectedHeader(receipt.signature).kid)
  })

  test('the key id is the key itself, so that x402 tools find it without us', async () => {
    const { offers } = infoOf(challengeOf(await openShop(options).ask()).extensions)
    const { alg, kid } = decodeProtectedHeader(offers[0]?.signature ?? '')
    expect(alg).toBe('EdDSA')
    const jwk = Buffer.from(/^did:jwk:([\w-]+)#0$/.exec(kid ?? '')?.[1] ?? '', 'base64url').toString()
    expect(JSON.parse(jwk)).toEqual({
      crv: 'Ed25519',
      kty: 'OKP',
      x: Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex').toString('base64url'),
    })
  })

  test('a signature that fails is 503, runs nothing, and leaves the proof good', async () => {
    const shop = openShop(options)
    const { headers } = await purchase(shop, world.buyer)
    const failing = vi.spyOn(crypto.subtle, 'sign').mockRejectedValueOnce(new Error('no such algorithm'))
    onTestFinished(() => failing.mockRestore())
    expect([(await shop.ask(headers)).status, shop.runs()]).toEqual([503, 0])
    expect([(await shop.ask(headers)).status, shop.runs()]).toEqual([200, 1])
  })

  test('no receipt goes with an answer that was not sold', async () => {
    const shop = openShop(options, () => new Response('failed', { status: 500 }))
    const { headers } = await purchase(shop, world.buyer)
    expect((await shop.ask(headers)).headers.get('PAYMENT-RESPONSE')).toBeNull()
    const refused = await shop.ask({ ...headers, 'PAYMENT-SIGNATURE': 'bm9uZQ==' })
    const settlement = decodeSettlementResponse(refused.headers.get('PAYMENT-RESPONSE') ?? '')
    expect(settlement).toMatchObject({ success: false })
    expect(settlement?.extensions).toBeUndefined()
  })
})

test('without a key nothing is signed and no key is published', async () => {
  const shop = openShop(world.options)
  expect(challengeOf(await shop.ask()).extensions).toBeUndefined()
  const { headers } = await purchase(shop, world.buyer)
  const settlement = decodeSettlementResponse((await shop.ask(headers)).headers.get('PAYMENT-RESPONSE') ?? '')
  expect(settlement?.extensions).toBeUndefined()
  const keys = await shop.paywall.routes()(new Request('https://shop.example/.well-known/jwks.json'))
  expect(await keys?.json()).toEqual({ keys: [] })
})

test.each([
  ['a key that is none', { receipts: 'abc' }, /NANO402_RECEIPT_KEY.*openssl/],
  ['no origin to name resources by', { publicUrl: undefined }, /NANO402_PUBLIC_URL/],
])('refuses to start with %s, and does not quote the key', (_name, wrong, message) => {
  const start = () => createPaywall({ ...options, ...wrong } as PaywallOptions)
  expect(start).toThrow(message)
  expect(start).not.toThrow(/abc|9d61/)
})
