import { createDevnet, DEVNET_GENESIS_ACCOUNT, DEVNET_GENESIS_HASH, DEVNET_GENESIS_KEY } from 'nano402/devnet'
import {
  addressToPublicKey,
  type BlockHash,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  parseBlock,
  publicKeyToAddress,
  signHash,
  type Work,
  ZERO_HASH,
} from 'nano402/nano'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { hashOf } from '../../src/devnet/block.ts'
import { EPOCH_BLOCKS } from '../../src/devnet/genesis.ts'
import { publish } from '../devnet/wallet.ts'
import { watch } from '../support/outcome.ts'
import { openShop, purchase } from '../support/shop.ts'
import { createWorld, freshAccount, offerOf, proofHeader, SECRET, type World } from '../support/world.ts'

type Fields = Readonly<Record<string, unknown>>

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  world.devnet.faults.lie = undefined
  world.devnet.release()
})
afterAll(() => world.close())

/** Has the node say something else about one block. */
function lieAbout(hash: string, lies: Fields) {
  world.devnet.faults.lie = (_action, answer) => {
    const blocks = answer.blocks as Record<string, Fields> | ''
    const told = blocks !== '' && blocks?.[hash]
    return told ? { ...answer, blocks: { ...blocks, [hash]: { ...told, ...lies } } } : answer
  }
}

/** A shop, an offer of it, and a way to present a block for that offer. */
async function openCounter() {
  const shop = openShop({ ...world.options, confirmTimeoutMs: 1 })
  const offer = offerOf(await shop.ask())
  const amount = BigInt(offer.amount)
  const present = (hash: string) => watch(world, shop)(() => shop.ask(proofHeader(offer, hash)))
  /** The session was not used up by what was refused: it can still be paid. */
  const pay = async () => {
    world.devnet.faults.lie = undefined
    expect(await present(await world.buyer.pay(offer))).toMatchObject({ status: 200, ran: 1 })
  }
  return { shop, offer, amount, present, pay }
}

const atMost = (questions: number) => expect.toSatisfy((asked: number) => asked <= questions)
/** One question about the block, and one about the block before it. */
const refused = (code: string) => ({ status: 402, code, ran: 0, asked: atMost(2) })

describe('N1: a block that is not confirmed', () => {
  const words: readonly unknown[] = [
    'false',
    'False',
    'no',
    '',
    '0',
    '1',
    'TRUE',
    'yes',
    1,
    0,
    null,
    [true],
    {},
    ['true'],
  ]

  test.each(words)('is not made so by a node that calls it confirmed: %j', async (confirmed) => {
    world.devnet.hold()
    const { offer, present } = await openCounter()
    const hash = await world.buyer.pay(offer)
    lieAbout(hash, { confirmed })
    expect(await present(hash)).toEqual({ status: 503, code: 'settlement_pending', ran: 0, asked: atMost(4) })
    world.devnet.faults.lie = undefined
    world.devnet.confirm(hash)
    expect(await present(hash)).toMatchObject({ status: 200, ran: 1 })
  })
})

