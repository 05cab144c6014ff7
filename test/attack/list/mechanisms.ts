/** N16 to N19, R12, S6: blocks that are handed over to be published, and payments that are signed for. */
import { hashBlock, raw, type Signature, type StateBlock, signBlock, signHash, type Work } from 'nano402/nano'
import { publish } from 'nano402/rpc'
import type { PaymentPayload, PaymentRequirements } from '../../../src/x402/shapes.ts'
import {
  freshAccount,
  handover,
  offerOf,
  type Purse,
  paymentHeader,
  paymentOf,
  randomHash,
  signedFor,
} from '../../support/world.ts'
import type { Answer, Attack, Shop, Trial } from './attack.ts'

const times = <T>(count: number, make: (i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i))
/** A block, and the one before it. */
const LOOKED_UP = { calls: 2 }
const COPY: readonly Answer[] = ['payment_already_spent', 'payment_in_progress']
/** What has a rival on its previous block is told one of these, by when it comes. */
const SECOND: readonly Answer[] = ['stale_frontier', 'frontier_changed', 'duplicate_frontier']

/** Presents a payment. */
const showing =
  ({ ask }: Trial, payment: PaymentPayload) =>
  () =>
    ask({ headers: paymentHeader(payment) })

const offerFor = async ({ ask }: Trial, name: 'nanoTxn' | 'nanoSignature') => offerOf(await ask(), name)
const signedBy = (purse: Purse, { payTo, amount }: PaymentRequirements) => purse.sign(payTo, BigInt(amount))
const rubbish = () => (randomHash() + randomHash()) as Signature

/** One block under all three mechanisms, of one session. */
async function threeWays(trial: Trial & Shop) {
  const asked = await trial.ask()
  const block = await signedBy(trial.buyer, offerOf(asked, 'nanoTxn'))
  const hash = hashBlock(block)
  return [
    handover(offerOf(asked, 'nanoTxn'), block),
    paymentOf(offerOf(asked, 'nanoSession'), hash),
    signedFor(offerOf(asked, 'nanoSignature'), hash, trial.buyer),
  ].map((payment) => showing(trial, payment))
}

