import { createPaywall, type PaywallOptions, routeFor } from 'nano402'
import { createDevnet } from 'nano402/devnet'
import { memoryStore } from 'nano402/stores/memory'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { SECRET } from '../support/world.ts'

const ACCOUNT = 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo'
const devnet = createDevnet()
const good: PaywallOptions = { network: 'nano:devnet', rpc: devnet, payTo: ACCOUNT, price: '0.001', secret: SECRET }
const through = { facilitator: 'https://facilitator.example', payTo: ACCOUNT, price: '0.001' }
const get = (url = '/report') => ({ method: 'GET', url, headers: new Headers() })

afterEach(() => vi.unstubAllEnvs())

describe('a missing or wrong option is an error that names it and the remedy', () => {
  const refusedWith = (options: object) => {
    try {
      createPaywall(options as PaywallOptions).route({ description: 'a route' })
    } catch (error) {
      return error as Error & { code: string }
    }
    return undefined
  }
  const without = (name: keyof PaywallOptions) => ({ ...good, [name]: undefined })

  test.each([
    ['rpc', without('rpc'), undefined], // the devnet needs none
    ['rpc', { ...without('rpc'), network: 'nano:mainnet' }, /NANO402_RPC_URL.*nano:devnet/s],
    ['payTo', without('payTo'), /NANO402_PAY_TO/],
    ['price', without('price'), /NANO402_PRICE.*'0.001'/],
    ['price', { ...good, price: '$0.01' }, /NANO402_PRICE.*XNO.*'0.001'/],
    ['price', { ...good, price: '0' }, /NANO402_PRICE/],
    ['price', { ...good, price: '0.00000000001' }, /0.0000000001 XNO/],
    ['price', { ...good, price: '-1' }, /NANO402_PRICE/],
    ['price', { ...good, price: '1e-3' }, /NANO402_PRICE/],
    ['price', { ...good, price: 0.001 }, /price.*'0.001'/],
    ['price', { ...good, price: { raw: '1.5' } }, /NANO402_PRICE/],
    ['price', { ...good, price: '400000000' }, /NANO402_PRICE/],
    ['payTo', { ...good, payTo: `${ACCOUNT.slice(0, -1)}1` }, /NANO402_PAY_TO.*checksum/],
    ['payTo', { ...good, payTo: 'nano_1111111111111111111111111111111111111111111111111111hifc8npp' }, /burns/],
    ['secret', { ...good, secret: 'short' }, /NANO402_SECRET.*32 bytes.*openssl/],
    ['secret', { ...good, secret: 'a'.repeat(64) }, /NANO402_SECRET.*placeholder/],
    ['secret', { ...good, secret: 'change-me-change-me-change-me-change-me-1234' }, /placeholder/],
    ['network', { ...good, network: 'nano:beta' }, /network.*nano:mainnet/],
    ['publicUrl', { ...good, publicUrl: 'api.example.com' }, /NANO402_PUBLIC_URL.*https/],
    ['rpc', { ...good, rpc: 'node.example' }, /NANO402_RPC_URL/],
    ['rpc', { ...good, rpc: [] }, /rpc/],
    ['quorum', { ...good, quorum: 2 }, /quorum/],
    ['attempts', { ...good, attempts: 0 }, /attempts.*at least 1/],
    ['handlerTimeoutMs', { ...good, handlerTimeoutMs: '5s' }, /handlerTimeoutMs.*milliseconds/],
    ['mechanisms', { ...good, mechanisms: ['cash'] }, /mechanisms.*session/],
    ['facilitator', { ...good, facilitator: 'https://facilitator.example' }, /NANO402_RPC_URL.*NANO402_FACILITATOR/],
    ['facilitator', { ...through, facilitator: 'facilitator.example' }, /NANO402_FACILITATOR.*http/],
    ['facilitator', { ...through, facilitator: 'https://me:word@facilitator.example' }, /NANO402_FACILITATOR_TOKEN/],
    [
      'facilitator',
      { ...through, facilitator: { url: 'https://f.example', token: 'a\nb' } },
      /token that HTTP can carry/,
    ],
    ['facilitator', { ...through, quorum: 2 }, /quorum is the facilitator's/],
    ['paymentIdentifier', { ...through, paymentIdentifier: true }, undefined],
    ...(['x402-v1', 'nanosession-3', 'nanosession-5'] as const).map((old): [string, object, RegExp] => [
      'paymentIdentifier',
      { ...good, wire: ['x402', old], paymentIdentifier: { required: true } },
      new RegExp(`${old}.*NANO402_WIRE.*paymentIdentifier.required`),
    ]),
    ['paymentIdentifier', { ...good, wire: ['x402', 'x402-v1'], paymentIdentifier: true }, undefined],
    ['paymentIdentifier', { ...good, wire: ['nanosession-7'], paymentIdentifier: { required: true } }, undefined],
    ['prize', { ...good, prize: '0.001' }, /Unknown option prize.*price/],
  ])('%s: case %#', (_name, options, message) => {
    const error = refusedWith(options)
    if (message === undefined) return expect(error).toBeUndefined()
    expect(error?.code).toBe('ERR_CONFIG')
    expect(error?.message).toMatch(message)
  })

  test('no secret is ever quoted', () => {
    const secret = 'abcdefghijklmnop'
    expect(refusedWith({ ...good, secret })?.message).not.toContain(secret)
    expect(refusedWith({ ...good, rpc: 'ftp://user:hunter2@node' })?.message).not.toContain('hunter2')
  })
})

describe('the environment stands in for options', () => {
  test('everything can come from it', async () => {
    vi.stubEnv('NANO402_PAY_TO', ACCOUNT)
    vi.stubEnv('NANO402_PRICE', '0.002 XNO')
    vi.stubEnv('NANO402_RPC_URL', 'http://127.0.0.1:1, http://127.0.0.1:2')
    vi.stubEnv('NANO402_NETWORK', 'nano:devnet')
    vi.stubEnv('NANO402_STORE', 'memory')
    vi.stubEnv('NANO402_SECRET', `${SECRET},${SECRET}-older`)
    vi.stubEnv('NANO402_PUBLIC_URL', 'https://api.example.com')
    const outcome = await createPaywall().guard(get('/report?a=1'))
    const challenge = outcome.kind === 'refused' && JSON.parse(outcome.body ?? '')
    expect(challenge).toMatchObject({ resource: { url: 'https://api.example.com/report?a=1' } })
    expect(challenge.accepts[0]).toMatchObject({ payTo: ACCOUNT, network: 'nano:devnet' })
    expect(challenge.accepts[0].extra.nanoSession.resourceAmountRaw).toBe('2000000000000000000000000000')
  })

  test('an option wins over its variable', async () => {
    vi.stubEnv('NANO402_PRICE', '5')
    const outcome = await createPaywall(good).guard(get())
    const { accepts } = outcome.kind === 'refused' && JSON.parse(outcome.body ?? '')
    expect(accepts[0].extra.nanoSession.resourceAmountRaw).toBe('1000000000000000000000000000')
  })

  test('a wrong variable is named', () => {
    vi.stubEnv('NANO402_NETWORK', 'nano')
    expect(() => createPaywall({ ...good, network: undefined } as unknown as PaywallOptions)).toThrow(/NANO402_NETWORK/)
  })
})

describe('production', () => {
  test.each([
    ['the memory store', good, /NANO402_STORE/],
    ['a missing secret', { ...good, store: { ...memoryStore(), durable: true }, secret: undefined }, /NANO402_SECRET/],
    ['the memory store for answers', { ...through, paymentIdentifier: true }, /NANO402_STORE/],
    ['the embedded devnet', { ...good, rpc: undefined, allowVolatileStore: true }, /devnet.*NANO402_RPC_URL/],
  ])('refuses %s', (_what, options, message) => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => createPaywall(options as PaywallOptions).route()).toThrow(message)
  })

  test('takes the memory store when told that this is accepted', () => {
    vi.stubEnv('NODE_ENV', 'production')
    expect(() => createPaywall({ ...good, allowVolatileStore: true })).not.toThrow()
  })
})

