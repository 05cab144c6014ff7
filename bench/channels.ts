/**
 * What one payment of a channel costs a server, without HTTP: a proof is judged, reserved, and charged.
 * `tsx --tsconfig bench/tsconfig.json bench/channels.ts`, with `--payments 20000 --json`. With `--redis redis://...` on Redis as
 * well.
 */
import { parseArgs } from 'node:util'
import { ed25519Signer } from '#channel/ed25519'
import { proofBytes, requestHash } from '../src/channel/binding.ts'
import { createChannels } from '../src/channel/channels.ts'
import { type ChannelConfig, channelId } from '../src/channel/config.ts'
import { createChain, MAX_K } from '../src/channel/payword.ts'
import { createJudge } from '../src/channel/proof.ts'
import { hmacSha256 } from '../src/channel/sha256.ts'
import type { ShownProof } from '../src/channel/wire.ts'
import { randomBytes } from '../src/core/bytes.ts'
import type { Store } from '../src/core/store.ts'
import { bytesToHex } from '../src/nano/hex.ts'
import { blockHash, derivePrivateKey, derivePublicKey, publicKeyToAddress } from '../src/nano/index.ts'
import { memoryStore } from '../src/stores/memory.ts'
import { openStore } from '../src/stores/open.node.ts'

const { values: options } = parseArgs({
  options: {
    payments: { type: 'string', default: '20000' },
    redis: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
const payments = Number(options.payments)

const UNIT = 10n ** 24n
const REQUEST = { method: 'GET', url: 'https://api.example.com/report?for=2026', bodyHash: new Uint8Array(32) }
const account = publicKeyToAddress(derivePublicKey(derivePrivateKey('1'.repeat(64), 0)))
const hex = (length: number) => bytesToHex(randomBytes(length))

interface Payment {
  readonly proof: ShownProof
  readonly paymentId: string
}

/** Everything that a client would send, made before the clock runs. */
async function prepare(mode: ChannelConfig['mode']) {
  const [salt, macKey] = [randomBytes(16), randomBytes(32)]
  const chain = await createChain({ seed: randomBytes(32), salt, maxK: Math.max(payments, 1) })
  const signer = await ed25519Signer(randomBytes(32))
  const agreement = {
    ...({ network: 'nano:devnet', custodian: 'payee', payer: account, payee: account, refundTo: account } as const),
    ...{ origin: 'https://api.example.com', macKeyHash: hex(32), salt: bytesToHex(salt), nonce: hex(16) },
    ...{ expiresAt: Math.floor(Date.now() / 1_000) + 86_400, closeGrace: 60 },
  }
  const config: ChannelConfig =
    mode === 'payword-sha256'
      ? { ...agreement, mode, unit: String(UNIT), root: bytesToHex(chain.root), maxK: chain.maxK }
      : { ...agreement, mode, sessionKey: bytesToHex(signer.publicKey) }
  const id = channelId(config)
  const mac = hmacSha256(macKey)
  const shown: Payment[] = []
  for (let k = 1; k <= payments; k++) {
    const paymentId = `payment-${k}`.padEnd(32, '-')
    const said = { channelId: id, paymentId, requestHash: requestHash(REQUEST) }
    const cumulative = BigInt(k) * UNIT
    if (mode === 'payword-sha256') {
      const bytes = mac(proofBytes('token', { ...said, reach: String(k) }))
      const proof = {
        type: 'token',
        channelId: id,
        k,
        token: bytesToHex(chain.token(k)),
        mac: bytesToHex(bytes),
      } as const
      shown.push({ paymentId, proof })
    } else {
      const statement = proofBytes('voucher', { ...said, reach: String(cumulative) })
      const [signature, tag] = [bytesToHex(await signer.sign(statement)), bytesToHex(mac(statement))]
      shown.push({ paymentId, proof: { type: 'voucher', channelId: id, cumulative, signature, mac: tag } })
    }
  }
  return { id, terms: { config, macKey: bytesToHex(macKey) }, shown }
}

interface Row {
  readonly mode: string
  readonly store: string
  readonly inFlight: number
  readonly paymentsPerSecond: number
  /** Of this process, all of it. */
  readonly cpuMicros: number
}

async function measure(
  mode: ChannelConfig['mode'],
  at: { name: string; store: Store; inFlight: number },
): Promise<Row> {
  const { id, terms, shown } = await prepare(mode)
  const channels = createChannels({ store: at.store })
  const judge = createJudge({ channels })
  await channels.open(terms, { block: blockHash(hex(32)), amount: BigInt(payments) * UNIT })
  const pay = async ({ proof, paymentId }: Payment) => {
    const judged = await judge({ proof, paymentId, request: REQUEST, use: 'pay' })
    if (judged.kind !== 'genuine') throw new Error(JSON.stringify(judged))
    const order = { ...judged, owner: 'bench', amount: UNIT, leaseEndsAtMs: Date.now() + 60_000 }
    const reserved = await channels.authorizeAndReserve(id, order)
    if (reserved !== 'reserved' || !(await channels.charge(id, order))) throw new Error(String(reserved))
  }
  const started = { cpu: process.cpuUsage(), ms: performance.now() }
  const queue = shown.values()
  await Promise.all(
    Array.from({ length: at.inFlight }, async () => {
      for (const one of queue) await pay(one)
    }),
  )
  const { user, system } = process.cpuUsage(started.cpu)
  const seconds = (performance.now() - started.ms) / 1_000
  const charged = (await channels.state(id))?.charged
  if (charged !== BigInt(payments) * UNIT) throw new Error(`Charged ${charged}.`)
  const [paymentsPerSecond, cpuMicros] = [
    Math.round(payments / seconds),
    Math.round((10 * (user + system)) / payments) / 10,
  ]
  return { mode, store: at.name, inFlight: at.inFlight, paymentsPerSecond, cpuMicros }
}

const chainStartMs = performance.now()
await createChain({ seed: randomBytes(32), salt: randomBytes(16), maxK: MAX_K })
const chainMs = Math.round(performance.now() - chainStartMs)

const rows: Row[] = []
const stores = [{ name: 'memory', open: async () => memoryStore() as Store }]
const { redis } = options
if (redis !== undefined) stores.push({ name: 'redis', open: () => openStore(redis) })
for (const { name, open } of stores) {
  const store = await open()
  for (const mode of ['payword-sha256', 'voucher-ed25519'] as const) {
    await measure(mode, { name, store, inFlight: 16 }) // the engine compiles
    for (const inFlight of [1, 16]) rows.push(await measure(mode, { name, store, inFlight }))
  }
  await store.close()
}
if (options.json) console.log(JSON.stringify({ chainMs, rows }))
else {
  console.log(`A chain of 2^20 tokens: ${chainMs} ms`)
  console.table(rows)
}
