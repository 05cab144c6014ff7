import { createPaywall } from 'nano402'
import { describe, expect, test } from 'vitest'
import { fromData, networkOf } from '../../src/proxy/data.ts'
import { freshAccount, SECRET } from '../support/world.ts'

const view = (headers: Record<string, string>, remoteAddress?: string) => ({
  header: (name: string) => headers[name],
  remoteAddress,
})

describe('what stands in a file', () => {
  test('for a pool, and for a price in dollars, is what a paywall takes', async () => {
    const [a, b] = [freshAccount(), freshAccount()]
    const { payTo, price, routes } = fromData({
      ...{ payTo: [a, b], price: '0.1', rates: ['kraken', 'kuCoin'] },
      routes: [
        { path: '/a', price: { usd: '0.01' } },
        { path: '/b', price: { usd: '0.02' }, payTo: a },
      ],
    }) as {
      payTo: { accounts: string[] }
      price: string
      routes: { price: { usd: string; rates: object }; payTo?: string }[]
    }
    expect([payTo.accounts, price, routes[1]?.payTo]).toEqual([[a, b], '0.1', a])
    expect(routes[0]?.price).toEqual({ usd: '0.01', rates: expect.objectContaining({ toRaw: expect.any(Function) }) })
    expect(routes[1]?.price.rates).toBe(routes[0]?.price.rates)
    const rpc = 'http://127.0.0.1:1'
    const shop = createPaywall({
      network: 'nano:devnet',
      rpc,
      secret: SECRET,
      payTo: a,
      price: routes[0]?.price as never,
    })
    await shop.close()
  })

  test('for free requests counts by the address of the connection, or by what a proxy of ours says', () => {
    const by = (data: object) => (fromData({ ...data }) as { free: { by(view: object): string } }).free.by
    const headers = { 'x-forwarded-for': 'forged, 203.0.113.7', 'x-real-ip': '203.0.113.8' }
    expect(by({ free: { perDay: 1 } })(view(headers, '198.51.100.1'))).toBe('198.51.100.1')
    expect(by({ free: { perDay: 1 }, trustProxy: true })(view(headers, '127.0.0.1'))).toBe('203.0.113.7')
    expect(by({ free: { perDay: 1, by: 'x-real-ip' }, trustProxy: true })(view(headers))).toBe('203.0.113.8')
    expect(() => by({ free: { perDay: 1, by: 'x-real-ip' } })).toThrow('free.by: a client can write any header.')
  })

  test.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['fe80::', 'fe80:0:0:0'],
    ['', ''],
  ])('the network of %j is %j', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })

  test.each([
    [{ price: { usd: '1' }, rates: 'kraken' }, 'rates: expected a list of binance, coinGecko, kraken, kuCoin.'],
    [{ price: { usd: '1' }, rates: ['toString'] }, 'rates[0]: expected one of'],
    [{ payTo: ['nano_1'] }, 'Account 1 of the pool'],
  ])('%j is refused', (data, message) => {
    expect(() => fromData(data)).toThrow(message)
  })
})
