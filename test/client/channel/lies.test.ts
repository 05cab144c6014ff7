/** What a payee may say, and what a payer does not fall for. Each of these fails when its defence is taken out. */
import { type BlockHash, hashBlock, parseXno } from 'nano402/nano'
import { accountHistory } from 'nano402/rpc'
import { beforeAll, describe, expect, test } from 'vitest'
import { requestHash } from '../../../src/channel/binding.ts'
import { ed25519Signer } from '../../../src/channel/ed25519.node.ts'
import { hmacSha256, sha256 } from '../../../src/channel/sha256.ts'
import { type ChannelOutcome, receiptBytes } from '../../../src/channel/wire.ts'
import { encodeUtf8 } from '../../../src/core/bytes.ts'
import { bytesToHex, hexToBytes } from '../../../src/nano/hex.ts'
import { decodePaymentRequired, decodeSettlementResponse, encodeHeader } from '../../../src/x402/headers.ts'
import type { PaymentRequirements } from '../../../src/x402/shapes.ts'
import { freshWallet } from '../../channel/client.ts'
import type { Handler } from '../../channel/shop.ts'
import { createWorld, freshAccount, type World } from '../../support/world.ts'
import { type Between, ORIGIN, openScene, PRICE, type Scene, said, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})

const channelOnly = { mechanisms: ['channel'] } as const
const sends = async ({ payer }: Pick<Scene, 'payer'>) => {
  const { entries } = await accountHistory(world.devnet, payer.address, { count: 50 })
  return entries.filter(({ subtype }) => subtype === 'send').length
}
const withHeader = (response: Response, name: string, value: string) => {
  const headers = new Headers(response.headers)
  headers.set(name, value)
  return new Response(response.body, { status: response.status, headers })
}

/** Changes the channel's offer in each 402. */
const offering =
  (change: (offer: PaymentRequirements) => PaymentRequirements): Between =>
  async ({ request }, next) => {
    const response = await next(request)
    const required = decodePaymentRequired(response.headers.get('payment-required') ?? '')
    if (required === undefined) return response
    const accepts = required.accepts.map((offer) => (offer.scheme === 'batch-settlement' ? change(offer) : offer))
    return withHeader(response, 'payment-required', encodeHeader({ ...required, accepts }))
  }
const extra = (change: object) => (offer: PaymentRequirements) => ({ ...offer, extra: { ...offer.extra, ...change } })

/** Changes what a settlement says of the channel. With the payee's key the lie is signed. */
const stating =
  (change: (outcome: ChannelOutcome) => ChannelOutcome, types: readonly string[], signer?: Signer): Between =>
  async ({ request, payload }, next) => {
    const response = await next(request)
    const settlement = decodeSettlementResponse(response.headers.get('payment-response') ?? '')
    if (settlement?.extra === undefined || payload === undefined || !types.includes(payload.type)) return response
    const outcome = change(settlement.extra as unknown as ChannelOutcome)
    const { pathname, search } = new URL(request.url)
    const about = { method: request.method, url: pathname + search, bodyHash: sha256(new Uint8Array(0)) }
    const signed = signer ? await signer(outcome, payload.type === 'token' ? requestHash(about) : undefined) : outcome
    return withHeader(response, 'payment-response', encodeHeader({ ...settlement, extra: { ...signed } }))
  }
type Signer = (outcome: ChannelOutcome, requestHash?: Uint8Array) => Promise<ChannelOutcome>
const changed = (change: Partial<ChannelOutcome['channelState']>) => (outcome: ChannelOutcome) => ({
  ...outcome,
  channelState: { ...outcome.channelState, ...change },
})

/** Signs as the payee does. */
async function signerOf(key: string): Promise<Signer> {
  const { sign } = await ed25519Signer(hmacSha256(hexToBytes(key))(encodeUtf8('nano402-channel-receipt-key')))
  return async ({ receipt: _, ...outcome }, hash) => {
    const issuedAt = Math.floor(Date.now() / 1_000)
    const signature = bytesToHex(await sign(receiptBytes(outcome, { issuedAt, requestHash: hash })))
    return { ...outcome, receipt: { issuedAt, signature } }
  }
}

