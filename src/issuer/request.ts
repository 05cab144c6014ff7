/**
 * Who asks an issuer for something: every request is signed by the account's own key, as a Nano off-chain message, or by a
 * session key that the account has registered. What is signed names the issuer, the request and its body, an instant and a
 * nonce, so that it is good at one issuer, for one request, once.
 */

import { ed25519Signer, ed25519Verifier } from '#channel/ed25519'
import { LRUCache } from '#lru-cache'
import type { ChannelId } from '../channel/config.ts'
import { sha256 } from '../channel/sha256.ts'
import type { Release } from '../channel/wire.ts'
import { encodeFields, encodeUtf8, randomHex } from '../core/bytes.ts'
import { bytesToHex, hexToBytes } from '../nano/hex.ts'
import {
  addressToPublicKey,
  derivePublicKey,
  type NanoAddress,
  nanoAddress,
  type PrivateKey,
  publicKeyToAddress,
  type Signature,
  signMessage,
  verifyMessage,
} from '../nano/index.ts'

/** `nano`: the account's own key. Otherwise a session key: 64 upper-case hex digits. */
export type KeyName = string
const OWN_KEY = 'nano'

export const isOwnKey = (key: KeyName): boolean => key === OWN_KEY

/** Signs texts for an account. */
export interface Signer {
  readonly account: NanoAddress
  readonly key: KeyName
  /** 128 upper-case hex digits. */
  sign(text: string): Promise<string>
}

/**
 * Signs as the account itself.
 *
 * @example
 * const signer = accountSigner(derivePrivateKey('0'.repeat(64), 0))
 */
export const accountSigner = (key: PrivateKey): Signer => ({
  account: publicKeyToAddress(derivePublicKey(key)),
  key: OWN_KEY,
  sign: async (text) => signMessage(text, key),
})

/**
 * Signs with a session key of the account.
 *
 * @param seed - 32 bytes: the private key.
 * @example
 * const account = nanoAddress('nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to')
 * const signer = await sessionSigner(account, crypto.getRandomValues(new Uint8Array(32)))
 */
export async function sessionSigner(account: NanoAddress, seed: Uint8Array): Promise<Signer> {
  const { publicKey, sign } = await ed25519Signer(seed)
  return { account, key: bytesToHex(publicKey), sign: async (text) => bytesToHex(await sign(encodeUtf8(text))) }
}

export type IsSigned = (
  signed: { readonly account: NanoAddress; readonly key: KeyName; readonly signature: string },
  text: string,
) => Promise<boolean>

/** Whether the key that is named signed a text. Whether that key may act for the account is another question. */
export function createSignatureCheck(): IsSigned {
  const verifiers = new LRUCache<string, ReturnType<typeof ed25519Verifier>>({ max: 10_000 })
  return async ({ account, key, signature }, text) => {
    if (isOwnKey(key)) return verifyMessage(text, signature as Signature, addressToPublicKey(account))
    const verifier = verifiers.get(key) ?? ed25519Verifier(hexToBytes(key))
    verifiers.set(key, verifier)
    const isSigned = await verifier.catch(() => undefined)
    return (await isSigned?.(encodeUtf8(text), hexToBytes(signature))) === true
  }
}

/** A request, as it is signed. */
export interface SignedRequest {
  readonly method: string
  /** Path and query, as they are sent. */
  readonly target: string
  readonly body: string
}

/** What goes with it in `Authorization`. */
export interface Authorization {
  readonly account: NanoAddress
  readonly key: KeyName
  /** Unix time in seconds. */
  readonly at: number
  /** 32 lower-case hex digits, drawn at random. */
  readonly nonce: string
  readonly signature: string
}

/** What is signed. @param issuer - The key that the issuer signs certificates with. */
export function requestText(
  issuer: string,
  { method, target, body }: SignedRequest,
  { account, key, at, nonce }: Omit<Authorization, 'signature'>,
): string {
  const bodyHash = sha256(encodeUtf8(body))
  const fields = ['nano402-issuer-request', issuer, account, key, String(at), nonce, method, target, bodyHash]
  return `nano402-issuer-request:${bytesToHex(sha256(encodeFields(fields)))}`
}

/** The header `Authorization` for one request, good for a minute. */
export async function authorizeRequest(
  issuer: string,
  request: SignedRequest,
  { signer, now = Date.now }: { readonly signer: Signer; readonly now?: () => number },
): Promise<string> {
  const { account, key } = signer
  const said = { account, key, at: Math.floor(now() / 1_000), nonce: randomHex(16) }
  const signature = await signer.sign(requestText(issuer, request, said))
  return `Nano402 account=${account},key=${key},at=${said.at},nonce=${said.nonce},signature=${signature}`
}

const FORM =
  /^Nano402 account=(nano_[13][13-9a-km-uw-z]{59}),key=(nano|[0-9A-F]{64}),at=([1-9]\d{0,11}),nonce=([0-9a-f]{32}),signature=([0-9A-F]{128})$/

/** What the header says, in the one spelling of each of its values; undefined for everything else. */
export function readAuthorization(header: string | undefined): Authorization | undefined {
  const [, account, key, at, nonce, signature] = FORM.exec(header ?? '') ?? []
  if (!account || !key || !nonce || !signature) return undefined
  try {
    return { account: nanoAddress(account), key, at: Number(at), nonce, signature }
  } catch {
    return undefined // a wrong checksum
  }
}

export const releaseText = (issuer: string, channelId: ChannelId, amount: string): string =>
  `nano402-issuer-release:${issuer}:${channelId}:${amount}`

/**
 * Signs as the payee of a channel. Whoever has this and may act for the payer can end the channel.
 *
 * @example
 * const signer = accountSigner(derivePrivateKey('0'.repeat(64), 0))
 * const release = await signRelease(signer, { issuer: 'AB'.repeat(32), channelId: 'CD'.repeat(32), amount: 0n })
 */
export async function signRelease(
  signer: Signer,
  terms: { readonly issuer: string; readonly channelId: ChannelId; readonly amount: bigint },
): Promise<Release> {
  const amount = String(terms.amount)
  const signature = await signer.sign(releaseText(terms.issuer, terms.channelId, amount))
  return { amount, key: signer.key, signature }
}

/** A stranger's release if it has the form of one. */
export function readRelease(value: unknown): Release | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 3) return undefined
  const { amount, key, signature } = value as Readonly<Record<string, unknown>>
  if (typeof amount !== 'string' || !/^(0|[1-9][0-9]{0,38})$/.test(amount)) return undefined
  if (typeof key !== 'string' || !/^(nano|[0-9A-F]{64})$/.test(key)) return undefined
  if (typeof signature !== 'string' || !/^[0-9A-F]{128}$/.test(signature)) return undefined
  return { amount, key, signature }
}
