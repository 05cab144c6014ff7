/** A client that speaks a channel's wire by hand, so that tests can pay wrongly, twice, or for somebody else. */
import { type BlockHash, derivePrivateKey, signMessage } from 'nano402/nano'
import {
  closeBytes,
  type ProofKind,
  proofBytes,
  requestHash,
  stateBytes,
  topUpBytes,
} from '../../src/channel/binding.ts'
import { authorizeOpening, type ChannelConfig, channelId } from '../../src/channel/config.ts'
import { ed25519Signer, ed25519Verifier } from '../../src/channel/ed25519.node.ts'
import { type Chain, createChain } from '../../src/channel/payword.ts'
import { hmacSha256, sha256 } from '../../src/channel/sha256.ts'
import {
  type ChannelOffer,
  type ChannelOutcome,
  type ChannelPayload,
  decodeOffer,
  decodeOutcome,
  depositTag,
  encodePayload,
  type LastProof,
  receiptBytes,
  type ShownProof,
  stateText,
} from '../../src/channel/wire.ts'
import { randomBytes, randomHex } from '../../src/core/bytes.ts'
import { bytesToHex, hexToBytes } from '../../src/nano/hex.ts'
import { decodeHeader } from '../../src/x402/headers.ts'
import type { PaymentRequirements, SettlementResponse } from '../../src/x402/shapes.ts'
import { challengeOf, type Purse, paymentHeader } from '../support/world.ts'

/** One request to a server, in process or over a socket. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>

export const channelOfferOf = (response: Response): PaymentRequirements => {
  const offer = challengeOf(response).accepts.find(({ scheme }) => scheme === 'batch-settlement')
  if (!offer) throw new Error('A challenge without a channel.')
  return offer
}
export const extraOf = (offer: PaymentRequirements): ChannelOffer => {
  const extra = decodeOffer(offer.extra)
  if (!extra) throw new Error('An offer that cannot be read.')
  return extra
}

/** What an answer says became of the payment. */
export function settlementOf(response: Response): SettlementResponse & { readonly outcome?: ChannelOutcome } {
  const settlement = decodeHeader(response.headers.get('PAYMENT-RESPONSE') ?? '') as SettlementResponse
  const outcome = settlement.extra && decodeOutcome(settlement.extra)
  if (settlement.extra && !outcome)
    throw new Error(`An outcome that cannot be read: ${JSON.stringify(settlement.extra)}`)
  return { ...settlement, ...(outcome && { outcome }) }
}
export const outcomeOf = (response: Response): ChannelOutcome => {
  const { outcome } = settlementOf(response)
  if (!outcome) throw new Error(`No outcome in an answer of status ${response.status}.`)
  return outcome
}
export const codeOf = (response: Response): string | undefined =>
  settlementOf(response).errorReason?.replace('invalid_batch_settlement_nano_', '')

export interface Request {
  readonly method?: string
  readonly path?: string
  readonly body?: string
}
export const GET = { path: '/report' } satisfies Request