export const mechanisms: readonly Attack[] = [
  {
    id: 'R12',
    title: 'one block under three mechanisms, thirty times at once',
    needs: 'shop',
    async run(trial) {
      const ways = await threeWays(trial)
      const copies = times(10, () => ways).flat()
      await trial.expect(copies, { answers: [...COPY, 'settlement_pending'], served: 1, calls: 60 })
      for (const way of ways) await trial.refuses(way, 'payment_already_spent')
    },
  },
  {
    id: 'N16',
    title: 'a signed block that does not follow the last one',
    needs: 'shop',
    async run(trial) {
      const { devnet, purse, refuses } = trial
      const offer = await offerFor(trial, 'nanoTxn')
      const buyer = await purse()
      const block = await signedBy(buyer, offer)
      await publish(devnet, await buyer.sign(freshAccount(), 1n), 'send')
      await refuses(showing(trial, handover(offer, block)), 'stale_frontier', LOOKED_UP)
    },
  },
  {
    id: 'N16b',
    title: 'a block of one raw, with an unconfirmed one before it',
    needs: 'shop',
    async run(trial) {
      const { devnet, purse, refuses } = trial
      const offer = await offerFor(trial, 'nanoTxn')
      const buyer = await purse()
      devnet.hold()
      try {
        const before = await buyer.send(freshAccount(), BigInt(offer.amount) - 1n)
        const present = showing(trial, handover(offer, await buyer.sign(offer.payTo, 1n)))
        await refuses(present, 'settlement_pending', LOOKED_UP)
        devnet.release()
        devnet.confirm(before)
        await refuses(present, 'amount_mismatch', LOOKED_UP)
      } finally {
        devnet.release()
      }
    },
  },
  {
    id: 'N16c',
    title: 'a signed block that was altered, weak, or pays another',
    needs: 'shop',
    async run(trial) {
      const { buyer, seller, refuses, serves } = trial
      const offer = await offerFor(trial, 'nanoTxn')
      const block = await signedBy(buyer, offer)
      const wrong: readonly (readonly [Answer, StateBlock])[] = [
        ['invalid_signature', { ...block, representative: freshAccount() }],
        ['invalid_signature', { ...block, signature: rubbish() }],
        ['invalid_signature', { ...block, signature: signHash(hashBlock(block), seller.key) }],
        ['invalid_work', { ...block, work: '0000000000000000' as Work }],
        ['amount_mismatch', signBlock({ ...block, balance: raw(block.balance + 1n) }, buyer.key, block.work)],
        ['recipient_mismatch', await buyer.sign(freshAccount(), BigInt(offer.amount))],
      ]
      for (const [code, other] of wrong) await refuses(showing(trial, handover(offer, other)), code, LOOKED_UP)
      await serves(showing(trial, handover(offer, block)))
    },
  },
  {
    id: 'N16d',
    title: 'two signed blocks on one frontier, both at once',
    needs: 'shop',
    async run(trial) {
      const offers = [await offerFor(trial, 'nanoTxn'), await offerFor(trial, 'nanoTxn')]
      const buyer = await trial.purse()
      const both = await Promise.all(offers.map(async (offer) => handover(offer, await signedBy(buyer, offer))))
      const requests = both.map((payment) => showing(trial, payment))
      await trial.expect(requests, { answers: SECOND, served: 1, calls: 12 })
    },
  },
  {
    id: 'N16e',
    title: 'one signed block, a hundred times at once',
    needs: 'shop',
    async run(trial) {
      const offer = await offerFor(trial, 'nanoTxn')
      const copy = showing(trial, handover(offer, await signedBy(trial.buyer, offer)))
      const published = trial.devnet.asked('process')
      await trial.expect(
        times(100, () => copy),
        { answers: COPY, served: 1, calls: 100 },
      )
      if (trial.devnet.asked('process') !== published + 1) throw new Error('it was published more than once')
      await trial.refuses(copy, 'payment_already_spent')
    },
  },
  {
    id: 'N17',
    title: 'a signed block that a stranger publishes and shows first',
    needs: 'shop',
    async run(trial) {
      const { devnet, buyer, refuses, serves } = trial
      const [offer, own] = [await offerFor(trial, 'nanoTxn'), await offerFor(trial, 'nanoTxn')]
      const block = await signedBy(buyer, offer)
      await publish(devnet, block, 'send')
      await refuses(showing(trial, handover(own, block)), 'amount_mismatch', LOOKED_UP)
      await serves(showing(trial, handover(offer, block)))
    },
  },
  {
    id: 'N18',
    title: 'a payment that another account signs for',
    needs: 'shop',
    async run(trial) {
      const { buyer, purse, refuses, serves } = trial
      const offer = await offerFor(trial, 'nanoSignature')
      const hash = await buyer.pay(offer)
      const stranger = await purse()
      await refuses(showing(trial, signedFor(offer, hash, stranger)), 'sender_mismatch', LOOKED_UP)
      const posing = signedFor(offer, hash, { account: buyer.account, key: stranger.key })
      await refuses(showing(trial, posing), 'invalid_signature', LOOKED_UP)
      await serves(showing(trial, signedFor(offer, hash, buyer)))
    },
  },
  {
    id: 'N19',
    title: 'a payment that is signed for another offer',
    needs: 'shop',
    async run(trial) {
      const { buyer, refuses, serves } = trial
      const [offer, other] = [await offerFor(trial, 'nanoSignature'), await offerFor(trial, 'nanoSignature')]
      const hash = await buyer.pay(offer)
      const { payload } = signedFor(other, hash, buyer)
      await refuses(showing(trial, { ...signedFor(offer, hash, buyer), payload }), 'invalid_signature', LOOKED_UP)
      await refuses(showing(trial, signedFor(other, hash, buyer)), 'amount_mismatch', LOOKED_UP)
      await serves(showing(trial, signedFor(offer, hash, buyer)))
    },
  },
  {
    id: 'S6',
    title: 'twenty false signatures for a rich account, for nothing',
    needs: 'shop',
    async run(trial) {
      const offer = await offerFor(trial, 'nanoTxn')
      const block = await signedBy(trial.seller, { ...offer, payTo: trial.buyer.account })
      const forged = { ...block, link: (await signedBy(trial.buyer, offer)).link }
      for (const i of times(20, (n) => n)) {
        const payment = handover(offer, { ...forged, signature: rubbish() })
        await trial.refuses(showing(trial, payment), i < 8 ? 'invalid_signature' : 'too_many_attempts', LOOKED_UP)
      }
    },
  },
]
