/**
 * A pass as its client has it: what it says, and a MAC over that and over what it is good for, which it does not say. The
 * text is compared, so that it has one spelling.
 */
import { encodeFields, encodeUtf8, equalInConstantTime, type Field } from '../core/bytes.ts'
import type { KeyedMac } from '../core/seal.ts'
import { encodeBase64Url } from '../x402/base64.ts'

/** What a token carries. */
export interface PassTerms {
  /** 22 characters of base64url, drawn at random. */
  readonly id: string
  readonly uses: number
  /** Unix time in seconds. */
  readonly expiresAt: number
}

/** Id, uses, expiry and MAC. */
const FORM = /^(([\w-]{22})\.([1-9]\d{0,6})\.([1-9]\d{9,10}))\.[\w-]{43}$/

/** The token of these terms, bound to these fields. */
export function sealPass({ id, uses, expiresAt }: PassTerms, binding: readonly Field[], mac: KeyedMac): string {
  const said = `${id}.${uses}.${expiresAt}`
  return `${said}.${encodeBase64Url(mac(encodeFields(['nano402 pass 1', said, ...binding])))}`
}

/** What a token says, without believing it; undefined when it has not even the form. */
export function readPass(token: string): PassTerms | undefined {
  const [, , id, uses, expiresAt] = FORM.exec(token) ?? []
  return id === undefined ? undefined : { id, uses: Number(uses), expiresAt: Number(expiresAt) }
}

/** Whether one of these keys sealed it for this. */
export function isGenuine(token: string, binding: readonly Field[], macs: readonly KeyedMac[]): boolean {
  const terms = readPass(token)
  const given = encodeUtf8(token)
  return !!terms && macs.some((mac) => equalInConstantTime(encodeUtf8(sealPass(terms, binding, mac)), given))
}
