/** What we say of a channel, signed: evidence in the hands of a payer who has to trust us with its deposit. */
import { ed25519Signer, ed25519Verifier } from '#channel/ed25519'
import type { ChannelId } from '../../channel/config.ts'
import { type Channel, reserved } from '../../channel/record.ts'
import { hmacSha256 } from '../../channel/sha256.ts'
import { type Acknowledged, type ChannelOutcome, type ChannelState, receiptBytes } from '../../channel/wire.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { bytesToHex, hexToBytes } from '../../nano/hex.ts'
import type { PrivateKey } from '../../nano/index.ts'
import { unixSeconds } from '../exact.ts'

export interface Receipts {
  /** 64 hex digits. */
  readonly publicKey: string
  /** The same with a receipt. `requestHash`: of the request that it is about. */
  sign(outcome: Omit<ChannelOutcome, 'receipt'>, requestHash?: Uint8Array): Promise<ChannelOutcome>
  /** Whether we said this, in whatever process and with whatever store. */
  isOurs(acknowledged: Acknowledged): Promise<boolean>
}

/** The key follows from that of the deposit account, so that receipts are good for as long as the account is. */
export async function createReceipts(key: PrivateKey): Promise<Receipts> {
  const seed = hmacSha256(hexToBytes(key))(encodeUtf8('nano402-channel-receipt-key'))
  const signer = await ed25519Signer(seed)
  const isSigned = await ed25519Verifier(signer.publicKey)
  return {
    publicKey: bytesToHex(signer.publicKey),
    async sign(outcome, requestHash) {
      const issuedAt = unixSeconds(Date.now())
      const signature = bytesToHex(await signer.sign(receiptBytes(outcome, { requestHash, issuedAt })))
      return { ...outcome, receipt: { issuedAt, signature } }
    },
    async isOurs({ receipt, requestHash: hash, ...outcome }) {
      if (receipt === undefined) return false
      const about = { requestHash: hash === undefined ? undefined : hexToBytes(hash), issuedAt: receipt.issuedAt }
      return isSigned(receiptBytes(outcome, about), hexToBytes(receipt.signature))
    },
  }
}

export function stateOf(channelId: ChannelId, channel: Channel): ChannelState {
  const { phase, deposit, authorized, charged, expiresAtMs, refundBlock: refund } = channel
  const state = {
    channelId,
    phase,
    deposit: String(deposit),
    authorized: String(authorized),
    charged: String(charged),
    reserved: String(reserved(channel)),
    expiresAt: unixSeconds(expiresAtMs),
  }
  return refund === undefined ? state : { ...state, refund }
}
