/** What every mechanism does, whatever way of paying it stands for. */
import type { Mechanism } from '../core/mechanism.ts'
import { type Quote, TAG_MODULUS } from '../core/quote.ts'
import { isRefusal } from '../core/refusal.ts'
import type { PaymentPayload, PaymentRequirements } from '../x402/shapes.ts'
import { expectEqual as equal } from './assert.ts'
import type { ContractCase } from './contract.ts'

/** A mechanism and a client that can pay by it. */
export interface MechanismFixture {
  readonly mechanism: Mechanism
  readonly network: string
  /** An account that the mechanism can be paid to. */
  readonly payTo: string
  /** Pays the offer as an honest client does, and gives what that client presents. */
  pay(offer: PaymentRequirements): Promise<PaymentPayload>
  close(): Promise<void>
}

const RUBBISH: readonly Readonly<Record<string, unknown>>[] = [
  {},
  { proof: null },
  { proof: 'x', sessionId: 'x' },
  { proof: '0'.repeat(64) },
  { sessionId: 'x'.repeat(200) },
  { proof: ['0'.repeat(64)], sessionId: {} },
  { proof: { toString: 'x' }, sessionId: 1 },
]

/**
 * The cases that an implementation of `Mechanism` passes. `open` is called once for each.
 *
 * @example
 * import type { MechanismFixture } from 'nano402/testing'
 * import { test } from 'vitest'
 * declare const open: () => Promise<MechanismFixture>
 * for (const { name, run } of mechanismContract(open)) test(name, run)
 */
export function mechanismContract(open: () => Promise<MechanismFixture>): readonly ContractCase[] {
  const verdict = async ({ mechanism }: MechanismFixture, payment: PaymentPayload, quote: Quote) => {
    const proof = mechanism.read(payment)
    assert(proof, 'read() gave nothing for an honest payment')
    return mechanism.verify(proof, quote, {})
  }
  const cases: Readonly<Record<string, (fixture: MechanismFixture) => Promise<void>>> = {
    'the offer asks for exactly what the quote says': async ({ mechanism, network, payTo }) => {
      const quote = sampleQuote(network, payTo)
      const offer = mechanism.offer(quote)
      equal(offer.scheme, mechanism.scheme, 'scheme')
      equal(offer.network, network, 'network')
      equal(offer.amount, quote.amount.toString(), 'amount')
      equal(offer.payTo, payTo, 'payTo')
      equal(offer.maxTimeoutSeconds, 300, 'maxTimeoutSeconds')
    },
    'the same quote is offered the same way twice': async ({ mechanism, network, payTo }) => {
      const quote = sampleQuote(network, payTo)
      equal(JSON.stringify(mechanism.offer(quote)), JSON.stringify(mechanism.offer(quote)), 'offer')
    },
    'a proof names the session that it pays': async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const quote = sampleQuote(network, payTo)
      equal(mechanism.read(await pay(mechanism.offer(quote)))?.sessionId, quote.sessionId, 'sessionId')
    },
    'rubbish is no proof, and nothing throws': async ({ mechanism, network, payTo }) => {
      const accepted = mechanism.offer(sampleQuote(network, payTo))
      for (const payload of RUBBISH) {
        const proof = mechanism.read({ accepted, payload })
        equal(proof, undefined, `read(${JSON.stringify(payload)})`)
      }
    },
    'an honest payment is verified, and verifying takes nothing': async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const quote = sampleQuote(network, payTo)
      const payment = await pay(mechanism.offer(quote))
      const [first, second] = [await verdict(fixture, payment, quote), await verdict(fixture, payment, quote)]
      assert(!isRefusal(first), 'an honest payment was refused')
      assert(!isRefusal(second), 'the second look at it was refused')
      assert(first.ids.length > 0, 'nothing is used up by using it')
      equal(first.ids.join(), second.ids.join(), 'ids')
    },
    'two payments use up different things': async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const quotes = [sampleQuote(network, payTo), sampleQuote(network, payTo)] as const
      const verdicts = []
      for (const quote of quotes) verdicts.push(await verdict(fixture, await pay(mechanism.offer(quote)), quote))
      const ids = verdicts.flatMap((verified) => (isRefusal(verified) ? [] : verified.ids))
      equal(new Set(ids).size, ids.length, 'number of different ids')
      assert(ids.length > 0, 'honest payments were refused')
    },
    "one session's payment buys nothing in another": async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const [paid, other] = [sampleQuote(network, payTo), sampleQuote(network, payTo)]
      const payment = await pay(mechanism.offer(paid))
      assert(isRefusal(await verdict(fixture, payment, other)), 'a payment with the tag of another session was taken')
    },
    'one raw more is not the amount': async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const quote = sampleQuote(network, payTo)
      const more = { ...quote, amount: quote.amount + 1n, tag: (quote.tag + 1n) % TAG_MODULUS }
      const payment = await pay(mechanism.offer(more))
      assert(isRefusal(await verdict(fixture, payment, quote)), 'another amount was taken')
    },
    'settling says who paid what': async (fixture) => {
      const { mechanism, network, payTo, pay } = fixture
      const quote = sampleQuote(network, payTo)
      const verified = await verdict(fixture, await pay(mechanism.offer(quote)), quote)
      assert(!isRefusal(verified), 'an honest payment was refused')
      const settled = await verified.settle({})
      assert(!isRefusal(settled), 'settling an honest payment was refused')
      const { success, transaction, network: on, payer } = settled.settlement
      equal(success, true, 'success')
      equal(on, network, 'network')
      assert(transaction.length > 0, 'no transaction')
      assert(payer, 'no payer')
      await settled.commit()
    },
  }
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const fixture = await open()
      try {
        await check(fixture)
      } finally {
        await fixture.close()
      }
    },
  }))
}

function assert(condition: unknown, failure: string): asserts condition {
  if (!condition) throw new Error(`Expected otherwise: ${failure}.`)
}

let quotes = 0n

/**
 * A quote with a tag of its own: one XNO thousandth, five minutes.
 *
 * @example
 * sampleQuote('nano:devnet', 'nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to').resourceAmount // 10n ** 27n
 */
export function sampleQuote(network: string, payTo: string): Quote {
  const tag = (BigInt(Date.now()) * 1_000_003n + ++quotes * 7_919n) % TAG_MODULUS
  const resourceAmount = 10n ** 27n
  const issuedAtMs = Date.now()
  return {
    id: tag.toString(16).padStart(32, '0'),
    sessionId: `session-${tag}`,
    amount: resourceAmount + tag,
    resourceAmount,
    tag,
    payTo,
    network,
    issuedAtMs,
    expiresAtMs: issuedAtMs + 300_000,
  }
}
