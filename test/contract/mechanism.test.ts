/** Every mechanism passes the contract of mechanisms. A new one is one more line here. */

import { type ExactOptions, type Mechanism, sessionMechanism, signatureMechanism, signedBlockMechanism } from 'nano402'
import { WORK_THRESHOLDS } from 'nano402/nano'
import { createLedger } from 'nano402/rpc'
import { type MechanismFixture, mechanismContract } from 'nano402/testing'
import { describe, test } from 'vitest'
import { createWorld, handover, type Purse, paymentOf, receiptFor, signedFor } from '../support/world.ts'

type Offer = Parameters<MechanismFixture['pay']>[0]

/** A mechanism over a devnet, and how its buyer pays. */
const over =
  (
    make: (options: ExactOptions) => Mechanism,
    pay: (buyer: Purse, offer: Offer) => ReturnType<MechanismFixture['pay']>,
  ) =>
  async (): Promise<MechanismFixture> => {
    const { devnet, seller, buyer, close } = await createWorld()
    const ledger = createLedger({ node: devnet, nodes: [devnet] })
    return {
      mechanism: make({ ledger, confirmTimeoutMs: 1_000 }),
      network: 'nano:devnet',
      payTo: seller.account,
      pay: (offer) => pay(buyer, offer),
      async close() {
        ledger.close()
        close()
      },
    }
  }

const sendWork = WORK_THRESHOLDS['nano:devnet'].send
const mechanisms = {
  session: over(sessionMechanism, async (buyer, offer) => paymentOf(offer, await buyer.pay(offer))),
  'signed-block': over(
    (options) => signedBlockMechanism({ ...options, sendWork }),
    async (buyer, offer) => handover(offer, await buyer.sign(offer.payTo, BigInt(offer.amount))),
  ),
  signature: over(signatureMechanism, async (buyer, offer) => signedFor(offer, await buyer.pay(offer), buyer)),
  'signature, signed as in NanoSession revision 7,': over(signatureMechanism, async (buyer, offer) => {
    const signedUrl = `/report#${offer.extra?.nonce}`
    return { ...receiptFor(offer, await buyer.pay(offer), buyer, signedUrl), signedUrl }
  }),
}

describe.each(Object.entries(mechanisms))('the %s mechanism', (_name, open) => {
  for (const { name, run } of mechanismContract(open)) test(name, run)
})
