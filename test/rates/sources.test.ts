/** The parsers, against answers in the shapes that the services document, from a server of ours: theirs are asked by nobody here. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { binance, coinGecko, kraken, kuCoin, type RateSource, rates } from 'nano402/rates'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'

const XNO = 10n ** 30n
const seconds = Math.floor(Date.now() / 1_000) - 60
const recorded = {
  '/coinGecko': () => `{"nano":{"usd":0.8531274918,"last_updated_at":${seconds}}}`,
  '/kraken': () =>
    '{"error":[],"result":{"NANOUSD":{"a":["0.853900","119","119.000"],"b":["0.850100","1172","1172.000"],"c":["0.853100","17.53042000"],"v":["10","20"],"p":["0.85","0.85"],"t":[4,19],"l":["0.84","0.84"],"h":["0.86","0.87"],"o":"0.845000"}}}',
  '/kuCoin': () =>
    '{"code":"200000","data":{"time":1729172965609,"sequence":"14610502970","price":"0.8529","size":"3.2","bestBid":"0.8527","bestBidSize":"9","bestAsk":"0.8535","bestAskSize":"1"}}',
  '/binance': () => '{"symbol":"XNOUSDT","price":"0.85300000"}',
}

let base: string
let answer: (path: string, response: ServerResponse) => void
const asked: (string | undefined)[] = []
const server = createServer((request, response) => {
  asked.push(request.headers.accept)
  answer(request.url ?? '', response)
})
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
beforeEach(() => {
  answer = (path, response) => response.end(recorded[path as keyof typeof recorded]())
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const makers = { coinGecko, kraken, kuCoin, binance }
const each = Object.entries(makers).map(([name, make]) => [name, () => make({ url: `${base}/${name}` })] as const)
const ask = (source: RateSource) => source(new AbortController().signal)

test.each([
  ['coinGecko', '0.8531274918', seconds * 1_000],
  ['kraken', '0.853100', undefined],
  ['kuCoin', '0.8529', undefined],
  ['binance', '0.85300000', undefined],
] as const)('%s gives the digits of the price as they were written', async (name, usdPerXno, atMs) => {
  const startMs = Date.now()
  const reading = await ask(makers[name]({ url: `${base}/${name}` }))
  expect(reading).toEqual({ usdPerXno, atMs: atMs ?? expect.any(Number) })
  if (atMs === undefined) expect(reading.atMs).toBeGreaterThanOrEqual(startMs)
  expect(asked.at(-1)).toBe('application/json')
  expect(makers[name]().name).toBe(name)
})

test('the four of them are a rate', async () => {
  const open = rates({ sources: each.map(([, make]) => make()) })
  expect(await open.toRaw('0.853')).toBe(XNO)
  open.close()
})

test('another fetch is asked at the public address', async () => {
  const urls: string[] = []
  const fetch = async (url: string) => {
    urls.push(url)
    return Response.json({ symbol: 'XNOUSDT', price: '0.5' })
  }
  expect(await ask(binance({ fetch }))).toMatchObject({ usdPerXno: '0.5' })
  expect(urls).toEqual(['https://api.binance.com/api/v3/ticker/price?symbol=XNOUSDT'])
})

describe.each(each)('%s has no rate', (_, make) => {
  test.each([
    ['an empty object', '{}'],
    ['a list', '[]'],
    ['null', 'null'],
    ['half of it', '{"nano":{"us'],
    ['HTML', '<html>'],
    ['nothing', ''],
    ['an error', '{"error":["EGeneral:Too many requests"],"code":"400100","msg":"no"}'],
    ['a price of another shape', '{"nano":{"usd":{}},"result":{"NANOUSD":{"c":{}}},"data":{"price":[]},"price":null}'],
    ['what is inherited', '{"nano":"x","result":{"NANOUSD":{"c":""}},"data":1,"__proto__":{"price":"1"}}'],
    [
      'a price as an exponent',
      '{"nano":{"usd":1e-9,"last_updated_at":1},"result":{"NANOUSD":{"c":["1e0"]}},"data":{"price":1e30},"price":"1e0"}',
    ],
    ['more than a ticker says', ' '.repeat(70_000)],
  ])('in %s', async (_what, body) => {
    answer = (_path, response) => response.end(body)
    const open = rates({ sources: [make()] })
    await expect((async () => open.toRaw('1'))()).rejects.toMatchObject({ code: 'ERR_PRICE' })
    open.close()
  })

  test('in an answer without end, which is broken off', async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (_path, response) => {
        response.on('close', resolve).write('{"price":')
      }
    })
    const open = rates({ sources: [make()], timeoutMs: 100 })
    await expect((async () => open.toRaw('1'))()).rejects.toMatchObject({ code: 'ERR_PRICE' })
    await closed
    open.close()
  })

  test.each([301, 403, 429, 451, 500])('in a status %i', async (status) => {
    answer = (path, response) =>
      response.writeHead(status, { location: '/kraken' }).end(recorded[path as keyof typeof recorded]())
    await expect(ask(make())).rejects.toThrow(`HTTP status ${status}`)
  })
})
