/** A payer that knows less of its channel than the payee does: what it takes over, and how far a token may be from the last. */
import { type Journal, type JournalEntry, memoryJournal } from 'nano402/client'
import { beforeAll, describe, expect, test } from 'vitest'
import { createWorld, type World } from '../../support/world.ts'
import { openScene, PRICE, type Scene, said, settledEntries, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
const MODES = ['payword-sha256', 'voucher-ed25519'] as const
const shop = { mechanisms: ['channel'], channel: { maxStep: 4 } } as const

async function copyOf(entries: readonly JournalEntry[]): Promise<Journal> {
  const copy = memoryJournal()
  for (const entry of entries) await copy.put(entry)
  return copy
}

describe.each(MODES)('further than one step of %s allows', (mode) => {
  const channels = { modes: [mode] }

  test('from where it began, the next process with the journal goes on in the channel', async () => {
    const journal = memoryJournal()
    const first = await openScene({ world, shop, payer: { journal, channels } })
    for (let n = 0; n < 7; n++) await first.payer.fetch(`${URL_}?n=${n}`)
    await first.payer.close({ channels: 'keep' })
    const second = first.another({ journal })
    expect((await second.payer.fetch(`${URL_}?n=7`)).status).toBe(200)
    expect(said(second)).toHaveLength(2)
    expect(await second.payer.channels()).toMatchObject([{ charged: 8n * PRICE }])
  })

  test('ahead of the journal, the payee puts it right with our own proof and its receipt', async () => {
    const journal = memoryJournal()
    const first = await openScene({ world, shop, payer: { journal, channels } })
    await first.payer.fetch(URL_)
    const old = await copyOf(await settledEntries(journal))
    for (let n = 0; n < 9; n++) await first.payer.fetch(`${URL_}?n=${n}`)
    const second = first.another({ journal: old })
    expect((await second.payer.fetch(`${URL_}?again`)).status).toBe(200)
    expect(second.types()).toContain('channel-corrected')
    expect(await second.payer.channels()).toMatchObject([{ charged: 11n * PRICE, authorized: 11n * PRICE }])
    expect(await second.payer.closeChannels()).toMatchObject([{ charged: 11n * PRICE }])
  })
})

const tokensIn = ({ sent }: Scene) =>
  sent.flatMap(({ payload }) => {
    if (payload?.type === 'token') return payload.k
    return payload?.type === 'authorize' && payload.proof.type === 'token' ? payload.proof.k : []
  })

test.each<[string, boolean, readonly number[]]>([
  ['arrived', true, [6, 8]],
  ['were lost as well', false, [5, 8]],
])(
  'a payer whose receipts were lost asks how the channel stands; where its proofs %s it goes on, a step at a time',
  async (_, arrives, shown) => {
    const journal = memoryJournal()
    const first = await openScene({ world, shop, payer: { journal } })
    await first.payer.fetch(URL_)
    first.between = async ({ request, payload }, next) => {
      if (payload?.type === 'token' && arrives) await next(request)
      return payload?.type === 'token' ? new Response(null, { status: 500 }) : next(request)
    }
    for (let n = 0; n < 6; n++) await first.payer.fetch(`${URL_}?n=${n}`)
    const second = first.another({ journal: await copyOf(await journal.load()) })
    expect((await second.payer.fetch(`${URL_}?again`)).status).toBe(200)
    expect(said(second)).toEqual(['nothing', 'state', 'authorize', 'token'])
    // No token is for more than the payments that may have been charged, and this one.
    expect(tokensIn(second)).toEqual(shown)
  },
)
