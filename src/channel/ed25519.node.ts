/** Plain Ed25519 (RFC 8032) on Node, natively. Vouchers and receipts are signed with it, and no block. */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'

/** What stands before the 32 bytes of a key in DER (RFC 8410): as a SubjectPublicKeyInfo, and as a PKCS #8 private key. */
const SPKI = Uint8Array.from([0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0])
const PKCS8 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20])

/** Checks signatures of the key of these 32 bytes. The key is read once, here; false for one that is not on the curve. */
export async function ed25519Verifier(
  key: Uint8Array,
): Promise<(message: Uint8Array, signature: Uint8Array) => Promise<boolean>> {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' })
  return async (message, signature) => verify(null, message, publicKey, signature)
}

/** Signs with the private key that these 32 bytes are. */
export async function ed25519Signer(
  seed: Uint8Array,
): Promise<{ readonly publicKey: Uint8Array; sign(message: Uint8Array): Promise<Uint8Array> }> {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: Uint8Array.from(spki.subarray(SPKI.length)),
    sign: async (message) => Uint8Array.from(sign(null, message, privateKey)),
  }
}
