import { inspect } from 'node:util'
import { createPayer } from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { RefusedAfterPaymentError } from '../../src/errors.ts'
import { encodeHeader } from '../../src/x402/headers.ts'
import { buyerFor, devnetForTest, openShop, SHOP, sentBy } from './support.ts'

const failure = (promise: Promise<unknown>): Promise<RefusedAfterPaymentError> =>
  promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error) => error,
  )

async function open(options: Parameters<typeof buyerFor>[1] = {}) {
  const devnet = devnetForTest(5)
  const shop = await openShop(devnet)
  return { devnet, shop, ...(await buyerFor(devnet, options)) }
}

describe('a 402', () => {
  test('is paid, and the resource is what comes back', async () => {
    const { devnet, shop, payer, events, types } = await open()

    const response = await payer.fetch(shop.url)

    expect(response.status).toBe(200)
    expect(await response.text()).toBe('paid GET /report ')
    expect(types()).toEqual(['challenged', 'paying', 'work', 'work', 'published', 'confirmed', 'presenting', 'paid'])
    const [challenged] = events
    if (challenged?.type !== 'challenged') throw new Error('no challenge')
    expect(challenged.price).toBe(parseXno('0.001'))
    expect(challenged.payTo).toBe(SHOP)
    expect(await sentBy(devnet, payer.address)).toEqual([challenged.amount])
  })

  test('and an answer are known by their form, since servers in the same process may replace the class Response', async () => {
    const { shop, payer } = await open()
    const free = async () => (await payer.fetch(`${shop.url}/free`)).status
    vi.stubGlobal('Response', class {})
    onTestFinished(() => void vi.unstubAllGlobals())
    shop.intercept = ({ path }, response) => path === '/report/free' && !!response.writeHead(200).end()
    expect([(await payer.fetch(shop.url)).status, await free()]).toEqual([200, 200])
  })

  test('that is not of x402 comes back as it is', async () => {
    const { shop, payer } = await open()
    shop.intercept = (_, response) => !!response.writeHead(402).end('call us')
    const response = await payer.fetch(shop.url)
    expect([response.status, await response.text()]).toEqual([402, 'call us'])
  })

  test('that cannot be read is not paid', async () => {
    const { shop, payer } = await open()
    shop.challenge = () => '!!!'
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
  })

  test('twice at once for the same request is two payments with two proofs', async () => {
    const { devnet, shop, payer } = await open()
    const responses = await Promise.all([payer.fetch(shop.url), payer.fetch(shop.url)])
    expect(responses.map(({ status }) => status)).toEqual([200, 200])
    expect(new Set(shop.seen.flatMap(({ proof }) => proof ?? [])).size).toBe(2)
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })
})

