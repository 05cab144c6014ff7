import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/express'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { encodeHeader } from '../../src/x402/headers.ts'
import { offerOf } from '../client/support.ts'
import { freshAccount, SECRET } from '../support/world.ts'
import { nano402, ran } from './support.ts'

const PRICE = 10n ** 27n
let url: string
let payTo: string
beforeEach(async () => {
  payTo = freshAccount()
  const node = { call: () => Promise.reject(new Error('nobody is asked')) }
  const shop = createPaywall({ network: 'nano:devnet', rpc: node, payTo, price: '0.001', secret: `${SECRET}-inspect` })
  const app = express()
  app.get('/report', paywall(shop, { description: 'The daily \u001b[31mreport', mimeType: 'application/json' }))
  app.post('/search', paywall(shop))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await shop.close({ timeoutMs: 1 })
  })
})

/** A server that answers every request so. */
async function serverThat(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_, response) => answer(response)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
const billing = (required: object) =>
  serverThat((response) => void response.writeHead(402, { 'PAYMENT-REQUIRED': encodeHeader(required) }).end())

describe('nano402 inspect', () => {
  test('says in words what a 402 asks, built and from source, and asks nobody for money', async () => {
    const built = await nano402(['inspect', `${url}/report`])
    const source = await ran(['inspect', `${url}/report`])
    for (const { status, out, err } of [built, source]) {
      expect({ status, err }).toEqual({ status: 0, err: '' })
      expect(out).toMatch(/^402 GET http.*\/report\nsells {5}The daily \?\[31mreport application\/json\n/)
      expect(out).toContain(`asks      0.001 XNO on nano:devnet to ${payTo}, within 300 s, by scheme exact`)
      expect(out).toMatch(/\(by sending exactly 0\.001\d+ XNO\) \[x402\]\n {10}nano402 pay http\S+ would pay it\n/)
      expect(out).toMatch(/problems {2}none\n$/)
    }
  })

  test('--json gives the offers as they are, and what is wrong with them', async () => {
    const { status, out } = await ran(['inspect', '--json', '-X', 'POST', '-d', 'q', `${url}/search`])
    expect(status).toBe(0)
    expect(JSON.parse(out)).toEqual({
      url: `${url}/search`,
      status: 402,
      error: 'payment_required',
      resource: { url: '/search' },
      offers: [
        {
          form: 'x402',
          offer: expect.objectContaining({ scheme: 'exact', payTo, extra: expect.any(Object) }),
          asks: expect.stringContaining('0.001 XNO'),
          payable: true,
        },
      ],
      problems: [],
    })
  })

  const offer = offerOf(PRICE as never)
  const required = { x402Version: 2, resource: { url: '/' }, accepts: [offer] }
  const without = (name: string) => Object.fromEntries(Object.entries(offer).filter(([key]) => key !== name))
  test.each([
    ['no version', { ...required, x402Version: undefined }, 'x402Version is missing'],
    ['version 3', { ...required, x402Version: 3 }, 'x402Version is not 2'],
    ['no resource', { ...required, resource: undefined }, 'resource is missing'],
    ['no amount', { ...required, accepts: [offer, without('amount')] }, 'accepts[1].amount is missing'],
    [
      'an amount in hex',
      { ...required, accepts: [{ ...offer, amount: '0x10' }] },
      'accepts[0].amount is not decimal digits',
    ],
    [
      'a timeout below 0',
      { ...required, accepts: [{ ...offer, maxTimeoutSeconds: -1 }] },
      'accepts[0].maxTimeoutSeconds is below 0',
    ],
    [
      'a number for an account',
      { ...required, accepts: [{ ...offer, payTo: 7 }] },
      'accepts[0].payTo is of another type',
    ],
    ['no offers', { ...required, accepts: [] }, 'accepts is empty'],
  ])('a 402 with %s ends with 3 and says where', async (_, bill, problem) => {
    const { status, out } = await ran(['inspect', '--json', await billing(bill)])
    expect(status).toBe(3)
    expect(JSON.parse(out).problems).toContainEqual(expect.stringContaining(problem))
  })

  test('an offer that nano402 would not pay says why, and is no problem of x402', async () => {
    const dollars = {
      ...offer,
      network: 'eip155:8453',
      asset: '0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913',
      amount: '10000',
    }
    const { status, out } = await ran(['inspect', await billing({ ...required, accepts: [dollars] })])
    expect(status).toBe(0)
    expect(out).toMatch(/asks {6}10000 of 0x8335\S+ on eip155:8453 to /)
    expect(out).toContain('nano402 would not pay it: its network is not nano:mainnet')
  })

  test('an older form is named, and said to be one', async () => {
    const headers = { 'X-PAYMENT-ADDRESS': payTo, 'X-PAYMENT-AMOUNT': `1${'0'.repeat(27)}`, 'X-PAYMENT-TAG': '1234567' }
    const more = { 'X-PAYMENT-SESSION': 's', 'X-PAYMENT-EXPIRES': new Date(Date.now() + 60_000).toISOString() }
    const server = await serverThat((response) => void response.writeHead(402, { ...headers, ...more }).end())
    const { status, out } = await ran(['inspect', server])
    expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining('[nanosession-5]') })
    expect(out).toContain(
      "nano402 would not pay it: its form is older than x402; createPayer({ wire: ['nanosession-5'] }) pays it",
    )
  })

  test.each([
    ['no 402', (response: ServerResponse) => response.end('free'), 'The status is 200, not 402'],
    ['a 402 of nobody', (response: ServerResponse) => response.writeHead(402).end('pay me'), 'The 402 asks in no form'],
    [
      'a header that is none',
      (response: ServerResponse) => response.writeHead(402, { 'PAYMENT-REQUIRED': '!' }).end(),
      'is not the base64 of strict JSON',
    ],
  ])('%s ends with 3 and says so', async (_, answer, problem) => {
    const { status, out } = await ran(['inspect', await serverThat((response) => void answer(response))])
    expect({ status, out }).toEqual({ status: 3, out: expect.stringContaining(problem) })
  })
})
