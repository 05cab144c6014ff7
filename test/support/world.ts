/** A devnet with a seller and a buyer who pays by hand, so that tests can pay wrongly, twice, or for somebody else. */
import { blake2b } from 'blakejs'
import { createDevnet, type Devnet } from 'nano402/devnet'
import {
  addressToPublicKey,
  type BlockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  hashBlock,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  parseXno,
  publicKeyToAddress,
  raw,
  type StateBlock,
  signBlock,
  signHash,
  signMessage,
  WORK_THRESHOLDS,
  workRoot,
} from 'nano402/nano'
import { accountInfo, publish } from 'nano402/rpc'
import { encodeBase64 } from '../../src/x402/base64.ts'
import { decodePaymentRequired } from '../../src/x402/headers.ts'
import type { PaymentRequired, PaymentRequirements } from '../../src/x402/shapes.ts'

export interface Purse {
  readonly account: NanoAddress
  readonly key: PrivateKey
  /** Signs a send of so much raw to an account, with work; publishes nothing. */
  sign(payTo: string, amount: bigint): Promise<StateBlock>
  /** Sends so much raw and gives the block's hash. It is confirmed after the devnet's delay. */
  send(payTo: string, amount: bigint): Promise<BlockHash>
  /** Pays an offer exactly. */
  pay(offer: PaymentRequirements): Promise<BlockHash>
}

export interface World {
  readonly devnet: Devnet
  readonly seller: Purse
  readonly buyer: Purse
  /** Opens another account with 10 XNO. */
  purse(): Promise<Purse>
  /** Options for a paywall that sells on this devnet for 0.001 XNO. */
  readonly options: {
    readonly network: 'nano:devnet'
    readonly rpc: Devnet
    readonly payTo: string
    readonly price: string
    readonly secret: string
  }
  close(): void
}

export const SECRET = 'a-secret-of-the-test-suite-0123456789abcdef'
let worldCount = 0

/** `confirmMs`: 0 confirms a block before `process` answers. Or a devnet that is there already. */
export async function createWorld({ confirmMs = 0, devnet = createDevnet({ confirmMs }) } = {}): Promise<World> {
  const purse = async (): Promise<Purse> => {
    const { seed, account } = await devnet.fundedSeed(parseXno('10'))
    return createPurse(devnet, derivePrivateKey(seed, 0), account)
  }
  const [seller, buyer] = [await purse(), await purse()]
  const secret = `${SECRET}-${++worldCount}`
  const options = { network: 'nano:devnet', rpc: devnet, payTo: seller.account, price: '0.001', secret } as const
  return { devnet, seller, buyer, purse, options, close: () => devnet.close() }
}

export function createPurse(devnet: Devnet, key: PrivateKey, account: NanoAddress): Purse {
  const sign = async (payTo: string, amount: bigint): Promise<StateBlock> => {
    const info = await accountInfo(devnet, account)
    if (!info) throw new Error('The purse was never opened.')
    const content = {
      account,
      previous: info.frontier,
      representative: info.representative,
      balance: raw(info.balance - amount),
      link: addressToPublicKey(nanoAddress(payTo)),
    }
    return signBlock(content, key, await generateWork(workRoot(content), WORK_THRESHOLDS['nano:devnet'].send))
  }
  const send = async (payTo: string, amount: bigint) => publish(devnet, await sign(payTo, amount), 'send')
  return { account, key, sign, send, pay: (offer) => send(offer.payTo, BigInt(offer.amount)) }
}

/** An account that nobody has opened. */
export const freshAccount = (): NanoAddress => {
  const seed = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
  return publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, 0)))
}

/** What a 402 asks. */
export function challengeOf(response: Response): PaymentRequired {
  const required = decodePaymentRequired(response.headers.get('PAYMENT-REQUIRED') ?? '')
  if (!required) throw new Error(`No challenge in an answer of status ${response.status}.`)
  return required
}

/** The first offer of a 402; the first that has this in its `extra`, if a name is given. */
export function offerOf(response: Response, name?: 'nanoSession' | 'nanoTxn' | 'nanoSignature'): PaymentRequirements {
  const offer = challengeOf(response).accepts.find(({ extra }) => name === undefined || extra?.[name] !== undefined)
  if (!offer) throw new Error('A challenge without such an offer.')
  return offer
}

export const sessionIdOf = (offer: PaymentRequirements): string =>
  (offer.extra as { nanoSession: { id: string } }).nanoSession.id

/** What an honest client presents. */
export const paymentOf = (offer: PaymentRequirements, proof: string) => ({
  x402Version: 2 as const,
  accepted: offer,
  payload: { proof, sessionId: sessionIdOf(offer) },
})

/** A block as it is handed over under the signed-block mechanism. */
export const handover = (offer: PaymentRequirements, block: StateBlock) => ({
  x402Version: 2 as const,
  accepted: offer,
  payload: { block: blockToJson(block) },
})

/** A payment as its sender signs for it under the signature mechanism. */
export const signedFor = (
  offer: PaymentRequirements,
  hash: string,
  { account, key }: Pick<Purse, 'account' | 'key'>,
) => {
  const { nonce, validBefore } = offer.extra as { nonce: string; validBefore: number }
  const blockHash = hash.toLowerCase()
  const signature = signMessage(`${blockHash}:${nonce}:${validBefore}`, key).toLowerCase()
  return { x402Version: 2 as const, accepted: offer, payload: { blockHash, account, signature } }
}

/** The same under the stateless variant of NanoSession revision 7, over the URL that the offer has. */
export function receiptFor(offer: PaymentRequirements, proof: string, { key }: Pick<Purse, 'key'>, url?: string) {
  const { nanoSignature } = offer.extra as { nanoSignature: { url: string } }
  const text = new TextEncoder().encode(proof + (url ?? nanoSignature.url))
  const signature = signHash(Buffer.from(blake2b(text, undefined, 32)).toString('hex'), key)
  return { x402Version: 2 as const, accepted: offer, payload: { proof, signature } }
}

/** Anything at all as a payment header: a value as JSON, or the text itself. */
export const paymentHeader = (payment: unknown): { 'PAYMENT-SIGNATURE': string } => ({
  'PAYMENT-SIGNATURE': encodeBase64(typeof payment === 'string' ? payment : JSON.stringify(payment)),
})

/** The header with which an honest client proves its payment. */
export const proofHeader = (offer: PaymentRequirements, proof: string) => paymentHeader(paymentOf(offer, proof))

/** The hash of no block. */
export const randomHash = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
    .toString('hex')
    .toUpperCase()

/** Asks, pays, and gives the headers to present. */
export async function buy(
  buyer: Purse,
  url: string,
  init: RequestInit = {},
  ask: (url: string, init: RequestInit) => Promise<Response> = fetch,
) {
  const offer = offerOf(await ask(url, init))
  const hash = await buyer.pay(offer)
  return { offer, hash, headers: proofHeader(offer, hash) }
}

export { blockToJson, hashBlock }
