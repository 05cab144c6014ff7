/**
 * The best proof of a channel, judged by itself: as its payee shows it to an issuer to be paid for. It needs no MAC and no
 * request, because a token of the chain, or a voucher with its signature, can come from nobody but the payer.
 */
import { ed25519Verifier } from '#channel/ed25519'
import { equalInConstantTime } from '../core/bytes.ts'
import { hexToBytes } from '../nano/hex.ts'
import { MAX_RAW } from '../nano/raw.ts'
import { proofBytes } from './binding.ts'
import { type ChannelConfig, channelId, type PayWordConfig, type VoucherConfig } from './config.ts'
import { hashDown } from './payword.ts'
import type { LastProof } from './wire.ts'

type LastToken = Extract<LastProof, { readonly k: number }>
type LastVoucher = Exclude<LastProof, LastToken>

const MAX_PAYMENT_ID = 128

/** A stranger's best proof in its one spelling; undefined for everything else. */
export function readLastProof(value: unknown): LastProof | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { k, token, cumulative, signature, kind, paymentId, requestHash } = value as Readonly<Record<string, unknown>>
  const fields = Object.keys(value).length
  if (fields === 2) {
    return Number.isSafeInteger(k) && (k as number) >= 1 && isHex(token, 64) ? { k: k as number, token } : undefined
  }
  if (fields !== 5 || !isHex(requestHash, 64) || !isHex(signature, 128)) return undefined
  if (kind !== 'voucher' && kind !== 'authorize-voucher') return undefined
  if (typeof paymentId !== 'string' || paymentId.length > MAX_PAYMENT_ID) return undefined
  if (typeof cumulative !== 'string' || !/^(0|[1-9][0-9]{0,38})$/.test(cumulative)) return undefined
  return { cumulative, signature, kind, paymentId, requestHash }
}

const isHex = (value: unknown, length: number): value is string =>
  typeof value === 'string' && value.length === length && /^[0-9A-F]+$/.test(value)

/** How many hashes it takes to judge a proof. */
export const hashesFor = (proof: LastProof): number => ('k' in proof ? proof.k : 0)

/**
 * What a proof shows that the payer authorised in all, in raw. One of another mode than the config's shows nothing here,
 * however genuine. A token takes as many hashes as its number, at most 2^20, in pieces between which others have their turn.
 */
export async function judgeLastProof(
  config: ChannelConfig,
  proof: LastProof,
): Promise<bigint | 'wrong_mode' | 'proof'> {
  if (config.mode === 'payword-sha256') return 'k' in proof ? judgeToken(config, proof) : 'wrong_mode'
  return 'k' in proof ? 'wrong_mode' : judgeVoucher(config, proof)
}

/** About 10 ms. */
const STEPS_PER_TURN = 2 ** 15

async function judgeToken(config: PayWordConfig, { k, token }: LastToken): Promise<bigint | 'proof'> {
  if (k > config.maxK) return 'proof'
  const salt = hexToBytes(config.salt)
  let at: Uint8Array = hexToBytes(token)
  for (let left = k; left > 0; left -= STEPS_PER_TURN) {
    if (left < k) await new Promise((resolve) => setTimeout(resolve))
    at = hashDown(salt, at, Math.min(left, STEPS_PER_TURN))
  }
  return equalInConstantTime(at, hexToBytes(config.root)) ? BigInt(k) * BigInt(config.unit) : 'proof'
}

async function judgeVoucher(config: VoucherConfig, proof: LastVoucher): Promise<bigint | 'proof'> {
  const { kind, cumulative: reach, paymentId, requestHash, signature } = proof
  if (BigInt(reach) > MAX_RAW) return 'proof'
  const statement = { channelId: channelId(config), reach, paymentId, requestHash: hexToBytes(requestHash) }
  const isSigned = await ed25519Verifier(hexToBytes(config.sessionKey)).catch(() => undefined)
  return (await isSigned?.(proofBytes(kind, statement), hexToBytes(signature))) ? BigInt(reach) : 'proof'
}
