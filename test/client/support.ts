/** A shop: a small x402 server over a real socket that sells for the session mechanism on a devnet, and can misbehave. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPayer, type Payer, type PayerEvent, type PayerOptions } from 'nano402/client'
import { createDevnet, type Devnet } from 'nano402/devnet'
import {
  blockHash,
  derivePrivateKey,
  derivePublicKey,
  type NanoAddress,
  parseXno,
  publicKeyToAddress,
  type Raw,
  ZERO_HASH,
} from 'nano402/nano'
import { accountInfo, blocksInfo } from 'nano402/rpc'
import { onTestFinished } from 'vitest'
import { decodePaymentPayload, encodeHeader } from '../../src/x402/headers.ts'
import type { PaymentRequired, PaymentRequirements } from '../../src/x402/shapes.ts'

export const MODULUS = 10n ** 20n
/** The shop's account. */
export const SHOP = publicKeyToAddress(derivePublicKey(derivePrivateKey('5'.repeat(64), 0)))
export const OTHER = publicKeyToAddress(derivePublicKey(derivePrivateKey('6'.repeat(64), 0)))

/** A request as the shop saw it. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
  readonly proof: string | undefined
}

export interface Shop {
  readonly url: string
  readonly origin: string
  /** Everything that was asked, in order. */
  readonly seen: Seen[]
  /** How often it served for a payment. */
  granted: number
  /** Changes what a 402 says. */
  challenge: (required: PaymentRequired) => PaymentRequired | string
  /** Answers a request itself, and says so by giving true. */
  intercept: (seen: Seen, response: ServerResponse) => boolean | Promise<boolean>
  /** Called right after the payment became final; true: the answer was dealt with. */
  afterGrant: (seen: Seen, response: ServerResponse) => boolean
  /** XNO text. */
  price: string
  close(): Promise<void>
}

/** An offer as the shop makes it. */
export function offerOf(price: Raw, change: Partial<PaymentRequirements> = {}): PaymentRequirements {
  const tag = BigInt(Math.floor(Math.random() * 2 ** 48)) + 1n
  return {
    scheme: 'exact',
    network: 'nano:devnet',
    asset: 'XNO',
    amount: (price + tag).toString(),
    payTo: SHOP,
    maxTimeoutSeconds: 300,
    extra: {
      nanoSession: {
        id: crypto.randomUUID(),
        tag: tag.toString(),
        tagModulus: MODULUS.toString(),
        resourceAmountRaw: price.toString(),
        tagAmountRaw: tag.toString(),
        expiresAt: Math.floor(Date.now() / 1_000) + 300,
      },
    },
    ...change,
  }
}

/** The session part of an offer, to be changed. */
export const withSession = (
  offer: PaymentRequirements,
  change: Readonly<Record<string, unknown>>,
): PaymentRequirements => ({
  ...offer,
  extra: { nanoSession: { ...(offer.extra?.nanoSession as object), ...change } },
})

/** Opens a shop. It is closed when the test ends. */
export async function openShop(devnet: Devnet): Promise<Shop> {
  const sessions = new Map<string, { readonly amount: bigint; readonly path: string }>()
  const spent = new Set<string>()
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const shop: Shop = {
    url: `${origin}/report`,
    origin,
    seen: [],
    granted: 0,
    challenge: (required) => required,
    intercept: () => false,
    afterGrant: () => false,
    price: '0.001',
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  onTestFinished(() => shop.close())

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method = '', url: path = '', headers } = request
    const proof = headers['payment-signature']
    const seen: Seen = { method, path, headers, body, proof: typeof proof === 'string' ? proof : undefined }
    shop.seen.push(seen)
    if (await shop.intercept(seen, response)) return
    if (path === '/free') return void response.end('free')
    if (seen.proof === undefined) return void bill(response, path, undefined)
    const payment = decodePaymentPayload(seen.proof)
    if (typeof payment === 'string') return void refuse(response, 400, payment, path)
    const session = sessions.get(String(payment.payload.sessionId))
    if (session === undefined) return void refuse(response, 402, 'invalid_session', path)
    if (session.path !== path) return void refuse(response, 402, 'resource_mismatch', path)
    const hash = blockHash(payment.payload.proof)
    const block = (await blocksInfo(devnet, [hash])).get(hash)
    if (!block?.confirmed) return void refuse(response, 503, 'settlement_pending', path, { 'retry-after': '0' })
    if (block.amount !== session.amount) return void refuse(response, 402, 'amount_mismatch', path)
    if (spent.has(hash)) return void refuse(response, 402, 'payment_already_spent', path)
    spent.add(hash)
    shop.granted++
    if (shop.afterGrant(seen, response)) return
    const settlement = { success: true, transaction: hash, network: 'nano:devnet' }
    response.setHeader('payment-response', encodeHeader(settlement))
    response.end(`paid ${method} ${path} ${body}`)
  }

  function bill(response: ServerResponse, path: string, error: string | undefined): void {
    const required: PaymentRequired = {
      x402Version: 2,
      ...(error !== undefined && { error }),
      resource: { url: path },
      accepts: [offerOf(parseXno(shop.price))],
    }
    const changed = shop.challenge(required)
    if (typeof changed !== 'string') {
      for (const offer of changed.accepts) {
        const id = (offer.extra?.nanoSession as { id?: unknown } | undefined)?.id
        if (typeof id === 'string') sessions.set(id, { amount: BigInt(offer.amount), path })
      }
    }
    response.statusCode = 402
    response.setHeader('payment-required', typeof changed === 'string' ? changed : encodeHeader(changed))
    response.end()
  }

  function refuse(response: ServerResponse, status: number, error: string, path: string, headers = {}): void {
    const settlement = { success: false, transaction: '', network: 'nano:devnet', errorReason: error }
    if (status === 402) bill(response, path, error)
    else response.writeHead(status, { 'payment-response': encodeHeader(settlement), ...headers }).end()
  }

  return shop
}

/** A devnet in process that confirms at once. */
export function devnetForTest(confirmMs = 0): Devnet {
  const devnet = createDevnet({ confirmMs })
  onTestFinished(() => devnet.close())
  return devnet
}

export interface Buyer {
  readonly payer: Payer
  readonly events: PayerEvent[]
  /** The types of the events so far. */
  types(): string[]
}

/** A payer on a funded account, with what it tells. */
export async function buyerFor(devnet: Devnet, options: Partial<PayerOptions> = {}): Promise<Buyer> {
  const { privateKey } = options.seed === undefined && options.privateKey === undefined ? await devnet.fundedSeed() : {}
  const events: PayerEvent[] = []
  const payer = createPayer({
    ...(privateKey !== undefined && { privateKey }),
    rpc: devnet,
    network: 'nano:devnet',
    budget: { perRequest: '0.01', total: '1' },
    work: 'cpu',
    retryForMs: 2_000,
    onEvent: (event) => events.push(event),
    ...options,
  })
  onTestFinished(() => payer.close())
  return { payer, events, types: () => events.map(({ type }) => type) }
}

/** What the account's sends moved, the oldest first, as its chain on the ledger tells it. */
export async function sentBy(devnet: Devnet, account: NanoAddress): Promise<readonly bigint[]> {
  const sent: bigint[] = []
  let at = (await accountInfo(devnet, account))?.frontier ?? ZERO_HASH
  while (at !== ZERO_HASH) {
    const entry = (await blocksInfo(devnet, [at])).get(at)
    if (entry?.subtype === 'send') sent.unshift(entry.amount ?? -1n)
    at = entry?.block.previous ?? ZERO_HASH
  }
  return sent
}
