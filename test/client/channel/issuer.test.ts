/** A payer whose deposits an issuer holds: the issuer over HTTP, the vendor in this process, the money on a devnet. */
import { memoryJournal, type RefusedAfterPaymentError } from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { afterAll, expect, test } from 'vitest'
import { accountSigner, createIssuerClient } from '../../../src/issuer/index.ts'
import { freshWallet } from '../../channel/client.ts'
import { openIssuer } from '../../issuer/world.ts'
import { createWorld } from '../../support/world.ts'
import { lifeUntil } from './life.ts'
import { ORIGIN, openScene, PRICE, said, URL_ } from './support.ts'

const world = await createWorld()
const bank = await openIssuer({ devnet: world.devnet, overHttp: true })
const issuer = { url: bank.url, publicKey: bank.issuer.info.issuer }
afterAll(() => bank.close())

async function openIssued({ shop = {}, payer = {} } = {}) {
  const wallet = freshWallet()
  const channel = {
    issuers: [issuer],
    minDeposit: '0.001',
    suggestedDeposit: '0.1',
    minSettleSeconds: 60,
    withdrawFrom: '0',
    sweepSeconds: 1,
  }
  const scene = await openScene({
    world,
    shop: { wallet, mechanisms: ['channel'], channel: { ...channel, ...shop } },
    payer: { channels: { issuers: [issuer] }, ...payer },
  })
  // What is for the issuer goes there.
  scene.between = ({ request }, next) => (request.url.startsWith(bank.url) ? fetch(request) : next(request))
  const vendor = createIssuerClient({ url: bank.url, signer: accountSigner(wallet.key) })
  return { scene, vendor }
}

test.each(['payword-sha256', 'voucher-ed25519'] as const)(
  'a client pays a vendor by %s out of what an issuer holds, and gets the rest back to the raw',
  async (mode) => {
    const { scene, vendor } = await openIssued({ payer: { channels: { issuers: [issuer], modes: [mode] } } })
    const { payer } = scene
    const before = await payer.balance()
    for (let n = 0; n < 5; n++) expect((await payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
    expect(await payer.channels()).toMatchObject([{ mode, phase: 'open', charged: 5n * PRICE }])
    expect(said(scene).filter((type) => type === 'open')).toHaveLength(1)
    await bank.check()

    const [closed] = await payer.closeChannels()
    expect(closed).toMatchObject({ charged: 5n * PRICE, refund: expect.stringMatching(/^[0-9A-F]{64}$/) })
    await payer.receive()
    expect((await payer.balance()).balance).toBe(before.balance - 5n * PRICE)
    // The vendor has it with the issuer, or on its way to its own account.
    await expect
      .poll(async () => (await vendor.statement()).lines.map(({ kind }) => kind), { timeout: 5_000 })
      .toEqual(expect.arrayContaining(['credit']))
    await bank.check()
  },
)

test('an issuer that the payer was not told to trust gets nothing', async () => {
  const other = { url: issuer.url, publicKey: 'A'.repeat(64) }
  for (const channels of [{}, { issuers: [other] }]) {
    const { scene } = await openIssued({ payer: { channels } })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(said(scene)).toEqual(['nothing'])
  }
})

test('a lock that is used up is followed by another channel, and both are closed', async () => {
  const { scene } = await openIssued({ shop: { suggestedDeposit: '0.003', maxDeposit: '0.003' } })
  for (let n = 0; n < 5; n++) expect((await scene.payer.fetch(`${URL_}?n=${n}`)).status).toBe(200)
  await scene.payer.closeChannels(ORIGIN)
  expect(said(scene).filter((type) => type === 'open')).toHaveLength(2)
  expect(await scene.payer.channels()).toEqual([])
  await bank.check()
})

test('a payer that is killed at any step of opening deposits once, locks once, and is charged once for each request', async () => {
  let steps = Number.POSITIVE_INFINITY
  for (let last = 1; last <= steps; last++) {
    const journal = memoryJournal()
    const life = lifeUntil(last, world.devnet)
    const { scene } = await openIssued({ payer: { journal: life.mortal(journal), rpc: life.node } })
    const reach = scene.between
    scene.between = (sent, next) => life.after(() => reach(sent, next))
    const end = await Promise.race([scene.payer.fetch(URL_).then(() => 'done'), life.death])
    if (end === 'done') steps = 0
    /** Served, and the journal says so: the next request is another one. */
    const isNoted =
      scene.runs() === 1 && !(await journal.load()).some(({ inChannel }) => inChannel?.reach !== undefined)
    const second = scene.another({ journal, rpc: world.devnet })
    second.between = reach
    await second.payer.fetch(URL_).catch((error: unknown) => {
      // It was charged before, and its answer is lost: it is not charged again.
      if ((error as RefusedAfterPaymentError).refusal !== 'answer_not_stored') throw error
    })
    const charged = isNoted ? 2n * PRICE : PRICE
    expect(await second.payer.closeChannels(), `killed at step ${last}`).toMatchObject([{ charged }])
    await second.payer.receive()
    expect((await second.payer.balance()).balance).toBe(parseXno('10') - charged)
    await bank.check()
  }
}, 60_000)

test('a vendor that acknowledges and releases nothing is paid nothing, and the deposit comes back after its time', async () => {
  const { scene } = await openIssued()
  const reach = scene.between
  scene.between = (sent, next) =>
    sent.payload?.type === 'open' || sent.payload?.type === 'close'
      ? Promise.resolve(new Response(null, { status: 404 }))
      : reach(sent, next)
  await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_CHANNEL' })
  expect(scene.runs()).toBe(0)
  const [channel] = await scene.payer.channels()
  // What is locked stays so until the vendor's time is over.
  await expect(scene.payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason: 'not_released' })
  bank.clock.nowMs = (channel?.expiresAtMs ?? 0) + 10 * 86_400_000
  await bank.issuer.sweep()
  bank.clock.nowMs = Date.now()
  expect(await scene.payer.closeChannels()).toMatchObject([{ charged: 0n, refund: expect.any(String) }])
  await scene.payer.receive()
  expect((await scene.payer.balance()).balance).toBe(parseXno('10'))
  await bank.check()
})
