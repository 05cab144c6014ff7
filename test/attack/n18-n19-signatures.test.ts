import type { PaywallOptions } from 'nano402'
import { type Signature, signHash, signMessage } from 'nano402/nano'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { blake2b } from '../../src/nano/blake2b.ts'
import { bytesToHex } from '../../src/nano/hex.ts'
import type { PaymentPayload, PaymentRequirements } from '../../src/x402/shapes.ts'
import { refusedAtOnce, watch } from '../support/outcome.ts'
import { openShop } from '../support/shop.ts'
import {
  createWorld,
  freshAccount,
  offerOf,
  paymentHeader,
  paymentOf,
  receiptFor,
  signedFor,
  type World,
} from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterEach(() => {
  vi.useRealTimers()
  world.devnet.release()
})
afterAll(() => world.close())

/** A shop that takes signatures, an offer of it, and a block that pays the offer. */
async function openCounter(options: PaywallOptions = {}) {
  const shop = openShop({ ...world.options, mechanisms: ['signature', 'session'], confirmTimeoutMs: 20, ...options })
  const newOffer = async () => offerOf(await shop.ask(), 'nanoSignature')
  const offer = await newOffer()
  const hash = await world.buyer.pay(offer)
  const present = (payment: PaymentPayload) => watch(world, shop)(() => shop.ask(paymentHeader(payment)))
  return { shop, offer, newOffer, hash, present }
}

const atMost = (questions: number) => expect.toSatisfy((asked: number) => asked <= questions)
const SERVED = { status: 200, ran: 1 }
/** The block is looked up first: only one that pays this session has its signature checked. */
const FALSE = { status: 402, code: 'invalid_signature', ran: 0, asked: atMost(2) }
const noms = (text: string) => signMessage(text, world.buyer.key)
const messageOf = ({ extra }: PaymentRequirements, hash: string) =>
  `${hash.toLowerCase()}:${extra?.nonce}:${extra?.validBefore}`

describe('a signed payment', () => {
  test('buys one answer, and is spent afterwards under any mechanism', async () => {
    const { shop, present } = await openCounter()
    const asked = await shop.ask()
    const [signature, session] = [offerOf(asked, 'nanoSignature'), offerOf(asked, 'nanoSession')]
    const hash = await world.buyer.pay(signature)
    expect(await present(signedFor(signature, hash, world.buyer))).toMatchObject(SERVED)
    const spent = refusedAtOnce(402, 'payment_already_spent')
    expect(await present(signedFor(signature, hash, world.buyer))).toEqual(spent)
    expect(await present(paymentOf(session, hash))).toEqual(spent)
  })

  test('is signed over 140 bytes: the hash, the nonce and the time, in lower case', async () => {
    const { offer, hash } = await openCounter()
    expect(messageOf(offer, hash)).toMatch(/^[0-9a-f]{64}:[0-9a-f]{64}:[0-9]{10}$/)
    expect(messageOf(offer, hash)).toHaveLength(140)
  })

  test('is good in any spelling of its hash, its signature and its account, and good once', async () => {
    const { offer, hash, present } = await openCounter()
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    const respelt = {
      blockHash: payload.blockHash.toUpperCase(),
      account: payload.account.replace('nano_', 'xrb_'),
      signature: payload.signature.toUpperCase(),
    }
    expect(await present({ ...payment, payload: respelt })).toMatchObject(SERVED)
    expect(await present({ ...payment, payload })).toEqual(refusedAtOnce(402, 'payment_already_spent'))
  })

  test('that is not confirmed yet is good once it is', async () => {
    world.devnet.hold()
    const { offer, hash, present } = await openCounter()
    const payment = signedFor(offer, hash, world.buyer)
    expect(await present(payment)).toMatchObject({ status: 503, code: 'settlement_pending', ran: 0 })
    world.devnet.release()
    expect(await present(payment)).toMatchObject(SERVED)
  })

  test('is good for as long as a session’s is, and no longer', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const { offer, hash, present, newOffer } = await openCounter({ claimWindowMs: 60_000 })
    const other = await newOffer()
    const otherHash = await world.buyer.pay(other)
    vi.setSystemTime(Date.now() + 300_000 + 50_000)
    expect(await present(signedFor(offer, hash, world.buyer))).toMatchObject(SERVED)
    vi.setSystemTime(Date.now() + 20_000)
    expect(await present(signedFor(other, otherHash, world.buyer))).toEqual(refusedAtOnce(402, 'session_expired'))
  })
})