describe('a request', () => {
  test('that costs nothing asks the Nano node nothing', async () => {
    const { devnet, shop, payer } = await open()
    const asked = devnet.asked()
    expect(await (await payer.fetch(`${shop.origin}/free`)).text()).toBe('free')
    expect(devnet.asked()).toBe(asked)
  })

  test('is repeated with its method, headers and body unchanged', async () => {
    const { shop, payer } = await open()
    const headers = { 'content-type': 'text/x-order', authorization: 'Bearer mine' }
    const response = await payer.fetch(shop.url, { method: 'POST', headers, body: 'two cups' })
    expect(await response.text()).toBe('paid POST /report two cups')
    const [first, second] = shop.seen.map(({ method, body, headers }) => {
      const { 'payment-signature': _, ...rest } = headers
      return { method, body, headers: rest }
    })
    expect(second).toEqual(first)
    expect(first).toMatchObject({ method: 'POST', body: 'two cups', headers })
  })

  test('may be a Request, and its body a stream', async () => {
    const { shop, payer } = await open()
    const body = new Blob(['from ', 'a stream']).stream()
    const request = new Request(shop.url, { method: 'PUT', body, duplex: 'half' } as RequestInit)
    expect(await (await payer.fetch(request)).text()).toBe('paid PUT /report from a stream')
  })

  test('of which the body would not fit into memory twice is refused before it is sent', async () => {
    const { shop, payer } = await open()
    const body = new Uint8Array(16 * 1024 * 1024 + 1)
    await expect(payer.fetch(shop.url, { method: 'POST', body })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
    expect(shop.seen).toHaveLength(0)
  })

  test.each(['payment-signature', 'x-payment'])('that brings its own proof (%s) is left alone', async (name) => {
    const { shop, payer, types } = await open()
    const bill = await fetch(shop.url)
    shop.intercept = (_, response) =>
      !!response.writeHead(402, { 'payment-required': bill.headers.get('payment-required') ?? '' }).end()
    const response = await payer.fetch(shop.url, { headers: { [name]: 'mine' } })
    expect(response.status).toBe(402)
    expect(shop.seen.at(-1)?.headers[name]).toBe('mine')
    expect(types()).toEqual([])
  })

  test('with HEAD is paid like any other', async () => {
    const { shop, payer } = await open()
    expect((await payer.fetch(shop.url, { method: 'HEAD' })).status).toBe(200)
    expect(shop.granted).toBe(1)
  })

  test('that fails before it was paid fails like fetch', async () => {
    const { shop, payer } = await open()
    await shop.close()
    await expect(payer.fetch(shop.url)).rejects.toThrow(TypeError)
  })
})

describe('a proof', () => {
  test.each([503, 409, 429])('is presented again after a %i with Retry-After', async (status) => {
    const { devnet, shop, payer, types } = await open()
    let refusals = 2
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && refusals-- > 0 && !!response.writeHead(status, { 'retry-after': '0' }).end()

    expect((await payer.fetch(shop.url)).status).toBe(200)

    const proofs = shop.seen.flatMap(({ proof }) => proof ?? [])
    expect(proofs).toHaveLength(3)
    expect(new Set(proofs).size).toBe(1)
    expect(types().filter((type) => type === 'presenting')).toHaveLength(3)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is presented again after a 402 of a stock server that says it is pending', async () => {
    const { devnet, shop, payer } = await open()
    let pending = 2
    shop.intercept = ({ proof }, response) => {
      if (proof === undefined || pending-- === 0) return false
      const errorReason = 'settlement_pending'
      const settlement = { success: false, transaction: '', network: 'nano:devnet', errorReason }
      return !!response.writeHead(402, { 'payment-response': encodeHeader(settlement) }).end('{}')
    }
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is presented before its confirmation when that takes too long, and the server waits', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer, events, types } = await buyerFor(devnet, {
      confirmTimeoutMs: 30,
      onEvent: (event) => {
        events.push(event)
        if (event.type === 'presenting' && event.attempt === 2) devnet.release()
      },
    })
    devnet.hold()
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(types()).not.toContain('confirmed')
  })

  test('whose answer got lost before the payment was used up is presented again and buys the answer', async () => {
    const { devnet, shop, payer } = await open()
    let losses = 1
    shop.intercept = ({ proof }, response) => proof !== undefined && losses-- > 0 && !!response.destroy()
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('whose answer got lost after the payment was used up is refused with the proof in the error', async () => {
    const { devnet, shop, payer, events } = await open()
    shop.afterGrant = (_, response) => !!response.destroy()

    const error = await failure(payer.fetch(shop.url))

    expect(error).toMatchObject({
      code: 'ERR_REFUSED_AFTER_PAYMENT',
      refusal: 'payment_already_spent',
      retryable: false,
    })
    const published = events.find(({ type }) => type === 'published')
    expect(error.proof).toMatchObject({
      blockHash: published && 'hash' in published && published.hash,
      method: 'GET',
      url: shop.url,
    })
    expect(error.proof.headers['PAYMENT-SIGNATURE']).toBe(shop.seen.at(-1)?.proof)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('that stays unanswered is kept, and used when the same request is made again', async () => {
    const { devnet, shop, payer, types } = await open({ retryForMs: 300 })
    let isDown = true
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && isDown && !!response.writeHead(503, { 'retry-after': '0' }).end()

    const error = await failure(payer.fetch(shop.url, { method: 'POST', body: 'x' }))
    expect(error).toMatchObject({ code: 'ERR_REFUSED_AFTER_PAYMENT', retryable: true, refusal: 'http_503' })
    // No sooner than after 250 ms, whatever Retry-After says, and for 300 ms altogether.
    expect(types().filter((type) => type === 'presenting').length).toBeLessThanOrEqual(2)
    isDown = false
    const unpaid = shop.seen.length
    const response = await payer.fetch(shop.url, { method: 'POST', body: 'x' })

    expect(await response.text()).toBe('paid POST /report x')
    expect(shop.seen.slice(unpaid).map(({ proof }) => proof)).toEqual([error.proof.headers['PAYMENT-SIGNATURE']])
    expect(types()).toContain('resumed')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('that is kept for one request is not used for another', async () => {
    const { devnet, shop, payer } = await open({ retryForMs: 0 })
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && !!response.writeHead(503, { 'retry-after': '0' }).end()
    await failure(payer.fetch(shop.url, { method: 'POST', body: 'x' }))
    shop.intercept = () => false
    await payer.fetch(shop.url, { method: 'POST', body: 'y' })
    await payer.fetch(shop.url)
    expect(await sentBy(devnet, payer.address)).toHaveLength(3)
  })

  test('that is kept is used by one of two calls; the other pays for itself', async () => {
    const { devnet, shop, payer } = await open({ retryForMs: 0 })
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && !!response.writeHead(503, { 'retry-after': '0' }).end()
    await failure(payer.fetch(shop.url))
    shop.intercept = () => false
    const responses = await Promise.all([payer.fetch(shop.url), payer.fetch(shop.url)])
    expect(responses.map(({ status }) => status)).toEqual([200, 200])
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('that shall be presented again later than we wait is kept at once', async () => {
    const { shop, payer, types } = await open()
    const inAnHour = new Date(Date.now() + 3_600_000).toUTCString()
    for (const retryAfter of ['3600', inAnHour]) {
      shop.intercept = ({ proof }, response) =>
        proof !== undefined && !!response.writeHead(503, { 'retry-after': retryAfter }).end()
      await expect(payer.fetch(shop.url)).rejects.toMatchObject({ retryable: true })
    }
    expect(types().filter((type) => type === 'presenting')).toHaveLength(2)
  })

  test('of two that are kept is used by each of two calls', async () => {
    const { devnet, shop, payer } = await open({ retryForMs: 0 })
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && !!response.writeHead(503, { 'retry-after': '0' }).end()
    await Promise.allSettled([payer.fetch(shop.url), payer.fetch(shop.url)])
    shop.intercept = () => false
    const responses = await Promise.all([payer.fetch(shop.url), payer.fetch(shop.url)])
    expect(responses.map(({ status }) => status)).toEqual([200, 200])
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('can be presented by hand after it was refused', async () => {
    const { devnet, shop, payer } = await open({ retryForMs: 0 })
    shop.intercept = ({ proof }, response) => proof !== undefined && !!response.writeHead(402).end()
    const error = await failure(payer.fetch(shop.url))
    expect(error).toMatchObject({ retryable: false, refusal: 'payment_required' })
    shop.intercept = () => false

    const response = await payer.present(error.proof, shop.url)

    expect(await response.text()).toBe('paid GET /report ')
    await expect(payer.present(error.proof, shop.url)).rejects.toMatchObject({ refusal: 'payment_already_spent' })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is never presented to another origin by hand', async () => {
    const { shop, payer } = await open({ retryForMs: 0 })
    shop.intercept = ({ proof }, response) => proof !== undefined && !!response.writeHead(402).end()
    const { proof } = await failure(payer.fetch(shop.url))
    await expect(payer.present(proof, 'http://127.0.0.1:9/report')).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
  })
})

describe('an answer that does not use the payment up', () => {
  test('comes back, and the same request uses the same payment', async () => {
    const { devnet, shop, payer } = await open()
    let isBroken = true
    shop.intercept = ({ proof }, response) => proof !== undefined && isBroken && !!response.writeHead(500).end('oh')
    const broken = await payer.fetch(shop.url)
    expect([broken.status, await broken.text()]).toEqual([500, 'oh'])
    isBroken = false
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })
})

describe('a server that answers 402 for ever', () => {
  test('gets one payment for one request', async () => {
    const { devnet, shop, payer } = await open()
    shop.intercept = ({ proof }, response) => proof !== undefined && !!response.writeHead(402).end()
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_REFUSED_AFTER_PAYMENT', retryable: false })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
    expect(shop.seen).toHaveLength(2)
  })

  test('never gets more than the budget, however often it is asked', async () => {
    const { devnet, shop, payer } = await open({ budget: { perRequest: '0.01', total: '0.0035' } })
    shop.intercept = ({ proof }, response) => proof !== undefined && !!response.writeHead(402).end()
    const codes: string[] = []
    for (let i = 0; i < 5; i++) codes.push((await failure(payer.fetch(shop.url))).code)
    expect(codes).toEqual([...Array(3).fill('ERR_REFUSED_AFTER_PAYMENT'), 'ERR_OVER_BUDGET', 'ERR_OVER_BUDGET'])
    expect(await sentBy(devnet, payer.address)).toHaveLength(3)
  })
})

describe('an abort', () => {
  test('before the money moved ends the call like fetch does, and nothing is paid', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const abort = new AbortController()
    const { payer } = await buyerFor(devnet, {
      work: () => {
        abort.abort()
        return new Promise(() => {})
      },
    })
    await expect(payer.fetch(shop.url, { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(await sentBy(devnet, payer.address)).toEqual([])
    expect(devnet.asked('process')).toBe(0)
  })

  test('at the last moment before signing is still in time', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const abort = new AbortController()
    const { payer } = await buyerFor(devnet, {
      onEvent: (event) => event.type === 'work' && event.state === 'done' && abort.abort(),
    })
    await expect(payer.fetch(shop.url, { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(devnet.asked('process')).toBe(0)
  })

  test('after the money moved keeps the proof', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const abort = new AbortController()
    const { payer } = await buyerFor(devnet, {
      onEvent: ({ type }) => type === 'published' && abort.abort(new Error('too slow')),
    })
    const error = await failure(payer.fetch(shop.url, { signal: abort.signal }))
    expect(error).toMatchObject({ code: 'ERR_REFUSED_AFTER_PAYMENT', refusal: 'aborted', retryable: true })
    expect(error.cause).toEqual(new Error('too slow'))
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('of a call that waits its turn does not disturb the others', async () => {
    const { devnet, shop, payer } = await open()
    const outcomes = await Promise.allSettled([
      payer.fetch(shop.url),
      payer.fetch(shop.url, { signal: AbortSignal.timeout(1) }),
      payer.fetch(shop.url),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })
})

describe('a redirect', () => {
  test('within the origin is followed, and what it leads to is paid', async () => {
    const { shop, payer } = await open()
    shop.intercept = ({ path }, response) => path === '/old' && !!response.writeHead(302, { location: '/report' }).end()
    expect(await (await payer.fetch(`${shop.origin}/old`)).text()).toBe('paid GET /report ')
    expect(shop.seen.map(({ path, proof }) => [path, proof !== undefined])).toEqual([
      ['/old', false],
      ['/report', false],
      ['/report', true],
    ])
  })

  test('to another origin is not paid', async () => {
    const { devnet, shop, payer } = await open()
    const thief = await openShop(devnet)
    shop.intercept = (_, response) => !!response.writeHead(302, { location: thief.url }).end()
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })

  test('of a POST is not paid, because it may have become a GET', async () => {
    const { devnet, shop, payer } = await open()
    shop.intercept = ({ path }, response) => path === '/old' && !!response.writeHead(303, { location: '/report' }).end()
    await expect(payer.fetch(`${shop.origin}/old`, { method: 'POST', body: 'x' })).rejects.toMatchObject({
      code: 'ERR_NO_PAYABLE_OFFER',
    })
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })

  test('of the paid request to another origin comes back, and the proof goes nowhere', async () => {
    const { devnet, shop, payer } = await open()
    const thief = await openShop(devnet)
    shop.intercept = ({ proof }, response) =>
      proof !== undefined && !!response.writeHead(307, { location: thief.url }).end()
    const response = await payer.fetch(shop.url)
    expect([response.status, response.headers.get('location')]).toEqual([307, thief.url])
    expect(thief.seen).toEqual([])
  })

  test('that was paid for is followed within the origin, without the proof', async () => {
    const { devnet, shop, payer } = await open()
    shop.afterGrant = (_, response) => {
      const settlement = btoa(JSON.stringify({ success: true, transaction: '', network: 'nano:devnet' }))
      response.writeHead(303, { location: '/free', 'payment-response': settlement }).end()
      return true
    }
    const response = await payer.fetch(shop.url, { method: 'POST', body: 'x' })
    expect(await response.text()).toBe('free')
    expect(shop.seen.at(-1)).toMatchObject({ method: 'GET', path: '/free', proof: undefined, body: '' })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })
})

describe('a payer', () => {
  test('shows neither its key nor a proof when it or its errors are printed', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { seed, privateKey } = await devnet.fundedSeed()
    const { payer, events } = await buyerFor(devnet, { seed, retryForMs: 0 })
    shop.intercept = ({ proof }, response) => proof !== undefined && !!response.writeHead(402).end()
    const error = await failure(payer.fetch(shop.url))
    const printed = [payer, error, events].map((thing) => {
      const json = JSON.stringify(thing, (_, value) => (typeof value === 'bigint' ? `${value}` : value))
      return inspect(thing, { depth: 20, showHidden: thing !== error }) + String(thing) + json
    })
    for (const text of printed) {
      expect(text).not.toContain(seed)
      expect(text).not.toContain(privateKey)
      expect(text).not.toContain(error.proof.headers['PAYMENT-SIGNATURE'])
    }
  })

  test.each([
    ['no key', { seed: undefined }],
    ['two keys', { privateKey: '0'.repeat(64) }],
    ['a seed that is none', { seed: `${'0'.repeat(63)}x` }],
    ['no budget', { budget: undefined }],
    ['no node', { rpc: undefined }],
    ['another network', { network: 'nano:testnet' }],
    ['work from nowhere', { work: 'gpu' }],
    ['a representative that is none', { representative: 'nano_1' }],
  ])('with %s is not made', (_, change) => {
    const budget = { perRequest: '0.01', total: '1' }
    const options = { seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget, ...change }
    expect(() => createPayer(options as Parameters<typeof createPayer>[0])).toThrow(/^(?!.*0{63})/)
  })

  test('whose listener throws pays all the same', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { payer } = await buyerFor(devnet, {
      onEvent: () => {
        throw new Error('listener')
      },
    })
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('that was closed does nothing more', async () => {
    const { shop, payer } = await open()
    payer.close()
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
    expect(shop.seen).toEqual([])
  })
})