describe('an offer', () => {
  const other = freshAccount()
  test.each<[string, (offer: PaymentRequirements) => PaymentRequirements]>([
    ['for another network', (offer) => ({ ...offer, network: 'nano:mainnet' })],
    ['at no price', (offer) => ({ ...offer, amount: '0' })],
    ['with deposits to another account than it names', (offer) => ({ ...offer, payTo: other })],
    ['of an unknown binding', extra({ binding: 'nano-channel-v2' })],
    [
      'of an issuer that nobody allowed',
      extra({ custodian: 'issuer', issuer: { url: ORIGIN, publicKey: 'A'.repeat(64) } }),
    ],
    ['without its tag', extra({ nonce: 'another' })],
    ['with a smallest deposit above the suggested one', extra({ minDeposit: String(parseXno('5')) })],
    ['with a unit of nothing', extra({ unit: '0' })],
    ['that has expired', extra({ expiresAt: Math.floor(Date.now() / 1_000) })],
    ['that lives longer than it says', extra({ expiresAt: Math.floor(Date.now() / 1_000) + 200_000 })],
    ['that lives for a year', extra({ ttlSeconds: 31_536_000 })],
    ['with a grace of a week', extra({ closeGraceSeconds: 604_800 })],
  ])('%s opens nothing', async (_, change) => {
    const scene = await openScene({ world, shop: channelOnly })
    scene.between = offering(change)
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(said(scene)).toEqual(['nothing'])
    expect(await sends(scene)).toBe(0)
  })

  test('at another account than the pinned one opens nothing (K2)', async () => {
    const { payer } = await openScene({ world, shop: channelOnly, payer: { pinPayTo: { [ORIGIN]: other } } })
    await expect(payer.fetch(URL_)).rejects.toThrow(/pinned/)
  })

  test('at a hundred times the price is over the budget (K1)', async () => {
    const scene = await openScene({ world, shop: channelOnly })
    scene.between = offering((offer) => ({ ...offer, amount: String(PRICE * 100n) }))
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'perRequest' })
    expect(scene.runs()).toBe(0)
  })
})

describe('an acknowledgement', () => {
  test.each<[string, (outcome: ChannelOutcome) => ChannelOutcome, string]>([
    ['that is not signed', ({ receipt: _, ...outcome }) => outcome, 'open_no_receipt'],
    ['whose signature is over something else', changed({ authorized: '1' }), 'open_receipt_not_signed'],
  ])('%s means that no proof is ever shown, and no second deposit made', async (_, lie, reason) => {
    const scene = await openScene({ world, shop: channelOnly })
    scene.between = stating(lie, ['open'])
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(said(scene)).toEqual(['nothing', 'open', 'nothing'])
    expect(await sends(scene)).toBe(1)
  })

  test('of a smaller deposit, signed by the payee itself, is not taken', async () => {
    const wallet = freshWallet()
    const scene = await openScene({ world, shop: { ...channelOnly, wallet } })
    scene.between = stating(changed({ deposit: '1' }), ['open'], await signerOf(wallet.key))
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ reason: 'open_deposit_untrue' })
  })
})

describe('a receipt', () => {
  test.each<[string, (outcome: ChannelOutcome) => ChannelOutcome, string, 'signed' | 'unsigned']>([
    ['that is not there', ({ receipt: _, ...outcome }) => outcome, 'no_receipt', 'unsigned'],
    ['that was changed', changed({ reserved: '1' }), 'receipt_not_signed', 'unsigned'],
    [
      'for more than was asked',
      (outcome) => ({ ...outcome, chargedAmount: String(PRICE + 1n) }),
      'charged_too_much',
      'signed',
    ],
    [
      'of another payment',
      (outcome) => ({ ...outcome, commitmentId: `${outcome.channelState.channelId}:${'A'.repeat(64)}` }),
      'receipt_of_another_payment',
      'signed',
    ],
    ['of another channel', changed({ channelId: 'A'.repeat(64) }), 'receipt_of_another_channel', 'signed'],
    ['whose counters go down', changed({ charged: '0' }), 'charged_goes_down', 'signed'],
    ['whose deposit shrinks', changed({ deposit: String(PRICE) }), 'deposit_untrue', 'signed'],
    [
      'that authorises what was not shown',
      changed({ authorized: String(2n * PRICE) }),
      'authorized_too_much',
      'signed',
    ],
    ['that cannot be', changed({ reserved: '1' }), 'state_untrue', 'signed'],
  ])('%s ends what is paid in the channel, and what was served is served', async (_, lie, reason, how) => {
    const wallet = freshWallet()
    const scene = await openScene({ world, shop: { ...channelOnly, wallet } })
    scene.between = stating(lie, ['token'], how === 'signed' ? await signerOf(wallet.key) : undefined)
    expect(await (await scene.payer.fetch(URL_)).text()).toBe('paid content')
    expect((await scene.payer.channels())[0]?.distrusted).toBe(reason)
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
    expect(scene.runs()).toBe(1)
  })

  test('that is untrue does not cost the deposit: the channel is closed as any other', async () => {
    const scene = await openScene({ world, shop: channelOnly })
    scene.between = stating(changed({ reserved: '1' }), ['token'])
    await scene.payer.fetch(URL_)
    expect((await scene.payer.closeChannels())[0]).toMatchObject({ charged: PRICE })
  })
})