describe('N18: a block that somebody else sent', () => {
  test('signed by the one who presents it is not his', async () => {
    const { offer, newOffer, hash, present } = await openCounter()
    const stranger = await world.purse()
    for (const for_ of [offer, await newOffer()]) {
      expect(await present(signedFor(for_, hash, stranger))).toMatchObject({ code: 'sender_mismatch', ran: 0 })
    }
    expect(await present(signedFor(offer, hash, world.buyer))).toMatchObject(SERVED)
  })

  test('in the name of its sender takes the sender’s key', async () => {
    const { offer, hash, present } = await openCounter()
    const stranger = await world.purse()
    const { payload, ...payment } = signedFor(offer, hash, stranger)
    expect(await present({ ...payment, payload: { ...payload, account: world.buyer.account } })).toEqual(FALSE)
  })

  test('is not bought with the signature of the block itself, which everybody can read', async () => {
    const { offer, hash, present } = await openCounter()
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    const { contents } = await world.devnet.call('block_info', { hash, json_block: true })
    const { signature } = contents as { signature: string }
    expect(await present({ ...payment, payload: { ...payload, signature } })).toEqual(FALSE)
  })
})

describe('N19: a signature over something else', () => {
  test('the nonce of another offer, whichever of the two is echoed', async () => {
    const { offer, newOffer, hash, present } = await openCounter()
    const other = await newOffer()
    const { payload } = signedFor(other, hash, world.buyer)
    expect(await present({ ...signedFor(offer, hash, world.buyer), payload })).toEqual(FALSE)
    const mixed = { ...offer, extra: { ...offer.extra, nonce: other.extra?.nonce } }
    expect(await present({ ...signedFor(offer, hash, world.buyer), accepted: mixed, payload })).toEqual(FALSE)
    // With its own offer it is a true signature, and the block has another tag.
    expect(await present(signedFor(other, hash, world.buyer))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
    expect(await present(signedFor(offer, hash, world.buyer))).toMatchObject(SERVED)
  })

  const others: Readonly<Record<string, (offer: PaymentRequirements, hash: string) => Signature>> = {
    'another time': ({ extra, ...offer }, hash) => {
      const later = { ...offer, extra: { ...extra, validBefore: Number(extra?.validBefore) + 1 } }
      return signedFor(later, hash, world.buyer).payload.signature as Signature
    },
    'the upper-case hash': ({ extra }, hash) => noms(`${hash}:${extra?.nonce}:${extra?.validBefore}`),
    'the text without the message header': (offer, hash) =>
      signHash(bytesToHex(blake2b(32, new TextEncoder().encode(messageOf(offer, hash)))), world.buyer.key),
    'the hash alone': (_offer, hash) => signHash(hash, world.buyer.key),
    zeros: () => '0'.repeat(128) as Signature,
  }
  test.each(Object.entries(others))('%s is refused', async (_name, sign) => {
    const { offer, hash, present } = await openCounter()
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    expect(await present({ ...payment, payload: { ...payload, signature: sign(offer, hash) } })).toEqual(FALSE)
    expect(await present({ ...payment, payload })).toMatchObject(SERVED)
  })

  test('the same with the group order added to it, which some verifiers take for another one', async () => {
    const { offer, hash, present } = await openCounter()
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const bytes = Buffer.from(payload.signature, 'hex')
    const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
    const longer = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
    const signature = Buffer.concat([bytes.subarray(0, 32), longer]).toString('hex')
    expect(await present({ ...payment, payload: { ...payload, signature } })).toEqual(FALSE)
  })

  test('an old block of the price, or one to somebody else, though its sender signs for it', async () => {
    const { offer, present } = await openCounter()
    const old = await world.buyer.send(offer.payTo, 10n ** 27n)
    expect(await present(signedFor(offer, old, world.buyer))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
    const elsewhere = await world.buyer.send(freshAccount(), BigInt(offer.amount))
    expect(await present(signedFor(offer, elsewhere, world.buyer))).toMatchObject({
      code: 'recipient_mismatch',
      ran: 0,
    })
  })

  test('nothing but the three fields, in their form, is a payment', async () => {
    const { offer, hash, present } = await openCounter()
    const { payload, ...payment } = signedFor(offer, hash, world.buyer)
    const wrong = [
      { ...payload, blockHash: hash.slice(1) },
      { ...payload, account: payload.account.slice(0, -1) },
      { ...payload, signature: payload.signature.slice(2) },
      { ...payload, proof: hash },
      { ...payload, account: undefined },
      { ...payload, blockHash: [hash] },
    ]
    for (const one of wrong) {
      expect(await present({ ...payment, payload: one })).toEqual(refusedAtOnce(400, 'invalid_payload'))
    }
    const { extra: _, ...bare } = offer
    expect(await present({ ...payment, accepted: bare, payload })).toEqual(refusedAtOnce(400, 'invalid_payload'))
  })
})

describe('a receipt of NanoSession revision 7, which is signed over block and URL', () => {
  const openCounter7 = (options: PaywallOptions = {}) => openCounter({ wire: ['nanosession-7'], ...options })
  const urlOf = ({ extra }: PaymentRequirements) => String((extra?.nanoSignature as { url?: string } | undefined)?.url)

  test('buys one answer, in any spelling of its hash, and is spent under any mechanism', async () => {
    const { shop, present } = await openCounter7()
    const asked = await shop.ask()
    const [offer, session] = [offerOf(asked, 'nanoSignature'), offerOf(asked, 'nanoSession')]
    const hash = await world.buyer.pay(offer)
    expect(await present(receiptFor(offer, hash.toLowerCase(), world.buyer))).toMatchObject(SERVED)
    const spent = refusedAtOnce(402, 'payment_already_spent')
    for (const again of [receiptFor(offer, hash, world.buyer), signedFor(offer, hash, world.buyer)]) {
      expect(await present(again)).toEqual(spent)
    }
    expect(await present(paymentOf(session, hash))).toEqual(spent)
    expect(await present({ x402Version: 2, accepted: session, payload: { proof: hash } })).toEqual(spent)
  })

  test('that somebody else signed is not his, and a stolen one pays no other offer', async () => {
    const { offer, newOffer, hash, present } = await openCounter7()
    const stranger = await world.purse()
    expect(await present(receiptFor(offer, hash, stranger))).toMatchObject({ code: 'invalid_signature', ran: 0 })
    const his = await newOffer()
    for (const url of [urlOf(offer), urlOf(his)]) {
      expect(await present(receiptFor(his, hash, world.buyer, url))).toMatchObject({ ran: 0, status: 402 })
    }
    const { payload } = receiptFor(offer, hash, world.buyer)
    expect(await present({ ...receiptFor(his, hash, stranger), payload })).toMatchObject({ code: 'amount_mismatch' })
    expect(await present(receiptFor(offer, hash, world.buyer))).toMatchObject(SERVED)
  })

  test('over a URL without this offer’s nonce at its end is refused without a lookup, whatever is echoed', async () => {
    const { offer, newOffer, hash, present } = await openCounter7()
    const other = urlOf(await newOffer())
    const [bare = ''] = urlOf(offer).split('#')
    for (const url of [bare, `${bare}#`, other, `${urlOf(offer)}0`, `${bare}${offer.extra?.nonce}`]) {
      const { payload } = receiptFor(offer, hash, world.buyer, url)
      const terms = { ...(offer.extra?.nanoSignature as object), url }
      const accepted = { ...offer, extra: { ...offer.extra, nanoSignature: terms } }
      expect(await present({ x402Version: 2, accepted, payload }), url).toEqual(FALSE)
    }
    expect(await present(receiptFor(offer, hash, world.buyer))).toMatchObject(SERVED)
  })

  test('does not count for an old block of the price, though its sender signs for it', async () => {
    const { offer, present } = await openCounter7()
    const old = await world.buyer.send(offer.payTo, 10n ** 27n)
    expect(await present(receiptFor(offer, old, world.buyer))).toMatchObject({ code: 'amount_mismatch', ran: 0 })
  })

  test('is no payment where that form is off, without a sealed id, or with anything beside it', async () => {
    const off = await openCounter()
    const { accepted, ...unasked } = receiptFor(off.offer, off.hash, world.buyer, `/report#${off.offer.extra?.nonce}`)
    expect(await off.present({ ...unasked, accepted })).toEqual(refusedAtOnce(400, 'invalid_payload'))
    const { offer, hash, present } = await openCounter7()
    const { payload, ...payment } = receiptFor(offer, hash, world.buyer)
    const without = (...names: string[]) => {
      const terms = Object.entries(offer.extra?.nanoSignature as object).filter(([name]) => !names.includes(name))
      return { ...offer, extra: { ...offer.extra, nanoSignature: Object.fromEntries(terms) } }
    }
    expect(await present({ ...payment, accepted: without('id'), payload })).toEqual(
      refusedAtOnce(400, 'session_id_required'),
    )
    expect(await present({ ...payment, accepted: without('url'), payload })).toEqual(
      refusedAtOnce(400, 'invalid_payload'),
    )
    for (const more of [{ account: world.buyer.account }, { url: urlOf(offer) }]) {
      expect(await present({ ...payment, payload: { ...payload, ...more } })).toEqual(
        refusedAtOnce(400, 'invalid_payload'),
      )
    }
    expect(await present({ ...payment, payload })).toMatchObject(SERVED)
  })
})
