/**
 * Is what a client shows a proof of this channel, for this request? The cheapest question comes first, and nobody without
 * the channel's key makes us hash a chain or check a signature: the MAC comes before anything is said or done.
 */

import { ed25519Verifier } from '#channel/ed25519'
import { LRUCache } from '#lru-cache'
import { equalInConstantTime } from '../core/bytes.ts'
import { bytesToHex, hexToBytes } from '../nano/hex.ts'
import { type PaidRequest, proofBytes, requestHash } from './binding.ts'
import type { Channels } from './channels.ts'
import type { ChannelConfig, ChannelId, PayWordConfig } from './config.ts'
import { isOfChain, MAX_STEP, type Token } from './payword.ts'
import { answered, type Channel } from './record.ts'
import { hmacSha256 } from './sha256.ts'
import { identifierHash, type LastProof, type ShownProof } from './wire.ts'

/** The request that it is shown with, and whether it pays that or only authorises more for a stream. */
export interface Shown {
  readonly proof: ShownProof
  readonly paymentId: string
  readonly request: PaidRequest
  readonly use: 'pay' | 'authorize'
}

/** A payment whose MAC is genuine. */
interface Known {
  /** SHA-256 of the payment identifier. */
  readonly idHash: Uint8Array
  readonly requestHash: Uint8Array
}

/** Genuine. What remains is to be decided in one step with the state: see `authorizeAndReserve`. */
export interface Genuine extends Known {
  readonly kind: 'genuine'
  /** Names the payment in the channel's state: 128 bits of a hash of the payment identifier. */
  readonly id: string
  /** Of the request, likewise. */
  readonly fingerprint: string
  /** What it authorises in all, in raw. */
  readonly reach: bigint
  /** What has to be kept to show it to somebody else. */
  readonly proof: string
  /** How far a token is from the best one: what it took to hash. */
  readonly steps: number
}

/** On the wire with `invalid_batch_settlement_nano_` in front. */
export type ProofRefusal =
  | 'channel_not_found'
  | 'channel_recovering'
  | 'payload'
  | 'mac'
  | 'proof'
  | 'step_exceeded'
  | 'busy'

export type Judged =
  | Genuine
  | { readonly kind: 'refused'; readonly code: ProofRefusal | 'payment_identifier_conflict' }
  | (Known & { readonly kind: 'answered'; readonly charged: bigint })

const refused = (code: ProofRefusal | 'payment_identifier_conflict'): Judged => ({ kind: 'refused', code })

/** So near to the best token lie those of requests that are under way together. They cost no more than other requests do. */
const FREE_STEPS = 64

/** How many hashes beyond those are done for one channel in a second. */
const HASHES_PER_SECOND = 65_536

/** What is made once for a channel. */
interface Keys {
  readonly config: ChannelConfig
  readonly mac: (message: Uint8Array) => Uint8Array
  readonly isSigned: ((message: Uint8Array, signature: Uint8Array) => Promise<boolean>) | undefined
  readonly salt: Uint8Array
  /** What a token is worth, in raw. */
  readonly unit: bigint
  /** The latest token that was found to be of the chain: the next one is mostly nearer to it than to the best one stored. */
  latest: Token | undefined
  second: number
  hashesLeft: number
}

export type JudgeProof = (shown: Shown) => Promise<Judged>