describe('instances', () => {
  test('equal deployment options share one; a route of another price is of the same instance', async () => {
    const shared = { ...good, secret: undefined, realm: 'shared' } as unknown as PaywallOptions // each instance draws a secret
    const codeAt = async (route: ReturnType<typeof routeFor>, id: string, accepted: object) => {
      const header = btoa(
        JSON.stringify({ x402Version: 2, accepted, payload: { proof: 'A'.repeat(64), sessionId: id } }),
      )
      const outcome = await route.guard({ ...get(), headers: new Headers({ 'payment-signature': header }) })
      return outcome.kind === 'refused' && outcome.code
    }
    const first = routeFor({ ...shared, confirmTimeoutMs: 20 })
    const refused = await first.guard(get())
    const [offer] = JSON.parse((refused.kind === 'refused' && refused.body) || '{}').accepts
    const { id } = offer.extra.nanoSession
    expect(await codeAt(routeFor({ ...shared, confirmTimeoutMs: 20, price: '0.002' }), id, offer)).toBe(
      'settlement_pending',
    )
    expect(await codeAt(routeFor({ ...shared, confirmTimeoutMs: 21 }), id, offer)).toBe('invalid_session')
  })

  test('a closed paywall still refuses rather than serves', async () => {
    const paywall = createPaywall(good)
    await paywall.close()
    expect((await paywall.guard(get())).kind).toBe('refused')
  })

  test('health says how each part is', async () => {
    expect(await createPaywall(good).health()).toEqual({
      node: { ok: true },
      feed: 'off',
      store: { ok: true, durable: false },
      secret: { durable: true, count: 1 },
    })
  })
})

