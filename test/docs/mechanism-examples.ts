/** The offers and payments that docs/protocol_rev1.md shows: one quote, one key, each mechanism's own code. */
import { type Mechanism, sessionMechanism, signatureMechanism, signedBlockMechanism } from 'nano402'
import { createDevnet } from 'nano402/devnet'
import {
  addressToPublicKey,
  blockHash,
  derivePrivateKey,
  derivePublicKey,
  hashBlock,
  publicKeyToAddress,
  raw,
  signBlock,
  WORK_THRESHOLDS,
  type Work,
} from 'nano402/nano'
import { createLedger } from 'nano402/rpc'
import { TAG_MODULUS } from '../../src/core/quote.ts'
import { createSeal } from '../../src/core/seal.ts'
import { mac, sealKey } from '../../src/secret.ts'
import type { PaymentRequirements } from '../../src/x402/shapes.ts'
import { handover, paymentOf, signedFor } from '../support/world.ts'

const accountOf = (index: number) => {
  const key = derivePrivateKey('0'.repeat(63).concat('1'), index)
  return { key, account: publicKeyToAddress(derivePublicKey(key)) }
}
const payee = accountOf(0)
export const payer = accountOf(1)

const PRICE = 10n ** 27n
const TAG = 31415926535897932384n
const issuedAtMs = 1_767_225_600_000
const terms = {
  id: '00112233445566778899aabbccddeeff',
  issuedAtMs,
  expiresAtMs: issuedAtMs + 300_000,
  amount: PRICE + TAG,
  payTo: payee.account,
  inputs: [],
}
const seal = createSeal([sealKey('8f14e45fceea167a5a36dedd4bea2543d0c9b1a7')], mac)
const quote = {
  ...terms,
  sessionId: seal.close(terms, ['', 'nano:mainnet', 'GET', '/report']),
  resourceAmount: PRICE,
  tag: terms.amount % TAG_MODULUS,
  network: 'nano:mainnet',
}

/** A send of 0.001 XNO and the tag out of 5 XNO. Its work is made up: it is not part of the hash. */
const block = signBlock(
  {
    account: payer.account,
    previous: blockHash('ab'.repeat(32)),
    representative: payer.account,
    balance: raw(5n * 10n ** 30n - quote.amount),
    link: addressToPublicKey(payee.account),
  },
  payer.key,
  '0123456789abcdef' as Work,
)
const hash = hashBlock(block)

const node = createDevnet()
const options = { ledger: createLedger({ node, nodes: [node] }), confirmTimeoutMs: 1 }

interface Example {
  readonly mechanism: Mechanism
  readonly offer: PaymentRequirements
  readonly payload: Readonly<Record<string, unknown>>
}

function example(mechanism: Mechanism, pay: (offer: PaymentRequirements) => Pick<Example, 'payload'>): Example {
  const offer = mechanism.offer(quote)
  return { mechanism, offer, payload: pay(offer).payload }
}

export const examples: Readonly<Record<string, Example>> = {
  session: example(sessionMechanism(options), (offer) => paymentOf(offer, hash)),
  'signed-block': example(
    signedBlockMechanism({ ...options, sendWork: WORK_THRESHOLDS['nano:mainnet'].send }),
    (offer) => handover(offer, block),
  ),
  signature: example(signatureMechanism(options), (offer) => signedFor(offer, hash, payer)),
}
