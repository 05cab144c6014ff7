/** Stories of channels against services that are up: `npm run test:e2e`. docs/channels.md says how to start them. */
import { createPayer } from 'nano402/client'
import { accountSigner, createIssuerClient } from 'nano402/issuer'
import { derivePrivateKey, parseXno } from 'nano402/nano'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ISSUER, issuer, missing, NETWORK, purse, rpc, VENDOR, wealth } from './services.ts'

beforeAll(async () => {
  const gone = await missing()
  if (gone.length > 0) throw new Error(`Missing:\n${gone.map((one) => `- ${one}`).join('\n')}`)
})

async function openPayer(modes: readonly ('payword-sha256' | 'voucher-ed25519')[]) {
  const own = await purse()
  const payer = createPayer({
    ...{ seed: own.seed, rpc, network: NETWORK, budget: { perRequest: '0.001', total: '0.3', deposit: '0.3' } },
    approve: (bill) => bill.deposit === true || bill.channelId !== undefined,
    channels: { modes, issuers: [await issuer()] }, // whoever holds the vendor's deposits
  })
  onTestFinished(() => payer.close())
  return { payer, own }
}

describe.each(['payword-sha256', 'voucher-ed25519'] as const)('a client that pays by %s', (mode) => {
  test('is served for one deposit, and the ledger has what the channel says', async () => {
    const { payer, own } = await openPayer([mode])
    await payer.receive()
    const before = await wealth(own)
    for (let i = 0; i < 20; i++) expect((await payer.fetch(`${VENDOR}/paid`)).status).toBe(200)
    const body = JSON.stringify({ question: 'why?' })
    expect(await (await payer.fetch(`${VENDOR}/paid`, { method: 'POST', body })).text()).toBe(body)
    const answers = await Promise.all(Array.from({ length: 16 }, () => payer.fetch(`${VENDOR}/paid`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200))

    const [channel] = await payer.channels()
    const { amount } = (await (await fetch(VENDOR)).json()) as { readonly amount: string }
    expect(channel?.charged).toBe(37n * BigInt(amount))
    const [closed] = await payer.closeChannels()
    expect(closed).toMatchObject({ charged: channel?.charged })
    expect(before - (await wealth(own))).toBe(channel?.charged)
  })

  test('that makes no request but one gets all the rest back', async () => {
    const { payer, own } = await openPayer([mode])
    const before = await wealth(own)
    await payer.fetch(`${VENDOR}/paid`)
    const [closed] = await payer.closeChannels()
    expect(closed?.deposited).toBe((closed?.charged ?? 0n) + (closed?.refunded ?? 0n))
    expect(before - (await wealth(own))).toBe(closed?.charged)
  })
})

test.each([
  ['nothing', {}, 402],
  ['rubbish', { 'PAYMENT-SIGNATURE': 'rubbish' }, 400],
])('who shows %s is not served', async (_, headers, status) => {
  expect((await fetch(`${VENDOR}/paid`, { headers: headers as Record<string, string> })).status).toBe(status)
})

test('what a client deposits with the issuer it can have back', async () => {
  const own = await purse()
  const payer = createPayer({ seed: own.seed, rpc, network: NETWORK, budget: { perRequest: '0.02', total: '0.02' } })
  onTestFinished(() => payer.close())
  const asked = createIssuerClient({ url: ISSUER, signer: accountSigner(derivePrivateKey(own.seed, 0)) })
  await payer.receive()
  const before = await wealth(own)
  expect((await payer.fetch(asked.depositUrl(parseXno('0.01')), { method: 'POST' })).status).toBe(200)
  const { balance } = await asked.account()
  expect(BigInt(balance)).toBeGreaterThanOrEqual(parseXno('0.01'))
  expect(await wealth(own)).toBe(before)
  await asked.withdraw(BigInt(balance))
  await expect.poll(() => wealth(own), { timeout: 15_000 }).toBe(before)
  expect(await asked.account()).toMatchObject({ balance: '0' })
})

test.each([
  ['vendor', VENDOR, 'nano402_channels_opened_total'],
  ['issuer', ISSUER, 'nano402_issuer_accounts'],
])('the %s tells Prometheus how it is', async (_, url, name) => {
  expect(await (await fetch(`${url}/metrics`)).text()).toContain(name)
})