export interface OpenOptions {
  readonly mode?: ChannelConfig['mode']
  readonly maxK?: number
  /** In raw, tag aside. */
  readonly deposit?: bigint
  /** Done to the config before anything is hashed. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly offer?: PaymentRequirements
}

export interface Channel extends Awaited<ReturnType<typeof prepare>> {}

/** Draws the secrets, and pays the deposit. Nothing is presented yet. */
export const prepareChannel = (...args: Parameters<typeof prepare>): Promise<Channel> => prepare(...args)

async function prepare(ask: Ask, purse: Purse, options: OpenOptions = {}) {
  const { mode = 'payword-sha256', maxK = 200 } = options
  const offer = options.offer ?? channelOfferOf(await ask(GET.path))
  const extra = extraOf(offer)
  const [salt, macKey, sessionSeed] = [randomBytes(16), randomBytes(32), randomBytes(32)]
  const chain: Chain = await createChain({ seed: randomBytes(32), salt, maxK })
  const signer = await ed25519Signer(sessionSeed)
  const agreement = {
    ...({ network: offer.network, custodian: 'payee', payer: purse.account, payee: offer.payTo } as const),
    ...{ origin: 'http://shop.example', macKeyHash: bytesToHex(sha256(macKey)), refundTo: purse.account },
    ...{ expiresAt: extra.expiresAt, closeGrace: extra.closeGraceSeconds, salt: bytesToHex(salt), nonce: extra.nonce },
  }
  const ofMode =
    mode === 'payword-sha256'
      ? { mode, unit: extra.unit, root: bytesToHex(chain.root), maxK }
      : { mode, sessionKey: bytesToHex(signer.publicKey) }
  const config = { ...agreement, ...ofMode, ...options.config } as ChannelConfig
  const id = channelId(config)
  const mac = hmacSha256(macKey)
  const hexMac = (bytes: Uint8Array) => bytesToHex(mac(bytes))
  const tag = depositTag(extra.nonce)
  const send = (amount = BigInt(extra.suggestedDeposit)): Promise<BlockHash> =>
    purse.send(extra.deposit?.account ?? '', amount + tag)
  const block = await send(options.deposit)
  const unit = BigInt(extra.unit)

  const bound = ({ method = 'GET', path = GET.path, body = '' }: Request) =>
    requestHash({ method, url: path, bodyHash: sha256(new TextEncoder().encode(body)) })

  /** A proof that authorises so many units in all, for one request. */
  async function proof(
    units: number | bigint,
    {
      paymentId,
      request = GET,
      authorize = false,
      raw = BigInt(units) * unit,
    }: { paymentId: string; request?: Request; authorize?: boolean; raw?: bigint },
  ): Promise<ShownProof> {
    const isToken = mode === 'payword-sha256'
    const kind = `${authorize ? 'authorize-' : ''}${isToken ? 'token' : 'voucher'}` as ProofKind
    const reach = isToken ? String(units) : String(raw)
    const statement = proofBytes(kind, { channelId: id, reach, paymentId, requestHash: bound(request) })
    if (isToken) {
      const token = bytesToHex(chain.token(Math.min(Number(units), maxK)))
      return { type: 'token', channelId: id, k: Number(units), token, mac: hexMac(statement) }
    }
    const signature = bytesToHex(await signer.sign(statement))
    return { type: 'voucher', channelId: id, cumulative: raw, signature, mac: hexMac(statement) }
  }

  /** The client at this server. */
  const at = (via: Ask) => {
    /** Presents anything at all. */
    async function present(
      payload: unknown,
      {
        paymentId,
        request = GET,
        offer: echoed = offer,
      }: { paymentId?: string; request?: Request; offer?: PaymentRequirements } = {},
    ) {
      const { method = 'GET', path = GET.path, body } = request as Request
      const { extra: _, ...short } = echoed
      const isOpen = typeof payload === 'object' && payload !== null && 'type' in payload && payload.type === 'open'
      const extensions =
        paymentId === undefined ? {} : { extensions: { 'payment-identifier': { info: { id: paymentId } } } }
      const payment = { x402Version: 2, accepted: isOpen ? echoed : short, payload, ...extensions }
      return via(path, { method, headers: paymentHeader(payment), ...(body !== undefined && { body }) })
    }
    const show = (payload: ChannelPayload, more: Parameters<typeof present>[1] = {}) =>
      present(encodePayload(payload), more)
    const newId = () => randomHex(16)

    const opening = async (first?: {
      readonly units: number
      readonly paymentId: string
      readonly request?: Request
    }) => ({
      ...({ type: 'open', config, macKey: bytesToHex(macKey), blockHash: block } as const),
      authorization: authorizeOpening(config, block, purse.key),
      ...(first && { proof: await proof(first.units, first) }),
    })

    return {
      ...{
        offer,
        extra,
        config,
        id,
        block,
        chain,
        unit,
        tag,
        macKey,
        proof,
        present,
        show,
        send,
        newId,
        opening,
        hexMac,
      },
      purse,
      /** The same client at another server. */
      on: (other: Ask): unknown => at(other),
      /** Presents a whole payment. */
      raw: (payment: unknown) => via(GET.path, { headers: paymentHeader(payment) }),
      /** Opens it, and pays the first request with it. */
      async open(paymentId = newId()) {
        return show(await opening({ units: 1, paymentId }), { paymentId })
      },
      openOnly: async () => show(await opening()),
      async pay(units: number | bigint, { paymentId = newId(), request = GET as Request, change = {} as object } = {}) {
        const shown = encodePayload(await proof(units, { paymentId, request }))
        return present({ ...shown, ...change }, { paymentId, request })
      },
      /** By a voucher of exactly so much in all. */
      async payRaw(raw: bigint, { paymentId = newId() } = {}) {
        return show(await proof(0, { paymentId, raw }), { paymentId })
      },
      async authorize(units: number | bigint, { paymentId = newId(), request = GET as Request } = {}) {
        return show(
          { type: 'authorize', proof: await proof(units, { paymentId, request, authorize: true }) },
          { paymentId, request },
        )
      },
      close: () => show({ type: 'close', channelId: id, mac: hexMac(closeBytes(id)) }),
      topUp: (blockHash: BlockHash) =>
        show({ type: 'topup', channelId: id, blockHash, mac: hexMac(topUpBytes(id, blockHash)) }),
      state: () =>
        show({ type: 'state', channelId: id, mac: hexMac(stateBytes(id)) }, { request: { ...GET, method: 'HEAD' } }),
      /** As who has lost everything but the account's key. */
      stateByAccount(issuedAt = Math.floor(Date.now() / 1_000), key = purse.key) {
        const signature = signMessage(stateText(block, issuedAt), key)
        return show({ type: 'state', blockHash: block, issuedAt, signature }, { request: { ...GET, method: 'HEAD' } })
      },
      /** Whether this is a proof that this client gave. */
      async isLastProof(last: LastProof | undefined): Promise<boolean> {
        if (last === undefined) return false
        if ('k' in last) return bytesToHex(chain.token(last.k)) === last.token
        const said = { channelId: id, reach: last.cumulative, paymentId: last.paymentId }
        const statement = proofBytes(last.kind, { ...said, requestHash: hexToBytes(last.requestHash) })
        return (await ed25519Verifier(signer.publicKey))(statement, hexToBytes(last.signature))
      },
      /** Whether the receipt is the server's, over exactly this. */
      async isReceipt(outcome: ChannelOutcome, request?: Request) {
        const { receipt } = outcome
        if (!receipt) return false
        const verify = await ed25519Verifier(hexToBytes(extra.receiptKey))
        const about = { requestHash: request && bound(request), issuedAt: receipt.issuedAt }
        return verify(receiptBytes(outcome, about), hexToBytes(receipt.signature))
      },
    }
  }
  return at(ask)
}

/** A wallet for a server, on an account that nobody has opened. */
export const freshWallet = () => {
  const key = derivePrivateKey(randomHex(32), 0)
  return { key, work: 'cpu' } as const
}
