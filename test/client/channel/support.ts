/** A payer and a paywall with channels, on a devnet; what is said between them can be looked at, changed and lost. */
import type { PaywallOptions } from 'nano402'
import {
  createPayer,
  type Journal,
  type JournalEntry,
  type Payer,
  type PayerEvent,
  type PayerOptions,
} from 'nano402/client'
import { parseXno } from 'nano402/nano'
import { expect, onTestFinished } from 'vitest'
import { type ChannelPayload, decodePayload } from '../../../src/channel/wire.ts'
import { decodePaymentPayload } from '../../../src/x402/headers.ts'
import { freshWallet } from '../../channel/client.ts'
import { type Handler, openChannelShop } from '../../channel/shop.ts'
import { createWorld, type World } from '../../support/world.ts'

export const ORIGIN = 'http://shop.example'
export const URL_ = `${ORIGIN}/report`
export const PRICE = parseXno('0.001')

/** A request as the shop got it. */
export interface Sent {
  readonly request: Request
  readonly payload: ChannelPayload | undefined
  readonly paymentId: string | undefined
}
type Ask = (request: Request) => Promise<Response>
/** Stands between payer and shop. */
export type Between = (sent: Sent, next: Ask) => Promise<Response>

export interface Scene {
  readonly world: World
  readonly payer: Payer
  readonly events: PayerEvent[]
  readonly types: () => string[]
  readonly sent: Sent[]
  readonly runs: () => number
  /** Puts another server in the shop's place, with options of its own. */
  readonly reopen: (shop: PaywallOptions) => void
  /** Makes another payer on the same account and shop. */
  readonly another: (options?: Partial<PayerOptions>) => Scene
  between: Between
}

export interface SceneOptions {
  readonly world?: World
  readonly shop?: PaywallOptions
  readonly handler?: Handler
  readonly payer?: Partial<PayerOptions>
}

/** What a request says about a channel. */
export const sentOf = (request: Request): Sent => {
  const header = request.headers.get('payment-signature')
  const payment = header === null ? undefined : decodePaymentPayload(header)
  if (payment === undefined || typeof payment === 'string') return { request, payload: undefined, paymentId: undefined }
  const identifier = payment.extensions?.['payment-identifier'] as { info: { id: string } } | undefined
  return { request, payload: decodePayload(payment.payload), paymentId: identifier?.info.id }
}

export async function openScene(options: SceneOptions = {}): Promise<Scene> {
  const world = options.world ?? (await createWorld())
  const wallet = freshWallet()
  let { ask, runs } = openChannelShop(world, { wallet, ...options.shop }, options.handler)
  const reopen = (shop: PaywallOptions) => {
    const earlier = runs
    const opened = openChannelShop(world, { wallet, ...options.shop, ...shop }, options.handler)
    ask = opened.ask
    runs = () => earlier() + opened.runs()
  }
  const buyer = await world.purse()
  const serve: Ask = async (request) => {
    const { pathname, search } = new URL(request.url)
    const body = request.body === null ? undefined : await request.arrayBuffer()
    const { method, headers, signal } = request
    return ask(pathname + search, { method, headers, signal, ...(body && { body }) })
  }
  const make = (more: Partial<PayerOptions> = {}): Scene => {
    const events: PayerEvent[] = []
    const sent: Sent[] = []
    const payer = createPayer({
      ...{ privateKey: buyer.key, rpc: world.devnet, network: 'nano:devnet', work: 'cpu', retryForMs: 2_000 },
      budget: { perRequest: '0.01', total: '1', deposit: '1' },
      onEvent: (event) => events.push(event),
      fetch: (request) => {
        const one = sentOf(request)
        sent.push(one)
        return scene.between(one, serve)
      },
      ...options.payer,
      ...more,
    })
    // Not waited for: one that was killed would wait for its journal for ever.
    onTestFinished(() => void payer.close({ channels: 'keep' }))
    const scene: Scene = {
      ...{
        world,
        payer,
        events,
        sent,
        reopen,
        runs: () => runs(),
        types: () => events.map(({ type }) => type),
        another: make,
      },
      between: ({ request }, next) => next(request),
    }
    return scene
  }
  return make()
}

/** The types of what was said about the channel, in order. */
export const said = ({ sent }: Pick<Scene, 'sent'>) => sent.map(({ payload }) => payload?.type ?? 'nothing')

/** What a journal has once it knows how all payments ended, which it may learn a moment after they did. */
export async function settledEntries(journal: Journal): Promise<readonly JournalEntry[]> {
  await expect
    .poll(async () => (await journal.load()).some(({ inChannel }) => inChannel?.reach !== undefined))
    .toBe(false)
  return [...(await journal.load())]
}