describe('N3: a block of another kind that moved the right amount', () => {
  /** The block, and again with a node that calls it a send of that amount. */
  async function expectNoSend(counter: Awaited<ReturnType<typeof openCounter>>, hash: string) {
    expect(await counter.present(hash)).toEqual(refused('amount_mismatch'))
    const again = await openCounter()
    lieAbout(hash, { subtype: 'send', amount: again.offer.amount })
    const outcome = await again.present(hash)
    expect(outcome).toEqual({ ...refused(''), code: expect.stringMatching(/^(amount|recipient)_mismatch$/) })
    await counter.pay()
  }

  test('a receive of the payer', async () => {
    const counter = await openCounter()
    const sent = await (await world.purse()).send(world.buyer.account, counter.amount)
    const received = await publish(world.devnet, world.buyer, { link: sent, amount: -counter.amount })
    await expectNoSend(counter, received)
  })

  test('the receive of that very payment by the seller', async () => {
    const { offer, amount, present } = await openCounter()
    const paid = await world.buyer.pay(offer)
    const received = await publish(world.devnet, world.seller, { link: paid, amount: -amount })
    expect(await present(received)).toEqual(refused('amount_mismatch'))
    expect(await present(paid)).toMatchObject({ status: 200, ran: 1 })
  })

  test('the open of an account', async () => {
    const counter = await openCounter()
    const key = derivePrivateKey('ab'.repeat(32), 0)
    const account = publicKeyToAddress(derivePublicKey(key))
    const sent = await world.buyer.send(account, counter.amount)
    const opened = await publish(world.devnet, { account, key }, { link: sent, amount: -counter.amount })
    await expectNoSend(counter, opened)
  })

  test('a change of representative', async () => {
    const counter = await openCounter()
    await expectNoSend(counter, await publish(world.devnet, world.buyer, { link: ZERO_HASH, amount: 0n }))
  })

  test.each(EPOCH_BLOCKS.map((block, i) => [i + 1, hashOf(block)] as const))(
    'an epoch block (%i)',
    async (_i, hash) => {
      await expectNoSend(await openCounter(), hash)
    },
  )

  test('a send from before 2018, though it did pay the seller', async () => {
    const devnet = createDevnet({ confirmMs: 0, bareGenesis: true })
    onTestFinished(() => devnet.close())
    const seller = freshAccount()
    const options = { network: 'nano:devnet', rpc: devnet, payTo: seller, price: '0.001', secret: SECRET } as const
    const shop = openShop(options)
    const offer = offerOf(await shop.ask())
    const balance = (2n ** 128n - 1n - BigInt(offer.amount)).toString(16).toUpperCase().padStart(32, '0')
    const fields = { type: 'send', previous: DEVNET_GENESIS_HASH, destination: seller, balance }
    const { hash } = parseBlock({ ...fields, signature: '0'.repeat(128), work: '0'.repeat(16) })
    const work = await generateWork(DEVNET_GENESIS_HASH, 'fe00000000000000' as Work)
    const block = { ...fields, work, signature: signHash(hash, DEVNET_GENESIS_KEY) }
    await devnet.call('process', { json_block: true, block })
    const answer = await devnet.call('block_info', { hash, json_block: true })
    expect(answer).toMatchObject({ amount: offer.amount, confirmed: 'true', block_account: DEVNET_GENESIS_ACCOUNT })
    const outcome = await watch({ devnet }, shop)(() => shop.ask(proofHeader(offer, hash)))
    expect(outcome).toEqual(refused('amount_mismatch'))
  })
})

describe('N4: the right amount, sent to another account', () => {
  test('is not the payment, whoever that is', async () => {
    const { amount, present, pay } = await openCounter()
    const others = [world.buyer.account, freshAccount(), (await world.purse()).account]
    for (const other of others) {
      expect(await present(await world.buyer.send(other, amount))).toEqual(refused('recipient_mismatch'))
    }
    await pay()
  })

  test('is not the payment even when the node names our account as its destination', async () => {
    const { offer, amount, present, pay } = await openCounter()
    const hash = await world.buyer.send(freshAccount(), amount)
    const { contents } = await world.devnet.call('block_info', { hash, json_block: true })
    lieAbout(hash, { contents: { ...(contents as Fields), link_as_account: offer.payTo } })
    expect(await present(hash)).toEqual(refused('recipient_mismatch'))
    await pay()
  })
})

