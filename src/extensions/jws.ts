/** Compact JWS with Ed25519 (RFC 7515, RFC 8037) over Web Crypto, and the public keys that check them. */
import { ConfigError } from '../errors.ts'
import { encodeBase64Url, encodeTextBase64Url } from '../x402/base64.ts'

/** A public key as it stands in a JWK set (RFC 7517). */
export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
  readonly kid: string
  readonly alg: 'EdDSA'
  readonly use: 'sig'
}

export interface Signer {
  /** The keys that check what was and is signed here; the one that signs comes first. */
  publicKeys(): Promise<readonly PublicJwk[]>
  /** The payload as a compact JWS. Rejects where Web Crypto has no Ed25519. */
  sign(payload: Readonly<Record<string, unknown>>): Promise<string>
}

const ALGORITHM = 'Ed25519'
/** What stands before the 32 bytes of a private key in PKCS #8 (RFC 8410). */
const PKCS8_HEAD = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]
const encoder = new TextEncoder()

/**
 * Makes a signer from private keys. The first signs; the others are published, so that what they signed can be checked.
 *
 * @param keys - 64 hex digits each.
 * @throws {@link ConfigError} (`ERR_CONFIG`) for one that is none. It is not quoted.
 */
export function createSigner(keys: readonly string[]): Signer {
  const seeds = keys.map(seedOf)
  let importing: Promise<readonly ImportedKey[]> | undefined
  const imported = () => {
    importing ??= Promise.all(seeds.map(importKey))
    return importing
  }
  return {
    publicKeys: async () => (await imported()).map(({ jwk }) => jwk),
    async sign(payload) {
      const [first] = await imported()
      if (!first) throw new TypeError('A signer needs a key.')
      const input = `${first.head}.${encodeTextBase64Url(canonicalJson(payload))}`
      const signature = await crypto.subtle.sign(ALGORITHM, first.key, encoder.encode(input))
      return `${input}.${encodeBase64Url(new Uint8Array(signature))}`
    },
  }
}

interface ImportedKey {
  readonly key: CryptoKey
  readonly jwk: PublicJwk
  /** The protected header, encoded. */
  readonly head: string
}

function seedOf(text: string): Uint8Array {
  if (!/^[0-9a-f]{64}$/i.test(text)) {
    throw new ConfigError(
      'NANO402_RECEIPT_KEY (option receipts) must be 64 hex digits. Make one with: openssl rand -hex 32',
    )
  }
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

async function importKey(seed: Uint8Array): Promise<ImportedKey> {
  const key = await crypto.subtle.importKey('pkcs8', new Uint8Array([...PKCS8_HEAD, ...seed]), ALGORITHM, true, [
    'sign',
  ])
  const { x = '' } = await crypto.subtle.exportKey('jwk', key)
  // did:jwk, so that the id says the key, whoever reads it; that the key is ours is what our JWK set says.
  const kid = `did:jwk:${encodeTextBase64Url(canonicalJson({ crv: ALGORITHM, kty: 'OKP', x }))}#0`
  const head = encodeTextBase64Url(JSON.stringify({ alg: 'EdDSA', kid }))
  return { key, head, jwk: { kty: 'OKP', crv: ALGORITHM, x, kid, alg: 'EdDSA', use: 'sig' } }
}

/** JSON with its keys in order (RFC 8785). For flat objects of text and whole numbers, which is all there is here. */
const canonicalJson = (value: Readonly<Record<string, unknown>>) => JSON.stringify(value, Object.keys(value).sort())
