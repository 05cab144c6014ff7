import { createPaywall, type PaywallEvent, type PaywallOptions } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const get = (headers: Record<string, string> = {}) => ({ method: 'GET', url: '/report', headers: new Headers(headers) })

async function paidRequest(options: Partial<PaywallOptions> = {}) {
  const paywall = createPaywall({ ...world.options, name: 'report', ...options })
  const unpaid = await paywall.guard(get())
  if (unpaid.kind !== 'refused') throw new Error('served for nothing')
  const offer = offerOf(unpaid.toResponse())
  const request = get(proofHeader(offer, await world.buyer.pay(offer)))
  return { paywall, request, offer }
}

describe('events', () => {
  const told = async (status: number) => {
    const events: PaywallEvent[] = []
    const { paywall, request } = await paidRequest({ onEvent: (event) => events.push(event) })
    const paid = await paywall.guard(request)
    if (paid.kind === 'paid') await paid.deliver(() => new Response('x', { status }))
    await paywall.guard(request)
    return events
  }
  const names = (events: readonly PaywallEvent[]) =>
    events.map((e) => (e.type === 'node_call' ? e.action : e.type === 'store_call' ? e.operation : e.type))

  test('a paid request is told from challenge to delivery, with every call to node and store', async () => {
    const events = await told(200)
    expect(names(events)).toEqual([
      ...['challenged', 'blocks_info', 'blocks_info', 'confirmed'],
      ...['epoch', 'claim', 'claim', 'claimed', 'epoch', 'granted', 'commit', 'commit', 'delivered'],
      ...['confirmed', 'epoch', 'claim', 'refused', 'challenged'],
    ])
    expect(events.at(-2)).toMatchObject({
      type: 'refused',
      route: 'report',
      code: 'payment_already_spent',
      status: 402,
    })
    expect(events.find(({ type }) => type === 'granted')).toMatchObject({ payment: { payer: world.buyer.account } })
  })

  test('an answer that failed is told as undelivered, with the reason', async () => {
    expect(await told(500)).toContainEqual(expect.objectContaining({ type: 'undelivered', reason: 'handler_failed' }))
  })

  test('a fault of ours is told with its cause', async () => {
    const events: PaywallEvent[] = []
    const price = () => Promise.reject(new Error('the oracle is asleep'))
    const paywall = createPaywall({ ...world.options, price, onEvent: (event) => events.push(event) })
    await paywall.guard(get())
    expect(events).toMatchObject([{ code: 'price_unavailable', fault: { cause: { message: 'the oracle is asleep' } } }])
  })

  test('no event carries the session id, a header or the secret', async () => {
    const events: PaywallEvent[] = []
    const { paywall, request, offer } = await paidRequest({ onEvent: (event) => events.push(event) })
    await paywall.guard(request)
    const text = JSON.stringify(events, (_key, value) => (typeof value === 'bigint' ? `${value}` : value))
    expect(text).not.toContain((offer.extra as { nanoSession: { id: string } }).nanoSession.id)
    expect(text).not.toContain(world.options.secret)
    expect(text).not.toContain(request.headers.get('payment-signature'))
  })

  test('a listener that throws costs no payment', async () => {
    const onEvent = () => {
      throw new Error('full disk')
    }
    const { paywall, request } = await paidRequest({ onEvent })
    expect((await paywall.guard(request)).kind).toBe('paid')
  })
})

describe('close', () => {
  test('waits for the answer that is under way, and keeps its claim', async () => {
    const { paywall, request } = await paidRequest()
    const paid = await paywall.guard(request)
    if (paid.kind !== 'paid') throw new Error('not paid')
    let closed = false
    const closing = paywall.close().then(() => {
      closed = true
    })
    expect(await paywall.guard(get())).toMatchObject({ kind: 'refused', code: 'shutting_down', status: 503 })
    expect(closed).toBe(false)
    expect((await paid.deliver(() => new Response('late, but served'))).status).toBe(200)
    await closing
  })

  test('does not wait longer than it is told', async () => {
    const { paywall, request } = await paidRequest()
    await paywall.guard(request)
    await paywall.close({ timeoutMs: 1 })
  })
})