describe('N5: almost the right amount', () => {
  const TAG = 10n ** 20n
  const almost: Readonly<Record<string, (amount: bigint) => bigint>> = {
    'one raw less': (amount) => amount - 1n,
    'one raw more': (amount) => amount + 1n,
    'without its tag': (amount) => amount - (amount % TAG),
    'with its tag cut to six digits of XNO': (amount) => amount - (amount % 10n ** 24n),
    'with another tag': (amount) => amount - (amount % TAG) + ((amount + 12_345n) % TAG),
    'with the tag and another price': (amount) => amount + TAG,
    'the tag alone': (amount) => amount % TAG,
  }
  test.each(Object.entries(almost))('%s is not the payment', async (_name, change) => {
    const { amount, present, pay } = await openCounter()
    const outcome = await present(await world.buyer.send(world.seller.account, change(amount)))
    expect(outcome).toEqual(refused('amount_mismatch'))
    await pay()
  })
})

test('N5: one raw is not made the price by a node that says so: the block before tells', async () => {
  const { offer, present, pay } = await openCounter()
  const hash = await world.buyer.send(offer.payTo, 1n)
  lieAbout(hash, { amount: offer.amount, balance: '0', subtype: 'send' })
  expect(await present(hash)).toEqual(refused('amount_mismatch'))
  await pay()
})

describe('N6: an old block to the same account', () => {
  test('that paid the price, when nobody asked for it, is not the payment', async () => {
    const old = await world.buyer.send(world.seller.account, 10n ** 27n)
    const { present, pay } = await openCounter()
    expect(await present(old)).toEqual(refused('amount_mismatch'))
    await pay()
  })

  test('that paid another session is not the payment, used or unused, and stays good for its own', async () => {
    const counter = await openCounter()
    const older = await purchase(counter.shop, world.buyer)
    expect(await counter.present(older.hash)).toEqual(refused('amount_mismatch'))
    const own = await watch(world, counter.shop)(() => counter.shop.ask(older.headers))
    expect(own).toEqual({ status: 200, ran: 1, asked: 0 })
    expect(await counter.present(older.hash)).toEqual({ ...refused('amount_mismatch'), asked: 0 })
    await counter.pay()
  })
})

describe('N12: the payment in another form', () => {
  test('in two parts is no payment, and neither part is', async () => {
    const { offer, amount, present, pay } = await openCounter()
    const half = amount / 2n
    const parts = [await world.buyer.send(offer.payTo, half), await world.buyer.send(offer.payTo, amount - half)]
    for (const part of parts) expect(await present(part)).toEqual(refused('amount_mismatch'))
    await pay()
  })

  test('twice buys one answer, whichever block is shown first and by whomever it was sent', async () => {
    const { offer, present } = await openCounter()
    const blocks: BlockHash[] = [await world.buyer.pay(offer), await world.buyer.pay(offer)]
    blocks.push(await (await world.purse()).pay(offer))
    const [first = '', ...others] = blocks.toReversed()
    expect(await present(first)).toMatchObject({ status: 200, ran: 1 })
    for (const hash of [...others, first]) expect(await present(hash)).toEqual(refused('payment_already_spent'))
  })

  test('twice at the same moment buys one answer', async () => {
    const { shop, offer } = await openCounter()
    const blocks = [await world.buyer.pay(offer), await world.buyer.pay(offer)]
    const answers = await Promise.all(blocks.map((hash) => shop.ask(proofHeader(offer, hash))))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(shop.runs()).toBe(1)
  })

  test('too much is no payment', async () => {
    const { offer, amount, present, pay } = await openCounter()
    for (const tooMuch of [amount * 2n, amount + 10n ** 28n]) {
      expect(await present(await world.buyer.send(offer.payTo, tooMuch))).toEqual(refused('amount_mismatch'))
    }
    await pay()
  })
})

test('N14: a payment that the seller has received already is as good as one that waits', async () => {
  const { offer, amount, present } = await openCounter()
  const paid = await world.buyer.pay(offer)
  await publish(world.devnet, world.seller, { link: paid, amount: -amount })
  await publish(world.devnet, world.seller, { link: addressToPublicKey(world.buyer.account), amount: 1n })
  expect(await present(paid)).toMatchObject({ status: 200, ran: 1 })
  expect(await present(paid)).toEqual(refused('payment_already_spent'))
})
