/** Payment identifiers from the payer's side: sent by itself where they are offered, and worth an answer that was lost. */
import { createPaywall, type PaywallOptions } from 'nano402'
import { memoryJournal, type PayerOptions } from 'nano402/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { decodePaymentPayload } from '../../src/x402/headers.ts'
import { buyerFor, devnetForTest, SHOP, sentBy } from './support.ts'

const SECRET = 'a secret of the payer tests, 0123456789abcdef'

/** Our own paywall, asked without a socket, so that an answer can be lost after it was sold. */
async function open(options: Partial<PaywallOptions>, payerOptions: Partial<PayerOptions> = {}) {
  const devnet = devnetForTest()
  const paywall = createPaywall({
    network: 'nano:devnet',
    rpc: devnet,
    payTo: SHOP,
    price: '0.001',
    secret: SECRET,
    ...options,
  } as PaywallOptions)
  onTestFinished(() => paywall.close({ timeoutMs: 1 }))
  const presented: string[] = []
  let runs = 0
  let losing = 0
  const fetch = async (input: RequestInfo | URL) => {
    const request = input as Request
    const header = request.headers.get('payment-signature')
    if (header !== null) presented.push(header)
    const outcome = await paywall.guard(request)
    if (outcome.kind === 'refused') return outcome.toResponse()
    const answer = await outcome.deliver(() => new Response(`answer ${++runs}`))
    if (losing-- > 0) throw new TypeError('fetch failed')
    return answer
  }
  const buyer = await buyerFor(devnet, { fetch, ...payerOptions })
  return {
    ...buyer,
    devnet,
    ids: () =>
      presented.map((header) => {
        const payment = decodePaymentPayload(header)
        if (typeof payment === 'string') throw new Error(payment)
        return (payment.extensions?.['payment-identifier'] as { info: { id: string } } | undefined)?.info.id
      }),
    runs: () => runs,
    loseNextAnswer: () => {
      losing = 1
    },
  }
}

describe.each([[true], [{ required: true }]])('a server with paymentIdentifier: %o', (paymentIdentifier) => {
  test('is sent an id of its own for each payment', async () => {
    const { payer, ids } = await open({ paymentIdentifier })
    for (const n of [1, 2]) await payer.fetch(`http://shop.example/report?n=${n}`)
    expect(ids()).toHaveLength(2)
    for (const id of ids()) expect(id).toMatch(/^[A-Za-z0-9_-]{16,128}$/)
    expect(new Set(ids()).size).toBe(2)
  })

  test('gives an answer that was lost again: one payment, one handler run', async () => {
    const { payer, devnet, ids, runs, loseNextAnswer } = await open({ paymentIdentifier })
    loseNextAnswer()
    expect(await (await payer.fetch('http://shop.example/report')).text()).toBe('answer 1')
    expect(new Set(ids()).size).toBe(1)
    expect(runs()).toBe(1)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })
})

test('a server that offers none is sent none, and a lost answer is lost', async () => {
  const { payer, ids, loseNextAnswer } = await open({})
  loseNextAnswer()
  const lost = payer.fetch('http://shop.example/report')
  await expect(lost).rejects.toMatchObject({ refusal: 'payment_already_spent', retryable: false })
  expect(ids()).toEqual([undefined, undefined])
})

test('an answer that was not stored ends the payment, and is not paid again', async () => {
  const { payer, devnet, runs, loseNextAnswer } = await open({ paymentIdentifier: { maxBytes: 1 } })
  loseNextAnswer()
  const lost = payer.fetch('http://shop.example/report')
  await expect(lost).rejects.toMatchObject({ refusal: 'answer_not_stored', retryable: false })
  expect(runs()).toBe(1)
  expect(await sentBy(devnet, payer.address)).toHaveLength(1)
})

test('the id is in the journal, so that a later call for the same request gets the answer that an earlier one lost', async () => {
  const journal = memoryJournal()
  const first = await open({ paymentIdentifier: true }, { journal, retryForMs: 1 })
  first.loseNextAnswer()
  await expect(first.payer.fetch('http://shop.example/report')).rejects.toMatchObject({
    refusal: 'no_answer',
    retryable: true,
  })
  const [entry] = await journal.load()
  expect(entry?.unfinished?.extensions).toMatchObject({ 'payment-identifier': { info: { id: first.ids()[0] } } })
  expect(await (await first.payer.fetch('http://shop.example/report')).text()).toBe('answer 1')
  expect([new Set(first.ids()).size, first.runs()]).toEqual([1, 1])
})
