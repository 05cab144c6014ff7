/** A client of each form, written from its document and not from our code: what it reads in a 402, and what it sends. */
import type { WireName } from 'nano402'
import type { BlockHash } from 'nano402/nano'
import { encodeBase64 } from '../../src/x402/base64.ts'
import type { Headers as Presented } from './shop.ts'
import type { Purse } from './world.ts'

/** An offer as one form makes it. */
export interface Bill {
  readonly payTo: string
  /** What the client will send, in raw. */
  readonly amount: bigint
  readonly sessionId: string
  /** The headers that present this block for this bill. */
  readonly present: (hash: string) => Presented
}

export interface Form {
  readonly name: WireName
  read(response: Response): Promise<Bill>
  /** The headers of a payment that names no session, for this bill. */
  strip(response: Response, hash: string): Promise<Presented>
}

const header = (response: Response, name: string): string => {
  const value = response.headers.get(name)
  if (value === null) throw new Error(`A 402 without ${name}.`)
  return value
}
const json = (value: unknown) => JSON.stringify(value)
const base64 = (value: unknown) => encodeBase64(json(value))
const requiredIn = (response: Response) =>
  JSON.parse(Buffer.from(header(response, 'PAYMENT-REQUIRED'), 'base64').toString())

const version2 = (name: 'x402' | 'nanosession-7', payloadOf: (hash: string, sessionId: string) => object): Form => {
  const present = (accepted: unknown, payload: object) => ({
    'PAYMENT-SIGNATURE': base64({ x402Version: 2, accepted, payload }),
  })
  return {
    name,
    async read(response) {
      const [offer] = requiredIn(response).accepts
      const { id } = offer.extra.nanoSession
      const { payTo, amount } = offer
      return { payTo, amount: BigInt(amount), sessionId: id, present: (hash) => present(offer, payloadOf(hash, id)) }
    },
    async strip(response, hash) {
      const [offer] = requiredIn(response).accepts
      return present(
        { ...offer, extra: { nanoSession: { ...offer.extra.nanoSession, id: undefined } } },
        { proof: hash },
      )
    },
  }
}

const version1: Form = {
  name: 'x402-v1',
  async read(response) {
    const { x402Version, accepts } = await response.clone().json()
    const [{ scheme, network, maxAmountRequired, payTo, extra }] = accepts
    const { id } = extra.nanoSession
    return {
      payTo,
      amount: BigInt(maxAmountRequired),
      sessionId: id,
      present: (proof) => ({
        'X-PAYMENT': base64({ x402Version, scheme, network, payload: { proof, sessionId: id } }),
      }),
    }
  },
  async strip(response, proof) {
    const [{ scheme, network }] = (await response.clone().json()).accepts
    return { 'X-PAYMENT': base64({ x402Version: 1, scheme, network, payload: { proof } }) }
  },
}

const revision3: Form = {
  name: 'nanosession-3',
  async read(response) {
    const { amount, payTo, extra } = JSON.parse(header(response, 'X-Payment-Required'))
    const { tag, sessionId } = extra
    return {
      payTo,
      amount: BigInt(amount) + BigInt(tag),
      sessionId,
      present: (blockHash) => ({ 'X-Payment-Response': json({ blockHash, sessionId }) }),
    }
  },
  strip: async (_response, blockHash) => ({ 'X-Payment-Response': json({ blockHash }) }),
}

const revision5: Form = {
  name: 'nanosession-5',
  async read(response) {
    const [amount, tag] = [header(response, 'X-PAYMENT-AMOUNT'), header(response, 'X-PAYMENT-TAG')]
    const multiplier = response.headers.get('X-PAYMENT-TAG-MULTIPLIER') ?? '1'
    const sessionId = header(response, 'X-PAYMENT-SESSION')
    return {
      payTo: header(response, 'X-PAYMENT-ADDRESS'),
      amount: BigInt(amount) + BigInt(tag) * BigInt(multiplier),
      sessionId,
      present: (hash) => ({ 'X-PAYMENT-BLOCK': hash, 'X-PAYMENT-SESSION': sessionId }),
    }
  },
  strip: async (_response, hash) => ({ 'X-PAYMENT-BLOCK': hash }),
}

export const forms: readonly Form[] = [
  version2('x402', (proof, sessionId) => ({ proof, sessionId })),
  version2('nanosession-7', (proof) => ({ proof })),
  version1,
  revision3,
  revision5,
]

export const EVERY_FORM = forms.map(({ name }) => name)

/** Pays a bill. */
export const settle = (buyer: Purse, { payTo, amount }: Bill): Promise<BlockHash> => buyer.send(payTo, amount)
