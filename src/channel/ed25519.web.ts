/** Plain Ed25519 (RFC 8032) by WebCrypto, and by tweetnacl on platforms whose WebCrypto does not have it. */
import nacl from 'tweetnacl'

const ALGORITHM = { name: 'Ed25519' }
/** What stands before the 32 bytes of a private key as PKCS #8 (RFC 8410). */
const PKCS8 = Uint8Array.from([0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20])

/** WebCrypto's types ask for bytes that no other thread can change. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes)

/** Undefined where WebCrypto does not have Ed25519. */
async function importKey(format: 'raw' | 'pkcs8', bytes: Uint8Array, use: 'sign' | 'verify') {
  try {
    return await crypto.subtle.importKey(format, own(bytes), ALGORITHM, false, [use])
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotSupportedError') return undefined
    throw error
  }
}

/** Checks signatures of the key of these 32 bytes. The key is read once, here; false for one that is not on the curve. */
export async function ed25519Verifier(
  key: Uint8Array,
): Promise<(message: Uint8Array, signature: Uint8Array) => Promise<boolean>> {
  const imported = await importKey('raw', key, 'verify')
  return async (message, signature) => {
    if (signature.length !== nacl.sign.signatureLength) return false
    return imported
      ? crypto.subtle.verify(ALGORITHM, imported, own(signature), own(message))
      : nacl.sign.detached.verify(message, signature, key)
  }
}

/** Signs with the private key that these 32 bytes are. */
export async function ed25519Signer(
  seed: Uint8Array,
): Promise<{ readonly publicKey: Uint8Array; sign(message: Uint8Array): Promise<Uint8Array> }> {
  const pair = nacl.sign.keyPair.fromSeed(seed)
  const imported = await importKey('pkcs8', Uint8Array.from([...PKCS8, ...seed]), 'sign')
  return {
    publicKey: pair.publicKey,
    sign: async (message) =>
      imported
        ? new Uint8Array(await crypto.subtle.sign(ALGORITHM, imported, own(message)))
        : nacl.sign.detached(message, pair.secretKey),
  }
}