test('a node of another network is found out: a devnet payment buys nothing on mainnet', async () => {
  const paywall = createPaywall({ ...good, network: 'nano:mainnet' })
  const refused = await paywall.guard(get())
  const required = JSON.parse((refused.kind === 'refused' && refused.body) || '{}')
  const [accepted] = required.accepts
  const payload = { proof: 'A'.repeat(64), sessionId: accepted.extra.nanoSession.id }
  const header = btoa(JSON.stringify({ x402Version: 2, accepted, payload }))
  const outcome = await paywall.guard({ ...get(), headers: new Headers({ 'payment-signature': header }) })
  expect(outcome).toMatchObject({ kind: 'refused', status: 503 })
})

describe('a facilitator', () => {
  const asked: { url: string; token: string | null }[] = []
  const listen = () => {
    const fetched = vi.spyOn(globalThis, 'fetch').mockImplementation(async (url, init) => {
      asked.push({ url: String(url), token: new Headers(init?.headers).get('authorization') })
      return new Response('{}')
    })
    onTestFinished(() => fetched.mockRestore())
  }

  test('can come from the environment, token and all', async () => {
    listen()
    vi.stubEnv('NANO402_FACILITATOR', 'https://facilitator.example/base/')
    vi.stubEnv('NANO402_FACILITATOR_TOKEN', 'the-token')
    await createPaywall({ payTo: ACCOUNT, price: '0.001' }).guard(get())
    expect(asked.pop()).toEqual({ url: 'https://facilitator.example/base/requirements', token: 'Bearer the-token' })
  })

  test('in code takes its token from the environment, and nothing else from there', async () => {
    listen()
    vi.stubEnv('NANO402_FACILITATOR_TOKEN', 'the-token')
    vi.stubEnv('NANO402_RPC_URL', 'https://node.example')
    vi.stubEnv('NANO402_SECRET', SECRET)
    await createPaywall(through).guard(get())
    expect(asked.pop()).toEqual({ url: 'https://facilitator.example/requirements', token: 'Bearer the-token' })
  })

  test('and a node, both in the environment, are too many', () => {
    vi.stubEnv('NANO402_FACILITATOR', 'https://facilitator.example')
    vi.stubEnv('NANO402_RPC_URL', 'https://node.example')
    expect(() => createPaywall({ payTo: ACCOUNT, price: '0.001' })).toThrow(/NANO402_RPC_URL.*NANO402_FACILITATOR/)
  })
})