describe('a refusal', () => {
  /** A shop that refuses every proof of a channel that has paid once, and says how the channel stands. */
  const correcting = async (
    lie: (outcome: ChannelOutcome) => ChannelOutcome,
    { amount, handler }: { readonly amount?: bigint; readonly handler?: Handler } = {},
  ) => {
    const wallet = freshWallet()
    const signer = await signerOf(wallet.key)
    const scene = await openScene({ world, shop: { ...channelOnly, wallet }, ...(handler && { handler }) })
    await scene.payer.fetch(URL_)
    scene.sent.length = 0
    const state = (await stateOf(scene)) as unknown as ChannelOutcome
    scene.between = async ({ request, payload }, next) => {
      if (payload?.type !== 'token') return next(request)
      const unpaid = await next(new Request(request.url))
      const required = decodePaymentRequired(unpaid.headers.get('payment-required') ?? '')
      const outcome = await signer(lie(state))
      const accepts = required?.accepts.map((offer) => ({
        ...offer,
        ...(amount !== undefined && { amount: String(amount) }),
        extra: { ...offer.extra, ...outcome },
      }))
      const errorReason = 'invalid_batch_settlement_nano_insufficient_authorization'
      const settlement = { success: false, errorReason, transaction: '', network: 'nano:devnet', extra: { ...outcome } }
      const refused = withHeader(unpaid, 'payment-required', encodeHeader({ ...required, accepts } as never))
      return withHeader(refused, 'payment-response', encodeHeader(settlement as never))
    }
    return scene
  }
  /** How the channel stands, as the payee says it, with the payer's best proof. */
  async function stateOf(scene: Scene) {
    let found: unknown
    scene.between = async ({ request, payload }, next) => {
      const response = await next(request)
      if (payload?.type === 'token') {
        found = decodeSettlementResponse(response.headers.get('payment-response') ?? '')?.extra
        const { chargedAmount: _, commitmentId: __, ...rest } = found as ChannelOutcome
        found = { ...rest, lastProof: { k: payload.k, token: payload.token } }
      }
      return response
    }
    await scene.payer.fetch(URL_)
    scene.sent.length = 0
    return found
  }
  const tokens = ({ sent }: Scene) => sent.flatMap(({ payload }) => (payload?.type === 'token' ? payload.k : []))

  test('that says that more was charged than receipts say gets no other proof, though the payee signed it', async () => {
    const scene = await correcting(changed({ charged: String(PRICE) }), {
      handler: (payment) => {
        payment.charge(PRICE / 10n)
        return new Response('metered')
      },
    })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ retryable: false })
    expect(tokens(scene)).toHaveLength(1)
    expect((await scene.payer.channels())[0]?.distrusted).toBe('correction_charged_too_much')
  })

  test('for ever ends after the second one, with nothing more revealed than one request needs (K3)', async () => {
    const scene = await correcting((outcome) => outcome)
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({
      code: 'ERR_REFUSED_AFTER_PAYMENT',
      refusal: 'insufficient_authorization',
      retryable: false,
    })
    expect(tokens(scene)).toHaveLength(2)
    expect(Math.max(...tokens(scene))).toBeLessThanOrEqual(4)
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_NO_PAYABLE_OFFER' })
  })

  test('at a hundred times the price is not followed (K1)', async () => {
    const scene = await correcting((outcome) => outcome, { amount: 100n * PRICE })
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET', bound: 'perRequest' })
    expect(tokens(scene)).toEqual([3])
  })

  test('with a proof that is not our own is not believed', async () => {
    const scene = await correcting((outcome) => ({ ...outcome, lastProof: { k: 2, token: 'A'.repeat(64) } }))
    await expect(scene.payer.fetch(URL_)).rejects.toMatchObject({ retryable: false })
    expect(tokens(scene)).toEqual([3])
    expect((await scene.payer.channels())[0]?.distrusted).toBe('correction_proof_not_ours')
  })
})

