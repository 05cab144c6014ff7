import type { WireName } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Bill, EVERY_FORM, forms, settle } from '../support/forms.ts'
import { frameworks, type Served } from '../support/frameworks.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { exchange } from '../support/raw.ts'
import type { Headers as Presented } from '../support/shop.ts'
import { createWorld, randomHash, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** Forms whose payments stand in headers of their own. */
const apart = forms.filter(({ name }) => name !== 'nanosession-7')
const pairs = apart.flatMap((one, i) => apart.slice(i + 1).map((other) => ({ one, other })))
const isUpper = (header: string) => header.startsWith('PAYMENT-') || header === 'X-PAYMENT'
/** A header's value, longer than is read, and nothing wrong with it but that. */
const LONG = 'A'.repeat(12_400)

describe.each(frameworks)('the forms over $name', ({ serve }) => {
  let app: Served
  let asked: Response
  beforeAll(async () => {
    app = await serve({ ...world.options, wire: EVERY_FORM })
    asked = await fetch(`${app.url}/report`)
  })
  afterAll(() => app.close())
  const present = (headers: Presented, path = '/report') => watch(world, app)(() => fetch(app.url + path, { headers }))
  const billOf = async (form: (typeof forms)[number], path = '/report'): Promise<Bill> =>
    form.read(await fetch(app.url + path))

  test.each(forms)('R1: what was paid by $name is spent in every form', async (form) => {
    const answer = await fetch(`${app.url}/report`)
    const [bill, ...others] = await Promise.all([form, ...forms].map(({ read }) => read(answer)))
    if (!bill) throw new Error('No bill.')
    const hash = await settle(world.buyer, bill)
    expect(await present(bill.present(hash))).toMatchObject({ status: 200, ran: 1 })
    for (const other of others) {
      expect(await present(other.present(hash.toLowerCase()))).toMatchObject({
        status: 402,
        code: 'payment_already_spent',
        ran: 0,
      })
    }
  })

  test('R2: one block presented in every form at the same time is served once', async () => {
    const answer = await fetch(`${app.url}/report`)
    const bills = await Promise.all(forms.map(({ read }) => read(answer)))
    const hash = await settle(world.buyer, bills[0] as Bill)
    const runs = app.runs()
    const copies = Array.from({ length: 20 }, () => bills).flat()
    const answers = await Promise.all(copies.map((bill) => fetch(`${app.url}/report`, { headers: bill.present(hash) })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(app.runs() - runs).toBe(1)
  })

  test.each(pairs)('I4: $one.name and $other.name in one request are ambiguous', async ({ one, other }) => {
    const [first, second] = [await one.read(asked), await other.read(asked)]
    const hash = await settle(world.buyer, await billOf(one))
    for (const headers of [
      { ...first.present(hash), ...second.present(hash) }, // the same payment twice
      { ...first.present(hash), ...second.present(randomHash()) },
    ]) {
      expect(await present(headers)).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
  })

  test.each(apart)('I4: a header of $name that comes twice is ambiguous, even with the same value', async (form) => {
    const headers = Object.entries((await form.read(asked)).present(randomHash()))
    for (const [name, value] of headers) {
      const lines = [...headers, [name, value]].map((header) => header.join(': '))
      const twice = () => exchange(app.url, ['GET /report HTTP/1.1', 'Host: shop', ...lines])
      expect(await watch(world, app)(twice), name).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
  })

  test.each(forms.filter(({ name }) => name !== 'x402'))(
    'B7: a block without a session id, by $name, is refused with a reason that says so',
    async (form) => {
      const answer = await fetch(`${app.url}/report`)
      const bill = await form.read(answer)
      const hash = await settle(world.buyer, bill)
      const stripped = await form.strip(answer, hash)
      expect(await present(stripped)).toEqual(refusedAtOnce(400, 'session_id_required'))
      expect(await present(bill.present(hash))).toMatchObject({ status: 200, ran: 1 })
    },
  )

  test.each(forms)("B7: a victim's block under one's own session, by $name, buys nothing", async (form) => {
    const [victims, strangers] = [await billOf(form), await billOf(form)]
    const hash = await settle(world.buyer, victims)
    expect(await present(strangers.present(hash))).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0 })
    expect(await present(victims.present(hash))).toMatchObject({ status: 200, ran: 1 })
  })

  test.each(forms)("B2: another route's session, by $name, is refused unasked", async (form) => {
    const bill = await billOf(form, '/other')
    const hash = await settle(world.buyer, bill)
    expect(await present(bill.present(hash))).toEqual(refusedAtOnce(402, 'resource_mismatch'))
    expect(await present(bill.present(hash), '/other')).toMatchObject({ status: 200, ran: 1 })
  })

  test.each(forms)('B6: a forged session, by $name, is refused unasked', async (form) => {
    const headers = (await form.read(asked)).present(randomHash())
    const { sessionId } = await form.read(asked)
    const forged = JSON.parse(respell(headers, (text) => text.replaceAll(sessionId, `B${sessionId.slice(1)}`)))
    expect(await present(forged)).toEqual(refusedAtOnce(402, 'invalid_session'))
  })

  test('I3: values longer than 12 kB are not read', async () => {
    const hash = randomHash()
    const oversized: readonly Presented[] = [
      {
        'X-PAYMENT': btoa(
          JSON.stringify({
            x402Version: 1,
            scheme: 'exact',
            network: 'nano:devnet',
            payload: { proof: hash, sessionId: LONG.slice(3_000) },
          }),
        ),
      },
      { 'X-Payment-Response': JSON.stringify({ blockHash: hash, sessionId: LONG }) },
      { 'X-PAYMENT-BLOCK': hash, 'X-PAYMENT-SESSION': LONG },
      { 'X-PAYMENT-BLOCK': LONG, 'X-PAYMENT-SESSION': 'AAAA' },
    ]
    for (const headers of oversized) expect(await present(headers)).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })

  test('I1, I5, I9: what is not strictly a payment of its form is unreadable', async () => {
    const hash = randomHash()
    const [session] = [(await forms[0]?.read(asked))?.sessionId]
    const strange: readonly Presented[] = [
      ...['', '!!!', 'null', '1', '[]', '"x"', '{}', `"${hash}"`, hash].map((text) => ({ 'X-Payment-Response': text })),
      { 'X-Payment-Response': `{"blockHash":"${hash}","blockHash":"${hash}","sessionId":"${session}"}` },
      { 'X-Payment-Response': `{"blockHash":"${hash}","sessionId":"${session}","__proto__":{}}` },
      { 'X-Payment-Response': `{"blockHash":"${hash}","sessionId":"${session}","amount":"1"}` },
      { 'X-Payment-Response': `{"blockHash":"${hash}","sessionId":["${session}"]}` },
      { 'X-Payment-Response': `{"sessionId":"${session}"}` },
      { 'X-Payment-Response': `{"blockHash":"${hash.slice(1)}","sessionId":"${session}"}` },
      { 'X-PAYMENT-SESSION': String(session) },
      { 'X-PAYMENT-BLOCK': '', 'X-PAYMENT-SESSION': String(session) },
      { 'X-PAYMENT-BLOCK': `0x${hash}`, 'X-PAYMENT-SESSION': String(session) },
      { 'X-PAYMENT-BLOCK': `${hash}0`, 'X-PAYMENT-SESSION': String(session) },
      { 'X-PAYMENT-BLOCK': hash, 'X-PAYMENT-SESSION': '' },
      { 'X-PAYMENT-BLOCK': hash, 'X-PAYMENT-SESSION': `${session};x` },
      ...['', '!!!', btoa('null'), btoa('[]'), btoa('{"x402Version":1}'), btoa('x')].map((text) => ({
        'X-PAYMENT': text,
      })),
    ]
    for (const headers of strange) {
      expect([headers, await present(headers)]).toEqual([headers, refusedAtOnce(400, 'invalid_payload')])
    }
  })
})

describe('a form that is off', () => {
  const off: readonly [WireName, Presented][] = [
    ['x402-v1', { 'X-PAYMENT': btoa('{"x402Version":1}') }],
    ['x402', { 'PAYMENT-SIGNATURE': btoa('{"x402Version":2}') }],
  ]
  test.each(off)('%s: both versions of x402 in one request stay ambiguous where one is spoken', async (name, other) => {
    const spoken = name === 'x402' ? 'x402-v1' : 'x402'
    const app = await frameworks[0]?.serve({ ...world.options, wire: [spoken] })
    if (!app) throw new Error('No framework.')
    try {
      const bill = await forms.find((form) => form.name === spoken)?.read(await fetch(`${app.url}/report`))
      if (!bill) throw new Error('No bill.')
      const hash = await settle(world.buyer, bill)
      const ask = (headers: Presented) => watch(world, app)(() => fetch(`${app.url}/report`, { headers }))
      expect(await ask({ ...bill.present(hash), ...other })).toEqual(refusedAtOnce(400, 'invalid_payload'))
      expect(await ask(bill.present(hash))).toMatchObject({ status: 200, ran: 1 })
    } finally {
      await app.close()
    }
  })
})

/** Headers with the text in them changed, through base64 where there is some. */
function respell(headers: Presented, change: (text: string) => string): string {
  const changed = Object.entries(headers).map(([name, value]) => [
    name,
    isUpper(name) ? btoa(change(atob(value))) : change(value),
  ])
  return JSON.stringify(Object.fromEntries(changed))
}
