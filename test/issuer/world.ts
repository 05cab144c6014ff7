/** An issuer behind its app, with a vendor and clients that ask it over HTTP. */
import type { Store } from 'nano402'
import { createDevnet, type Devnet } from 'nano402/devnet'
import {
  createIssuer,
  createIssuerClient,
  type Issuer,
  type IssuerClient,
  type IssuerOptions,
  issuerApp,
} from 'nano402/issuer'
import { derivePrivateKey, type NanoAddress, type PrivateKey, parseXno } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { expect } from 'vitest'
import { ed25519Signer } from '#channel/ed25519'
import { proofBytes } from '../../src/channel/binding.ts'
import { type ChannelConfig, channelId, type PayWordConfig, type VoucherConfig } from '../../src/channel/config.ts'
import { createChain } from '../../src/channel/payword.ts'
import type { LastProof } from '../../src/channel/wire.ts'
import { randomBytes, randomHex } from '../../src/core/bytes.ts'
import { accountSigner, type Signer, sessionSigner } from '../../src/issuer/request.ts'
import { bytesToHex, hexToBytes } from '../../src/nano/hex.ts'
import { listenFetch } from '../support/frameworks.ts'
import { buy, createPurse, type Purse } from '../support/world.ts'
import { ISSUER_KEY } from './support.ts'

export const HOUR = 3_600
export const OPERATOR = 'a-token-of-the-operator-01'
export const UNIT = 10n ** 24n

export interface Person {
  readonly account: NanoAddress
  readonly key: PrivateKey
  readonly signer: Signer
  readonly purse: Purse
  readonly ask: IssuerClient
  /** Pays for a deposit as the 402 says, and presents it. */
  deposit(amount: bigint): Promise<Response>
}

export interface IssuerWorld {
  readonly devnet: Devnet
  readonly issuer: Issuer
  readonly url: string
  readonly clock: { nowMs: number }
  fetch(input: string, init?: RequestInit): Promise<Response>
  person(): Promise<Person>
  /** One who asks by a session key, which takes a hundredth of the time. */
  server(): Promise<Person>
  /** A channel's config with the secret that its proofs are made from. */
  payword(payer: Person, payee: Person, change?: Partial<PayWordConfig>): Promise<Channel>
  voucher(payer: Person, payee: Person, change?: Partial<VoucherConfig>): Promise<Channel>
  /** Everything adds up, and there is nothing that nobody owns. */
  check(): Promise<void>
  close(): Promise<void>
}

export interface Channel {
  readonly id: string
  readonly config: ChannelConfig
  /** What the payee has to show for so much. */
  proof(amount: bigint): Promise<LastProof>
}

/** With `overHttp` on a real socket; otherwise requests reach the app directly. */
export async function openIssuer({
  store = memoryStore() as Store,
  overHttp = false,
  devnet = createDevnet({ confirmMs: 0 }),
  more = {} as Partial<IssuerOptions>,
} = {}): Promise<IssuerWorld> {
  const clock = { nowMs: Date.now() }
  const now = () => clock.nowMs
  const issuer = await createIssuer({
    ...{ privateKey: ISSUER_KEY, rpc: devnet, network: 'nano:devnet', store, work: 'cpu', now },
    ...{ minDeposit: '0.000001', settleSeconds: HOUR, leaseMs: 500, ...more },
  })
  const app = issuerApp(issuer, { operatorToken: OPERATOR })
  const served = overHttp ? await listenFetch(app.fetch) : undefined
  const url = served?.url ?? 'http://issuer.example'
  const fetch = served ? globalThis.fetch : async (input: string, init?: RequestInit) => app.request(input, init)
  const { info } = issuer

  const base = (payer: Person, payee: Person) => ({
    ...{ network: 'nano:devnet', custodian: 'issuer' as const, issuer: info.issuer },
    ...{ payer: payer.account, payee: payee.account, origin: 'https://api.example.com', macKeyHash: 'B'.repeat(64) },
    ...{ refundTo: payer.account, closeGrace: 60, expiresAt: Math.floor(clock.nowMs / 1_000) + HOUR },
    ...{ salt: randomHex(16).toUpperCase(), nonce: randomHex(16) },
  })

  async function person(): Promise<Person> {
    const { seed, account } = await devnet.fundedSeed(parseXno('10'))
    const key = derivePrivateKey(seed, 0)
    const purse = createPurse(devnet, key, account)
    const signer = accountSigner(key)
    const ask = createIssuerClient({ url, signer, now, fetch })
    return {
      ...{ account, key, signer, purse, ask },
      async deposit(amount) {
        const to = ask.depositUrl(amount)
        const { headers } = await buy(purse, to, { method: 'POST' }, fetch)
        return fetch(to, { method: 'POST', headers })
      },
    }
  }

  return {
    devnet,
    issuer,
    url,
    clock,
    fetch,
    person,
    async server() {
      const owner = await person()
      const { account } = owner
      const signer = await sessionSigner(account, randomBytes(32))
      await owner.ask.register([{ key: signer.key, expiresAt: Math.floor(clock.nowMs / 1_000) + 10 * HOUR }])
      return { ...owner, signer, ask: createIssuerClient({ url, signer, now, fetch }) }
    },
    async payword(payer, payee, change = {}) {
      const seed = randomBytes(32)
      const salt = change.salt ?? randomHex(16).toUpperCase()
      const chain = await createChain({ seed, salt: hexToBytes(salt), maxK: 1_000 })
      const config: PayWordConfig = {
        ...base(payer, payee),
        ...{
          mode: 'payword-sha256' as const,
          salt,
          unit: String(UNIT),
          root: bytesToHex(chain.root),
          maxK: 1_000,
          ...change,
        },
      }
      return {
        id: channelId(config),
        config,
        async proof(amount) {
          const k = Number(amount / UNIT)
          return { k, token: bytesToHex(chain.token(k)) }
        },
      }
    },
    async voucher(payer, payee, change = {}) {
      const { publicKey, sign } = await ed25519Signer(randomBytes(32))
      const config: VoucherConfig = {
        ...base(payer, payee),
        ...{ mode: 'voucher-ed25519' as const, sessionKey: bytesToHex(publicKey), ...change },
      }
      const id = channelId(config)
      return {
        id,
        config,
        async proof(amount) {
          const [cumulative, paymentId, requestHash] = [String(amount), randomHex(8), randomBytes(32)]
          const said = { channelId: id, reach: cumulative, paymentId, requestHash }
          const signature = bytesToHex(await sign(proofBytes('voucher', said)))
          return { cumulative, signature, kind: 'voucher', paymentId, requestHash: bytesToHex(requestHash) }
        },
      }
    },
    async check() {
      expect(await issuer.audit()).toMatchObject({ ok: true, surplus: 0n, wrong: [] })
    },
    async close() {
      await served?.close()
      await issuer.drain()
      devnet.close()
    },
  }
}
