/** Paying for a client that asks and presents by itself. */
import { memoryJournal } from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { decodePaymentRequired } from '../../src/x402/headers.ts'
import { buyerFor, devnetForTest, OTHER, offerOf, openShop, sentBy } from './support.ts'

const offer = () => offerOf(parseXno('0.001'))

/** What the shop asks without a proof. */
async function offerOfShop(url: string) {
  const response = await fetch(url)
  const [first] = decodePaymentRequired(response.headers.get('payment-required') ?? '')?.accepts ?? []
  if (!first) throw new Error('no offer')
  return first
}

async function open(options: Parameters<typeof buyerFor>[1] = {}) {
  const devnet = devnetForTest(5)
  return { devnet, ...(await buyerFor(devnet, options)) }
}

describe('an offer that is handed to the payer', () => {
  test('is paid and confirmed, and the proof is what the server takes', async () => {
    const { devnet, payer, types } = await open()
    const shop = await openShop(devnet)
    const paid = await payer.pay(await offerOfShop(shop.url), { url: shop.url })
    expect(types()).toEqual(['challenged', 'paying', 'work', 'work', 'published', 'confirmed'])
    const response = await fetch(shop.url, { headers: paid.proof.headers })
    expect(await response.text()).toBe('paid GET /report ')
    expect(paid.payload).toEqual({ proof: paid.proof.blockHash, sessionId: paid.proof.sessionId })
  })

  test('is paid once, however often and however much at once it is handed over', async () => {
    const { devnet, payer } = await open()
    const one = offer()
    const paid = await Promise.all(Array.from({ length: 20 }, () => payer.pay(one)))
    await (await payer.pay(one)).delivered()
    await payer.pay(structuredClone(one))
    expect(new Set(paid.map(({ proof }) => proof.blockHash)).size).toBe(1)
    expect(await sentBy(devnet, payer.address)).toEqual([BigInt(one.amount)])
  })

  test('is not paid again by the next process with the same journal', async () => {
    const devnet = devnetForTest(5)
    const { privateKey } = await devnet.fundedSeed()
    const options = { privateKey, journal: memoryJournal() }
    const one = offer()
    const [first, second] = [await buyerFor(devnet, options), await buyerFor(devnet, options)]
    const { proof } = await first.payer.pay(one)
    expect((await second.payer.pay(one)).proof).toEqual(proof)
    expect(second.types()).toEqual(['resumed'])
    expect(await sentBy(devnet, first.payer.address)).toHaveLength(1)
  })

  test('stays unfinished until it is said to be delivered, and can be presented meanwhile', async () => {
    const { devnet, payer } = await open()
    const shop = await openShop(devnet)
    const paid = await payer.pay(await offerOfShop(shop.url), { url: shop.url })
    const other = await payer.pay(offer())
    expect(await payer.unfinished()).toMatchObject([{ kind: 'payment', proof: paid.proof }, { proof: other.proof }])
    expect(await (await payer.present(paid.proof, shop.url)).text()).toBe('paid GET /report ')
    await other.delivered()
    expect(await payer.unfinished()).toEqual([])
  })

  test('that nobody says was served is listed for two days after its offer ran out, and counts for ever', async () => {
    const { payer } = await open({ budget: { perRequest: '0.01', total: '0.002' } })
    onTestFinished(() => void vi.useRealTimers())
    await payer.pay(offer())
    const later = async (hours: number) => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + hours * 3_600_000 })
      return payer.unfinished()
    }
    expect([await later(48), await later(1)]).toEqual([[expect.objectContaining({ kind: 'payment' })], []])
    await expect(payer.pay(offer())).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
    expect(await payer.unfinished()).toEqual([])
  })

  test('is refused like any other where the budget, the pin or the offer says so, and nothing is sent', async () => {
    const { devnet, payer } = await open({ pinPayTo: { 'https://api.example.com': OTHER } })
    const url = 'https://api.example.com/report'
    await expect(payer.pay(offerOf(parseXno('0.02')))).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
    await expect(payer.pay(offer(), { url })).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    const elsewhere = { ...offer(), network: 'nano:mainnet' }
    await expect(payer.pay(elsewhere)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(await sentBy(devnet, payer.address)).toEqual([])
  })

  test('whose server nobody names counts for one host with all others of that kind', async () => {
    const { payer } = await open({ budget: { perRequest: '0.01', perHost: '0.002', total: '1' } })
    await payer.pay(offer())
    await expect(payer.pay(offer())).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
    await payer.pay(offer(), { url: 'https://api.example.com/report' })
  })
})
