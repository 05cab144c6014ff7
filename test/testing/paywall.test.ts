import { instanceFor } from 'nano402'
import { paywall } from 'nano402/next'
import { billOf, createTestPaywall, receiptOf } from 'nano402/testing'
import { afterAll, expect, test } from 'vitest'

const kit = await createTestPaywall()
const { options, buy, pay, payer } = kit
afterAll(kit.close)

const GET = paywall(options, (_request, { payment }) => new Response(payment.payer))
const ask = (headers: Readonly<Record<string, string>> = {}) => GET(new Request('http://localhost/a', { headers }), {})

test('what is free is no purchase, and that is said in words', async () => {
  const free = async () => new Response('free')
  await expect(buy(free)).rejects.toThrow('Expected a 402 that says what to pay, but the answer has status 200.')
  expect(() => receiptOf(new Response('free'))).toThrow('and no receipt')
})

test('headers are read from whatever a client gives', async () => {
  const answer = await ask()
  const { status, headers } = answer
  expect(billOf({ status, headers: Object.fromEntries(headers) })).toEqual(billOf(answer))
})

test('a handler that fails gives the payment back, and the payer knows that it is not served', async () => {
  let runs = 0
  const handler = paywall(options, () => new Response(null, { status: ++runs === 1 ? 500 : 200 }))
  const send = (headers = {}) => handler(new Request('http://localhost/b', { headers }), {})
  const headers = await pay(await send())
  expect([(await send(headers)).status, (await send(headers)).status]).toEqual([500, 200])
  const failing = paywall(options, () => new Response(null, { status: 500 }))
  const before = (await payer.unfinished()).length
  await buy((headers) => failing(new Request('http://localhost/c', { headers }), {}))
  expect(await payer.unfinished()).toHaveLength(before + 1)
  await buy(ask)
  expect(await payer.unfinished()).toHaveLength(before + 1)
})

test('where an identifier is required, it is sent', async () => {
  const handler = paywall({ ...options, paymentIdentifier: { required: true } }, () => new Response('paid'))
  const answer = await buy((headers) => handler(new Request('http://localhost/d', { headers }), {}))
  expect(await answer.text()).toBe('paid')
})

test('an environment is taken over until the end, and what it says decides which instance is shared', async () => {
  const environment = process.env
  const before = { ...environment, NANO402_FACILITATOR: 'https://facilitator.example', NANO402_PRICE: '7' }
  Object.assign(environment, before)
  try {
    const first = await createTestPaywall({ environment })
    expect(Object.keys(environment).filter((name) => name.startsWith('NANO402_'))).toHaveLength(6)
    const instance = instanceFor()
    expect(instanceFor()).toBe(instance)
    expect(await instance.describe()).toMatchObject({ network: 'nano:devnet', payTo: first.options.payTo })
    await first.close()
    expect(environment).toEqual(before)
    const second = await createTestPaywall({ environment })
    expect(instanceFor()).not.toBe(instance)
    await second.close()
    await instance.close()
  } finally {
    delete environment.NANO402_FACILITATOR
    delete environment.NANO402_PRICE
  }
})
