import type { PaywallOptions } from 'nano402'
import { type BlockHash, hashBlock, raw, type StateBlock, signBlock, signHash, type Work } from 'nano402/nano'
import { type NanoNode, type NodeAnswer, publish } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { NodeRefusedError, NodeUnavailableError } from '../../src/errors.ts'
import type { PaymentPayload, PaymentRequirements } from '../../src/x402/shapes.ts'
import { isObject, recordings } from '../devnet/recordings.ts'
import { watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import { gate, until } from '../support/wait.ts'
import {
  createWorld,
  freshAccount,
  handover,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  sessionIdOf,
  signedFor,
  type World,
} from '../support/world.ts'

let world: World
let buyer: Purse
beforeAll(async () => {
  world = await createWorld()
})
// An account of its own for each test: its last block is what the tests are about.
beforeEach(async () => {
  buyer = await world.purse()
})
afterEach(() => {
  vi.useRealTimers()
  world.devnet.faults.lie = undefined
  world.devnet.release()
})
afterAll(() => world.close())

const MECHANISMS = ['signed-block', 'session', 'signature'] as const

/** A shop that takes signed blocks, and what a buyer needs to hand one over. */
async function openCounter(options: PaywallOptions = {}) {
  const shop = openShop({ ...world.options, mechanisms: MECHANISMS, confirmTimeoutMs: 20, ...options })
  const challenge = () => shop.ask()
  const newOffer = async () => offerOf(await challenge(), 'nanoTxn')
  const offer = await newOffer()
  const show = (payment: PaymentPayload, signal?: AbortSignal) =>
    shop.ask(paymentHeader(payment), signal ? { signal } : {})
  const attempt = watch(world, shop)
  /** What a payment is answered with, and how many blocks were published for it. */
  const present = async (payment: PaymentPayload) => {
    const published = world.devnet.asked('process')
    const outcome = await attempt(() => show(payment))
    return { ...outcome, published: world.devnet.asked('process') - published }
  }
  return { shop, offer, newOffer, challenge, show, present }
}

const pay = (offer: PaymentRequirements, purse = buyer) => purse.sign(offer.payTo, BigInt(offer.amount))
const signed = async (offer: PaymentRequirements) => handover(offer, await pay(offer))
const atMost = (questions: number) => expect.toSatisfy((asked: number) => asked <= questions)

const SERVED = { status: 200, ran: 1 }
const LOOKED = { ran: 0, published: 0, asked: atMost(2) }
const refused = (code: string, status = 402) => ({ status, code, ...LOOKED })
const PENDING = refused('settlement_pending', 503)

/** The shop's node, with one action answered by the test. */
const nodeWith = (action: string, answer: (next: () => Promise<NodeAnswer>) => Promise<NodeAnswer>): NanoNode => ({
  call(name, parameters, signal) {
    const next = () => world.devnet.call(name, parameters, signal)
    return name === action ? answer(next) : next()
  },
})

/** Signs a block again after changing it, with the work it has. */
const resigned = (block: StateBlock, change: Partial<StateBlock>, key = buyer.key) =>
  signBlock({ ...block, ...change }, key, change.work ?? block.work)

describe('a signed block', () => {
  test('is published once, buys one answer, and is spent afterwards', async () => {
    const { offer, present } = await openCounter()
    const payment = await signed(offer)
    expect(await present(payment)).toMatchObject({ ...SERVED, published: 1 })
    expect(await present(payment)).toEqual({ ...refused('payment_already_spent'), asked: 0 })
  })

  test('a hundred times at once is published once and served once', async () => {
    const { shop, offer, show } = await openCounter({ confirmTimeoutMs: 1_000 })
    const payment = await signed(offer)
    const published = world.devnet.asked('process')
    const answers = await Promise.all(Array.from({ length: 100 }, () => show(payment)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect([shop.runs(), world.devnet.asked('process') - published]).toEqual([1, 1])
  })

  test('that its payer signed with another representative is its payer’s own business', async () => {
    const { offer, present } = await openCounter()
    const block = resigned(await pay(offer), { representative: freshAccount() })
    expect(await present(handover(offer, block))).toMatchObject(SERVED)
  })
})

describe('N16: a block that the account’s state does not bear', () => {
  test('on a block that is not the last one is stale, and not published', async () => {
    const { offer, present } = await openCounter()
    const payment = await signed(offer)
    await buyer.send(freshAccount(), 1n)
    expect(await present(payment)).toEqual(refused('stale_frontier'))
  })

  test('on a block that nobody has seen is not published, and good once that one is there', async () => {
    const { offer, present } = await openCounter()
    const before = await buyer.sign(freshAccount(), 1n)
    const block = resigned(before, {
      previous: hashBlock(before),
      balance: raw(before.balance - BigInt(offer.amount)),
      link: (await pay(offer)).link,
    })
    expect(await present(handover(offer, block))).toMatchObject({ status: 503, ran: 0, published: 0 })
    await publish(world.devnet, before, 'send')
    // Its work is for another block, which is looked at last.
    expect(await present(handover(offer, block))).toMatchObject({ code: 'invalid_work', published: 0 })
  })

  test('on an unconfirmed block is not published, and good once that one is confirmed', async () => {
    const { offer, present } = await openCounter()
    world.devnet.hold()
    const before = await buyer.send(freshAccount(), 1n)
    const payment = await signed(offer)
    expect(await present(payment)).toEqual(PENDING)
    world.devnet.release()
    world.devnet.confirm(before)
    expect(await present(payment)).toMatchObject(SERVED)
  })

  test('that moves one raw does not pay the price with an unconfirmed send before it', async () => {
    const { offer, present } = await openCounter()
    world.devnet.hold()
    const before = await buyer.send(freshAccount(), BigInt(offer.amount) - 1n)
    const payment = handover(offer, await buyer.sign(offer.payTo, 1n))
    expect(await present(payment)).toEqual(PENDING)
    world.devnet.release()
    world.devnet.confirm(before)
    expect(await present(payment)).toEqual(refused('amount_mismatch'))
  })

  test('of an account that was never opened is not published', async () => {
    const { offer, present } = await openCounter()
    const block = { ...(await pay(offer)), account: freshAccount() }
    expect(await present(handover(offer, block))).toEqual(refused('stale_frontier'))
  })
})

describe('N16: a block that is not what was asked for', () => {
  const almost: Readonly<Record<string, (amount: bigint) => bigint>> = {
    'one raw less': (amount) => amount - 1n,
    'one raw more': (amount) => amount + 1n,
    'the price without the tag': (amount) => amount - (amount % 10n ** 20n),
  }
  test.each(Object.entries(almost))('%s is refused and not published', async (_name, change) => {
    const { offer, present } = await openCounter()
    const block = await buyer.sign(offer.payTo, change(BigInt(offer.amount)))
    expect(await present(handover(offer, block))).toEqual(refused('amount_mismatch'))
  })

  test('to another account is refused without a lookup, whatever link_as_account says', async () => {
    const { offer, present } = await openCounter()
    const { payload } = handover(offer, await buyer.sign(freshAccount(), BigInt(offer.amount)))
    const payment = {
      ...handover(offer, await pay(offer)),
      payload: { block: { ...payload.block, link_as_account: offer.payTo } },
    }
    expect(await present(payment)).toEqual({ ...refused('recipient_mismatch'), asked: 0 })
  })

  test('with a field changed after it was signed is refused', async () => {
    const { offer, present } = await openCounter()
    const block = await pay(offer)
    expect(await present(handover(offer, { ...block, representative: freshAccount() }))).toEqual(
      refused('invalid_signature'),
    )
    expect(await present(handover(offer, block))).toMatchObject(SERVED)
  })

  test('signed by another account is refused', async () => {
    const { offer, present } = await openCounter()
    const block = await pay(offer)
    const signature = signHash(hashBlock(block), world.seller.key)
    expect(await present(handover(offer, { ...block, signature }))).toEqual(refused('invalid_signature'))
  })

  test.each([['0'.repeat(16)], [undefined]])('with work %s is refused and not published', async (work) => {
    const { offer, present } = await openCounter()
    const block = { ...(await pay(offer)), work: work as Work | undefined }
    expect(await present(handover(offer, block))).toEqual(refused('invalid_work'))
  })

  const shapes: Readonly<Record<string, (payment: PaymentPayload) => unknown>> = {
    'as text': ({ payload }) => ({ block: JSON.stringify(payload.block) }),
    'beside a proof': ({ payload, accepted }) => ({
      ...payload,
      proof: '0'.repeat(64),
      sessionId: sessionIdOf(accepted),
    }),
    'of a kind from before 2018': ({ payload }) => ({ block: { ...(payload.block as object), type: 'send' } }),
    'without a signature': ({ payload }) => ({ block: { ...(payload.block as object), signature: undefined } }),
    'with work of fifteen digits': ({ payload }) => ({ block: { ...(payload.block as object), work: '0'.repeat(15) } }),
    'with a negative balance': ({ payload }) => ({ block: { ...(payload.block as object), balance: '-1' } }),
  }
  test.each(Object.entries(shapes))('%s is no payment at all', async (_name, change) => {
    const { challenge, present } = await openCounter()
    const asked = await challenge()
    const payment = await signed(offerOf(asked, 'nanoTxn'))
    const accepted = {
      ...payment.accepted,
      extra: { ...payment.accepted.extra, ...offerOf(asked, 'nanoSession').extra },
    }
    const payload = change({ ...payment, accepted }) as PaymentPayload['payload']
    expect(await present({ ...payment, payload })).toEqual({ ...refused('invalid_payload', 400), asked: 0 })
  })

  test('for an offer that ran out before it was handed over is refused, and not published', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { offer, present } = await openCounter()
    const payment = await signed(offer)
    vi.setSystemTime(Date.now() + 300_001)
    expect(await present(payment)).toEqual(refused('session_expired'))
  })

  test('nine of them that nobody has seen are not looked up for one session', async () => {
    const { offer, present } = await openCounter()
    const block = await buyer.sign(offer.payTo, 1n)
    for (let i = 0; i < 8; i++) {
      const other = resigned(block, { balance: raw(block.balance - BigInt(i)) })
      expect(await present(handover(offer, other))).toMatchObject({ code: 'amount_mismatch' })
    }
    const ninth = resigned(block, { balance: raw(block.balance - 8n) })
    expect(await present(handover(offer, ninth))).toEqual({ ...refused('too_many_attempts', 429), asked: 0 })
  })
})

describe('N16: two blocks on one previous block', () => {
  test('of which one is published and not confirmed: the other is stale, and stays so', async () => {
    const { offer, newOffer, show, present } = await openCounter({ confirmTimeoutMs: 5_000 })
    const [first, second] = [await signed(offer), await signed(await newOffer())]
    const published = world.devnet.asked('process')
    world.devnet.hold()
    const answer = show(first)
    await until(() => world.devnet.asked('process') > published)
    expect(await present(second)).toMatchObject({ status: 402, code: 'stale_frontier', published: 0 })
    world.devnet.release()
    expect((await answer).status).toBe(200)
    expect(await present(second)).toEqual(refused('stale_frontier'))
  })

  test('both verified before either is published: one is published and served', async () => {
    const [reached, holding] = [gate(), gate()]
    const rpc = nodeWith('process', async (next) => {
      reached.open()
      return holding.promise.then(next)
    })
    const { shop, offer, newOffer, show, present } = await openCounter({ rpc, confirmTimeoutMs: 1_000 })
    const [first, second] = [await signed(offer), await signed(await newOffer())]
    const answer = show(first)
    await reached.promise
    expect(await present(second)).toEqual(refused('duplicate_frontier', 409))
    holding.open()
    expect((await answer).status).toBe(200)
    expect(await present(second)).toEqual(refused('stale_frontier'))
    expect(shop.runs()).toBe(1)
  })

  test('of which another took the place in between is refused, although the node speaks of a balance', async () => {
    const { present, offer } = await openCounter({
      rpc: nodeWith('process', async (next) => {
        await buyer.send(freshAccount(), BigInt(offer.amount) * 2n)
        return next()
      }),
    })
    expect(await present(await signed(offer))).toMatchObject({ status: 402, code: 'frontier_changed', ran: 0 })
  })
})

describe('N17: a block that somebody else published', () => {
  test('before it is handed over is a payment like any other', async () => {
    const { offer, present } = await openCounter()
    const block = await pay(offer)
    await publish(world.devnet, block, 'send')
    expect(await present(handover(offer, block))).toMatchObject({ ...SERVED, published: 0 })
    expect(await present(handover(offer, block))).toMatchObject({ code: 'payment_already_spent', ran: 0 })
  })

  test.each([['the last of its account'], ['followed by another one']])(
    'between our look for it and our look at the account, and is %s, is one as well',
    async (where) => {
      let mine: StateBlock | undefined
      const { offer, present } = await openCounter({
        rpc: nodeWith('account_info', async (next) => {
          if (mine) await publish(world.devnet, mine, 'send')
          if (mine && where.startsWith('followed')) await buyer.send(freshAccount(), 1n)
          mine = undefined
          return next()
        }),
      })
      const block = await pay(offer)
      mine = block
      expect(await present(handover(offer, block))).toMatchObject({ ...SERVED, published: expect.any(Number) })
    },
  )

  test('before we do, while we check it, is one as well, although the node speaks of a balance', async () => {
    const block = await pay((await openCounter()).offer)
    let mine: StateBlock | undefined = block
    const { offer, present } = await openCounter({
      rpc: nodeWith('process', async (next) => {
        if (mine) await publish(world.devnet, mine, 'send')
        return next()
      }),
    })
    mine = await pay(offer)
    expect(await present(handover(offer, mine))).toMatchObject(SERVED)
  })

  test('in time is good after its offer ran out; published after that, it is held against the price of today', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    let price = '0.001'
    const { offer, newOffer, present } = await openCounter({ price: () => price })
    const inTime = await pay(offer)
    const lateOffer = await newOffer()
    await publish(world.devnet, inTime, 'send')
    const late = await pay(lateOffer)
    vi.setSystemTime(Date.now() + 400_000)
    await publish(world.devnet, late, 'send')
    price = '0.002'
    expect(await present(handover(offer, inTime))).toMatchObject(SERVED)
    expect(await present(handover(lateOffer, late))).toMatchObject({ status: 402, code: 'session_expired', ran: 0 })
  })

  test('and that a stranger hands over with an offer of his own is not his payment', async () => {
    const { offer, newOffer, present } = await openCounter()
    const block = await pay(offer)
    await publish(world.devnet, block, 'send')
    expect(await present(handover(await newOffer(), block))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
    expect(await present(handover(offer, block))).toMatchObject(SERVED)
  })
})

describe('a node that lies or fails while a block is published', () => {
  const answers: Readonly<Record<string, (next: () => Promise<NodeAnswer>) => Promise<NodeAnswer>>> = {
    'calls it a wrong balance': async (next) => {
      await next()
      throw new NodeRefusedError('process', 'Invalid block balance for given subtype')
    },
    'says nothing any more': async (next) => {
      await next()
      throw new NodeUnavailableError('silence')
    },
    'names another block': async (next) => {
      await next()
      return { hash: '0'.repeat(64) }
    },
  }
  test.each(Object.entries(answers))('and has it, but %s: it is served', async (_name, answer) => {
    const { offer, present } = await openCounter({ rpc: nodeWith('process', answer) })
    expect(await present(await signed(offer))).toMatchObject(SERVED)
  })

  const failures: readonly (readonly [string, string, (block: BlockHash) => Promise<NodeAnswer>])[] = [
    ['settlement_pending', 'says that it took it', async (hash) => ({ hash })],
    ['broadcast_failed', 'refuses it', () => Promise.reject(new NodeRefusedError('process', 'Bad signature'))],
    ['broadcast_failed', 'is behind', () => Promise.reject(new NodeRefusedError('process', 'Gap previous block'))],
    ['node_unavailable', 'is down', () => Promise.reject(new NodeUnavailableError('down'))],
  ]
  test.each(failures)('%s when it has not got it and %s: the same proof is good later', async (code, _name, answer) => {
    let isLying = true
    let hash = '' as BlockHash
    const rpc = nodeWith('process', (next) => (isLying ? answer(hash) : next()))
    const { offer, present } = await openCounter({ rpc, attempts: 1 })
    const block = await pay(offer)
    hash = hashBlock(block)
    for (let i = 0; i < 3; i++)
      expect(await present(handover(offer, block))).toMatchObject({ status: 503, code, ran: 0 })
    isLying = false
    expect(await present(handover(offer, block))).toMatchObject(SERVED)
  })

  /** What a real node says to blocks that it does not take. */
  const texts = new Set(
    recordings.flatMap(({ file, response }) =>
      /-process-/.test(file) && isObject(response) && typeof response.error === 'string' ? [response.error] : [],
    ),
  )
  test('refuses it with whatever text: what stands in its place on the ledger decides', async () => {
    expect(texts.size).toBeGreaterThan(10)
    let text = ''
    let isOvertaken = false
    const rpc = nodeWith('process', async () => {
      if (isOvertaken) await buyer.send(freshAccount(), 1n)
      throw new NodeRefusedError('process', text)
    })
    const { newOffer, present } = await openCounter({ rpc })
    for (text of texts) {
      // The node says that it has it, and has not.
      const isClaimed = text === 'Old block'
      isOvertaken = false
      const free = isClaimed ? 'settlement_pending' : 'broadcast_failed'
      expect(await present(await signed(await newOffer())), text).toMatchObject({ status: 503, code: free, ran: 0 })
      isOvertaken = true
      const taken = isClaimed || text.startsWith('Gap') ? { status: 503 } : { status: 402, code: 'frontier_changed' }
      expect(await present(await signed(await newOffer())), text).toMatchObject({ ...taken, ran: 0 })
    }
  })

  test('does not sell for one raw by naming a richer account', async () => {
    const { offer, present } = await openCounter()
    const block = await buyer.sign(offer.payTo, 1n)
    world.devnet.faults.lie = (action, answer) =>
      action === 'account_info'
        ? { ...answer, confirmed_balance: String(block.balance + BigInt(offer.amount)) }
        : answer
    const outcome = await present(handover(offer, block))
    expect(outcome).toMatchObject({ status: 402, code: 'amount_mismatch', ran: 0, published: 1 })
  })

  test('does not sell for a block that is not confirmed, and confirms it later for no more than one answer', async () => {
    const { offer, present } = await openCounter({ attempts: 1 })
    world.devnet.hold()
    const payment = await signed(offer)
    for (let i = 0; i < 4; i++)
      expect(await present(payment)).toMatchObject({ status: 503, code: 'settlement_pending', ran: 0 })
    world.devnet.release()
    expect(await present(payment)).toMatchObject(SERVED)
    expect(await present(payment)).toMatchObject({ code: 'payment_already_spent', ran: 0 })
  })
})

describe('R9: a server that ends', () => {
  /** A shop that stops at the node's `process`, before or after it, and the one that takes its place, on one store. */
  async function restart(when: 'before' | 'after') {
    const crash = gate()
    const store = memoryStore()
    const rpc = nodeWith('process', async (next) => {
      if (when === 'after') await next()
      reached.open()
      await crash.promise
      return when === 'after' ? { hash: '0'.repeat(64) } : next()
    })
    const reached = gate()
    const first = await openCounter({ rpc, store })
    const payment = await signed(first.offer)
    const answer = first.show(payment)
    await reached.promise
    const second = await openCounter({ store })
    return { payment, answer, crash, first, second }
  }

  test.each(['before', 'after'] as const)(
    '%s publishing leaves a proof that is good once, in whoever comes next',
    async (when) => {
      vi.useFakeTimers({ toFake: ['Date'] })
      const { payment, answer, crash, first, second } = await restart(when)
      expect(await second.present(payment)).toMatchObject({
        status: 409,
        code: 'payment_in_progress',
        ran: 0,
        published: 0,
      })
      vi.setSystemTime(Date.now() + 31_000) // the lease has ended
      expect((await second.show(payment)).status).toBe(200)
      crash.open()
      expect((await answer).status).toBe(409) // it comes back to life, and its claims are somebody else's
      expect([first.shop.runs(), second.shop.runs()]).toEqual([0, 1])
    },
  )

  test('attempts are handler runs: what fails before the handler is not counted, what fails in it is', async () => {
    let isDown = true
    const rpc = nodeWith('process', (next) => (isDown ? Promise.reject(new NodeUnavailableError('down')) : next()))
    const shop = openShop(
      { ...world.options, rpc, mechanisms: MECHANISMS, attempts: 2 },
      () => new Response('', { status: 500 }),
    )
    const payment = await signed(offerOf(await shop.ask(), 'nanoTxn'))
    const show = async () => (await shop.ask(paymentHeader(payment))).status
    expect([await show(), await show(), await show()]).toEqual([503, 503, 503])
    isDown = false
    expect([await show(), await show(), await show()]).toEqual([500, 500, 402])
    expect(shop.runs()).toBe(2)
  })
})

describe('R12, R16: one block under several mechanisms', () => {
  test('is spent under all of them, with one session', async () => {
    const { challenge, present } = await openCounter()
    const asked = await challenge()
    const block = await pay(offerOf(asked, 'nanoTxn'))
    const hash = hashBlock(block)
    const payments = [
      handover(offerOf(asked, 'nanoTxn'), block),
      paymentOf(offerOf(asked, 'nanoSession'), hash),
      signedFor(offerOf(asked, 'nanoSignature'), hash, buyer),
    ]
    const [first, ...others] = payments
    if (first) expect(await present(first)).toMatchObject(SERVED)
    for (const payment of others) {
      expect(await present(payment)).toEqual({ ...refused('payment_already_spent'), asked: 0 })
    }
  })

  test('all at once is served once', async () => {
    const { shop, challenge, show } = await openCounter({ confirmTimeoutMs: 1_000 })
    const asked = await challenge()
    const block = await pay(offerOf(asked, 'nanoTxn'))
    const hash = hashBlock(block)
    const payments = [
      handover(offerOf(asked, 'nanoTxn'), block),
      paymentOf(offerOf(asked, 'nanoSession'), hash),
      signedFor(offerOf(asked, 'nanoSignature'), hash, buyer),
    ]
    const answers = await Promise.all([...payments, ...payments, ...payments].map((payment) => show(payment)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(shop.runs()).toBe(1)
  })

  test('is no payment for the session of another offer under any of them', async () => {
    const { offer, challenge, present } = await openCounter()
    const block = await pay(offer)
    const hash = hashBlock(block)
    expect(await present(handover(offer, block))).toMatchObject(SERVED)
    const asked = await challenge()
    for (const payment of [
      handover(offerOf(asked, 'nanoTxn'), block),
      paymentOf(offerOf(asked, 'nanoSession'), hash),
      signedFor(offerOf(asked, 'nanoSignature'), hash, buyer),
    ]) {
      expect(await present(payment)).toEqual({ ...refused('amount_mismatch'), asked: 0 })
    }
  })

  test('a session that was paid takes no further block: it is not published', async () => {
    const { challenge, present } = await openCounter()
    const asked = await challenge()
    const session = offerOf(asked, 'nanoSession')
    expect(await present(paymentOf(session, await buyer.pay(session)))).toMatchObject(SERVED)
    const second = handover(offerOf(asked, 'nanoTxn'), await pay(session))
    expect(await present(second)).toEqual(refused('payment_already_spent'))
  })
})