describe('a refund', () => {
  /** A payee that refunds nothing, and names a block for it, signed. */
  const naming =
    ({ payer }: Scene, refund: BlockHash, signer: Signer): Between =>
    async ({ request, payload }, next) => {
      const [channel] = await payer.channels()
      if (payload?.type !== 'close' || channel === undefined) return next(request)
      const { channelId, deposited, authorized, charged, expiresAtMs } = channel
      const sums = {
        deposit: String(deposited),
        authorized: String(authorized),
        charged: String(charged),
        reserved: '0',
      }
      const channelState = { channelId, phase: 'closed', ...sums, expiresAt: expiresAtMs / 1_000, refund } as const
      const extra = { ...(await signer({ channelState })) }
      const settlement = { success: true, transaction: refund, network: 'nano:devnet', extra }
      return new Response(null, { status: 204, headers: { 'payment-response': encodeHeader(settlement as never) } })
    }

  test('of too little, to another account, unconfirmed, or from somebody else is not taken for one', async () => {
    const wallet = freshWallet()
    const signer = await signerOf(wallet.key)
    const scene = await openScene({ world, shop: { ...channelOnly, wallet }, payer: { confirmTimeoutMs: 500 } })
    const { payer } = scene
    await payer.fetch(URL_)
    const [{ deposited = 0n } = {}] = await payer.channels()
    const unpublished: BlockHash = hashBlock(await world.buyer.sign(freshAccount(), 5n))
    scene.between = naming(scene, unpublished, signer)
    await expect(payer.closeChannels()).rejects.toMatchObject({ code: 'ERR_CHANNEL', reason: 'refund_unconfirmed' })
    for (const [to, amount] of [
      [payer.address, 5n],
      [freshAccount(), deposited - PRICE],
      [payer.address, deposited - PRICE], // by somebody else, which may be all the same to us, and is not what was said
    ] as const) {
      scene.between = naming(scene, await world.buyer.send(to, amount), signer)
      await expect(payer.closeChannels()).rejects.toMatchObject({ reason: 'refund_untrue' })
    }
    expect(await payer.channels()).toMatchObject([{ phase: 'closing', distrusted: 'refund_untrue' }])
  })

  test('that was made counts, whatever its payee says of it', async () => {
    const wallet = freshWallet()
    const scene = await openScene({ world, shop: { ...channelOnly, wallet } })
    await scene.payer.fetch(URL_)
    const other = await world.buyer.send(scene.payer.address, 5n)
    scene.between = stating(changed({ refund: other }), ['close'], await signerOf(wallet.key))
    const [closed] = await scene.payer.closeChannels()
    expect(closed).toMatchObject({ charged: PRICE })
    expect(closed?.refund).not.toBe(other)
  })
})

describe('another origin', () => {
  test('gets no proof of a channel: a redirect is not followed with one (K2)', async () => {
    const scene = await openScene({ world, shop: channelOnly })
    await scene.payer.fetch(URL_)
    scene.between = async ({ request, payload }, next) =>
      payload?.type === 'token'
        ? new Response(null, { status: 307, headers: { location: 'http://thief.example/report' } })
        : next(request)
    const seen = scene.sent.length
    await scene.payer.fetch(URL_).catch(() => {})
    const paid = scene.sent.slice(seen).filter(({ payload }) => payload !== undefined)
    expect(new Set(paid.map(({ request }) => new URL(request.url).origin))).toEqual(new Set([ORIGIN]))
  })

  test('has a channel of its own', async () => {
    const scene = await openScene({ world })
    await scene.payer.fetch(URL_)
    scene.between = async ({ request }, next) =>
      next(new Request(request.url.replace('other.example', 'shop.example'), request))
    await scene.payer.fetch('http://other.example/report')
    const origins = (await scene.payer.channels()).map(({ origin }) => origin)
    expect(origins).toEqual([ORIGIN, 'http://other.example'])
  })
})
