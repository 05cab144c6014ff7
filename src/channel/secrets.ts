/** What a payer keeps of a channel follows from its account's key and the channel's salt, so that a crash loses nothing. */
import { encodeFields } from '../core/bytes.ts'
import { hexToBytes } from '../nano/hex.ts'
import type { PrivateKey } from '../nano/index.ts'
import { hmacSha256 } from './sha256.ts'

/** 32 bytes each, that nobody else may see. `macKey` is told the payee when the channel opens. */
export interface ChannelSecrets {
  /** The last token of a PayWord chain. */
  readonly chainSeed: Uint8Array
  /** The private key that vouchers are signed with. */
  readonly sessionSeed: Uint8Array
  readonly macKey: Uint8Array
}

/** @param salt - The config's, which must be random: the same salt gives the same chain. */
export function deriveChannelSecrets(key: PrivateKey, salt: Uint8Array): ChannelSecrets {
  const derive = hmacSha256(hexToBytes(key))
  const secret = (name: string) => derive(encodeFields([`nano402-channel-secret-${name}`, salt]))
  return { chainSeed: secret('chain'), sessionSeed: secret('session'), macKey: secret('mac') }
}
