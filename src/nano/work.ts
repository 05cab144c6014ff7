/** Proof of work: a nonce whose hash with the root is large enough. */
import { WorkError } from '../errors.ts'
import { blake2b, reusedBlake2b } from './blake2b.ts'
import { bytesToHex, hexToBytes, type Work } from './hex.ts'

/** The least difficulty that a network accepts: `send` for sends and changes, `receive` for receives and opens. */
export interface WorkThresholds {
  readonly send: Work
  readonly receive: Work
}

/** Thresholds by network (epoch 2; nano-node `nano/lib/config.cpp`). */
export const WORK_THRESHOLDS = {
  'nano:mainnet': { send: 'fffffff800000000' as Work, receive: 'fffffe0000000000' as Work },
  'nano:devnet': { send: 'ffc0000000000000' as Work, receive: 'f000000000000000' as Work },
} as const satisfies Record<string, WorkThresholds>

/**
 * How good a nonce is: BLAKE2b with 8 bytes of output over nonce (little-endian) and root, read as little-endian number.
 *
 * @param root - 64 hex digits: the previous block's hash, or the account's public key for its first block.
 * @returns 16 lower-case hex digits; compare them as text.
 * @example
 * workDifficulty('0'.repeat(64), work('0'.repeat(16))) > WORK_THRESHOLDS['nano:devnet'].send // false
 */
export function workDifficulty(root: string, nonce: Work): Work {
  const input = new Uint8Array(40)
  input.set(hexToBytes(nonce).reverse())
  input.set(hexToBytes(root), 8)
  return bytesToHex(blake2b(8, input).reverse()).toLowerCase() as Work
}

/**
 * Whether a nonce reaches the threshold for this root.
 *
 * @example
 * isValidWork('0'.repeat(64), work('0'.repeat(16)), WORK_THRESHOLDS['nano:mainnet'].send) // false
 */
export const isValidWork = (root: string, nonce: Work, threshold: Work): boolean =>
  workDifficulty(root, nonce) >= threshold

/**
 * Searches for work on this thread, giving way to other tasks every few milliseconds. Good for a devnet (about a thousand
 * hashes); a mainnet send takes half a thousand million and belongs on a node or a GPU.
 *
 * @param root - 64 hex digits.
 * @param signal - Stops the search.
 * @throws {@link WorkError} (`ERR_WORK`) when `signal` aborts.
 * @example
 * (await generateWork('0'.repeat(64), WORK_THRESHOLDS['nano:devnet'].receive)).length // 16
 */
export async function generateWork(root: string, threshold: Work, signal?: AbortSignal): Promise<Work> {
  throwIfStopped(signal)
  const input = new Uint8Array(40)
  input.set(hexToBytes(root), 8)
  const nonce = new DataView(input.buffer, 0, 8)
  crypto.getRandomValues(input.subarray(0, 8))
  const least = BigInt(`0x${threshold}`)
  const hash = reusedBlake2b(8)
  for (let value = nonce.getBigUint64(0, true); ; value = (value + 1n) & 0xffffffffffffffffn) {
    nonce.setBigUint64(0, value, true)
    const digest = hash(input)
    if (new DataView(digest.buffer, digest.byteOffset, 8).getBigUint64(0, true) >= least) {
      return value.toString(16).padStart(16, '0') as Work
    }
    if ((value & 0x3ffn) !== 0n) continue
    await new Promise((resolve) => setTimeout(resolve))
    throwIfStopped(signal)
  }
}

function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new WorkError('The search for proof of work was stopped.', { cause: signal.reason })
}