export function createJudge(options: {
  readonly channels: Pick<Channels, 'terms' | 'state' | 'recentState'>
  /** How far a token may be from the best one. Default, and at most, 1,024. */
  readonly maxStep?: number
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}): JudgeProof {
  const { channels, maxStep = MAX_STEP, now = Date.now } = options
  const known = new LRUCache<ChannelId, Keys>({ max: 10_000 })

  async function keysOf(id: ChannelId): Promise<Keys | undefined> {
    const found = known.get(id)
    if (found) return found
    const terms = await channels.terms(id)
    if (terms === undefined) return undefined
    const { config, macKey } = terms
    const keys: Keys = {
      config,
      mac: hmacSha256(hexToBytes(macKey)),
      isSigned: config.mode === 'voucher-ed25519' ? await ed25519Verifier(hexToBytes(config.sessionKey)) : undefined,
      salt: hexToBytes(config.salt),
      unit: config.mode === 'payword-sha256' ? BigInt(config.unit) : 0n,
      latest: undefined,
      second: 0,
      hashesLeft: 0,
    }
    known.set(id, keys)
    return keys
  }

  /** Takes so many hashes from the channel's share of this second. */
  function mayHash(keys: Keys, hashes: number): boolean {
    const second = Math.floor(now() / 1_000)
    if (second !== keys.second) Object.assign(keys, { second, hashesLeft: HASHES_PER_SECOND })
    if (keys.hashesLeft < hashes) return false
    keys.hashesLeft -= hashes
    return true
  }

  /** A token whose MAC is genuine, against the best one so far, or one that is nearer. */
  function judgeToken(
    keys: Keys,
    shown: { readonly k: number; readonly token: string },
    { authorized, proof }: Channel,
  ): 'genuine' | ProofRefusal {
    const k = Number(authorized / keys.unit)
    const steps = Math.abs(shown.k - k)
    if (steps > maxStep) return 'step_exceeded'
    if (!mayHash(keys, Math.max(0, steps - FREE_STEPS))) return 'busy'
    const { latest } = keys
    const isNearer = latest !== undefined && Math.abs(shown.k - latest.k) < steps
    const known = isNearer ? latest : { k, token: hexToBytes(proof ?? (keys.config as PayWordConfig).root) }
    const token = { k: shown.k, token: hexToBytes(shown.token) }
    if (!isOfChain(keys.salt, known, token)) return 'proof'
    keys.latest = token
    return 'genuine'
  }

  return async ({ proof, paymentId, request, use }) => {
    const keys = await keysOf(proof.channelId)
    if (keys === undefined) return refused('channel_not_found')
    const { config } = keys
    const hash = requestHash(request)
    const reach = proof.type === 'token' ? String(proof.k) : String(proof.cumulative)
    const kind = use === 'pay' ? proof.type : (`authorize-${proof.type}` as const)
    const statement = proofBytes(kind, { channelId: proof.channelId, reach, paymentId, requestHash: hash })

    if ((proof.type === 'token') !== (config.mode === 'payword-sha256')) return refused('payload')
    if (!equalInConstantTime(keys.mac(statement), hexToBytes(proof.mac))) return refused('mac')

    const channel = await channels.recentState(proof.channelId)
    if (channel === undefined) return refused('channel_not_found')
    if (channel.phase === 'recovering') return refused('channel_recovering')
    const idHash = identifierHash(paymentId)
    const id = bytesToHex(idHash.subarray(0, 16))
    const fingerprint = bytesToHex(hash.subarray(0, 16))
    const answer = use === 'pay' ? answered(channel, { id, fingerprint }) : undefined
    if (answer === 'payment_identifier_conflict') return refused(answer)
    if (answer) return { kind: 'answered', idHash, requestHash: hash, charged: answer.charged }

    if (proof.type === 'voucher') {
      if (!(await keys.isSigned?.(statement, hexToBytes(proof.signature)))) return refused('proof')
      const { signature } = proof
      const kept = keepVoucher({ kind: use === 'pay' ? 'voucher' : 'authorize-voucher', signature, hash, paymentId })
      const reach = proof.cumulative
      return { kind: 'genuine', idHash, requestHash: hash, id, fingerprint, reach, proof: kept, steps: 0 }
    }
    if (proof.k < 1 || proof.k > (config as PayWordConfig).maxK) return refused('payload')
    let judged = judgeToken(keys, proof, channel)
    if (judged === 'step_exceeded') {
      // Another process may have gone on from there.
      const current = await channels.state(proof.channelId)
      if (current) judged = judgeToken(keys, proof, current)
    }
    if (judged !== 'genuine') return refused(judged)
    const steps = Math.abs(proof.k - Number(channel.authorized / keys.unit))
    const reached = BigInt(proof.k) * keys.unit
    return { kind: 'genuine', idHash, requestHash: hash, id, fingerprint, reach: reached, proof: proof.token, steps }
  }
}

/** A voucher as it is kept: what it takes to check its signature again, beside its channel and its sum. */
const keepVoucher = (voucher: {
  readonly kind: 'voucher' | 'authorize-voucher'
  readonly signature: string
  readonly hash: Uint8Array
  readonly paymentId: string
}): string => `${voucher.kind}:${voucher.signature}:${bytesToHex(voucher.hash)}:${voucher.paymentId}`

/** The best proof of a channel as it is shown to its payer; undefined before the first. */
export function lastProofOf(config: ChannelConfig, { authorized, proof }: Channel): LastProof | undefined {
  if (proof === undefined) return undefined
  if (config.mode === 'payword-sha256') return { k: Number(authorized / BigInt(config.unit)), token: proof }
  const [kind, signature = '', requestHash = '', ...id] = proof.split(':')
  const isPayment = kind === 'voucher'
  const cumulative = String(authorized)
  return { cumulative, signature, kind: isPayment ? kind : 'authorize-voucher', paymentId: id.join(':'), requestHash }
}
