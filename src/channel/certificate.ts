/**
 * What an issuer signs when it has locked money for a channel: that the payee is paid what it can prove by then, up to so
 * much. A payee checks it offline, and asks the issuer nothing until it redeems.
 */
import { ed25519Verifier } from '#channel/ed25519'
import { encodeFields } from '../core/bytes.ts'
import { bytesToHex, hexToBytes } from '../nano/hex.ts'
import { type NanoAddress, nanoAddress, parseRaw } from '../nano/index.ts'
import { type ChannelConfig, type ChannelId, channelId } from './config.ts'

/** What is signed. */
export interface CertificateTerms {
  readonly channelId: ChannelId
  readonly payee: NanoAddress
  /** What is locked, in raw, as decimal text. */
  readonly amount: string
  /** Of the channel (Unix time in seconds). */
  readonly expiresAt: number
  /** Until then the payee can redeem (Unix time in seconds). Afterwards the money is the payer's again. */
  readonly settleBy: number
}

export interface Certificate extends CertificateTerms {
  /** Of the issuer that the channel's config names: plain Ed25519, 128 upper-case hex digits. */
  readonly signature: string
}

const certificateBytes = ({ channelId, payee, amount, expiresAt, settleBy }: CertificateTerms): Uint8Array =>
  encodeFields(['nano402-channel-certificate', channelId, payee, amount, String(expiresAt), String(settleBy)])

/** Signs as the issuer. Signed again, it is the same. */
export async function signCertificate(
  { channelId, payee, amount, expiresAt, settleBy }: CertificateTerms,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Certificate> {
  const terms = { channelId, payee, amount, expiresAt, settleBy }
  return { ...terms, signature: bytesToHex(await sign(certificateBytes(terms))) }
}

/**
 * A stranger's certificate, in the one spelling of each of its values; undefined for everything else.
 *
 * @example
 * readCertificate({ amount: '1' }) // undefined
 */
export function readCertificate(value: unknown): Certificate | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 6) return undefined
  const { channelId, payee, amount, expiresAt, settleBy, signature } = value as Readonly<Record<string, unknown>>
  if (typeof channelId !== 'string' || !/^[0-9A-F]{64}$/.test(channelId)) return undefined
  if (typeof signature !== 'string' || !/^[0-9A-F]{128}$/.test(signature)) return undefined
  if (!isSeconds(expiresAt) || !isSeconds(settleBy)) return undefined
  try {
    const account = nanoAddress(payee)
    if (account !== payee) return undefined
    return { channelId, payee: account, amount: String(parseRaw(amount)), expiresAt, settleBy, signature }
  } catch {
    return undefined // not an account, or not an amount
  }
}

const isSeconds = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** On the wire with `invalid_batch_settlement_nano_` in front. */
export type CertificateRefusal = 'certificate' | 'settle_window'

export interface CertificateRules {
  /** The keys of the issuers that the payee trusts to pay it. 64 upper-case hex digits each. */
  readonly issuers: readonly string[]
  /** The payee has to be left so many seconds to redeem after the last payment can have ended. */
  readonly minSettleSeconds: number
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/** Says what a certificate is worth to the payee of a config, in raw, or why nothing. Asks nobody. */
export type CheckCertificate = (
  config: ChannelConfig,
  certificate: Certificate,
) => Promise<CertificateRefusal | { readonly amount: bigint }>

/**
 * Makes the check of a payee, by the issuers that it trusts.
 *
 * @example
 * const check = createCertificateCheck({ issuers: ['AB'.repeat(32)], minSettleSeconds: 3_600 })
 */
export function createCertificateCheck({
  issuers,
  minSettleSeconds,
  now = Date.now,
}: CertificateRules): CheckCertificate {
  const verifiers = new Map<string, ReturnType<typeof ed25519Verifier>>()
  const verifierOf = (issuer: string) => {
    const known = verifiers.get(issuer) ?? ed25519Verifier(hexToBytes(issuer))
    verifiers.set(issuer, known)
    return known
  }
  return async (config, certificate) => {
    const { custodian, issuer, payee, expiresAt, closeGrace } = config
    if (custodian !== 'issuer' || issuer === undefined || !issuers.includes(issuer)) return 'certificate'
    const isForThis =
      certificate.channelId === channelId(config) &&
      certificate.payee === payee &&
      certificate.expiresAt === expiresAt &&
      BigInt(certificate.amount) > 0n
    if (!isForThis) return 'certificate'
    const isSigned = await verifierOf(issuer)
    if (!(await isSigned(certificateBytes(certificate), hexToBytes(certificate.signature)))) return 'certificate'
    const { settleBy } = certificate
    const isTooShort = settleBy < expiresAt + closeGrace + minSettleSeconds || now() >= 1_000 * settleBy
    return isTooShort ? 'settle_window' : { amount: BigInt(certificate.amount) }
  }
}
