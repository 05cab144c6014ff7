import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { createWorld, freshAccount, offerOf, paymentHeader, paymentOf, type World } from '../support/world.ts'
import { changes } from './list/wrong-values.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('B5 over $name', ({ serve }) => {
  let app: Served
  let payment: ReturnType<typeof paymentOf>
  beforeAll(async () => {
    app = await serve(world.options)
    const offer = offerOf(await fetch(`${app.url}/report`))
    payment = paymentOf(offer, await world.buyer.pay(offer)) // genuine and paid: what is refused is refused for the echo
  })
  afterAll(() => app.close())
  const present = (accepted: unknown) =>
    watch(world, app)(() => fetch(`${app.url}/report`, { headers: paymentHeader({ ...payment, accepted }) }))

  describe.each(['scheme', 'network', 'amount', 'asset', 'payTo', 'maxTimeoutSeconds'] as const)('%s', (field) => {
    test.each(Object.entries(changes))('%s is not what we offered', async (_name, change) => {
      const outcome = await present({ ...payment.accepted, [field]: change(payment.accepted[field]) })
      expect(outcome).toMatchObject({ status: 400, ran: 0, asked: 0 })
      expect(outcome.code).toMatch(/^invalid_(payload|scheme|network|payment_requirements)$/)
    })
  })

  test('another account and a smaller amount, consistent with each other, are not what we offered', async () => {
    const cheaper = { ...payment.accepted, payTo: freshAccount(), amount: '1' }
    expect(await present(cheaper)).toMatchObject({
      status: 400,
      code: 'invalid_payment_requirements',
      ran: 0,
      asked: 0,
    })
  })

  test('accepted as a list, as text or left out is unreadable', async () => {
    for (const accepted of [[payment.accepted], JSON.stringify(payment.accepted), undefined, null]) {
      expect(await present(accepted)).toEqual({ status: 400, code: 'invalid_payload', ran: 0, asked: 0 })
    }
  })

  test('what stands in extra decides nothing: only the sealed session counts, once', async () => {
    const { nanoSession } = payment.accepted.extra as { nanoSession: object }
    const lies = {
      nanoSession: { ...nanoSession, id: 'AAAA', tag: '0', tagAmountRaw: '0', resourceAmountRaw: '1', expiresAt: 9e12 },
    }
    expect(await present({ ...payment.accepted, extra: lies })).toMatchObject({ status: 200, ran: 1 })
    for (const extra of [lies, { nanoSession }, {}, undefined]) {
      const again = await present({ ...payment.accepted, extra })
      expect(again).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
    }
  })
})
