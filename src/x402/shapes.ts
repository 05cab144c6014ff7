/** The objects of x402 version 2 (specification v2, sections 5.1 to 5.3). Unknown keys are tolerated, as the specification asks. */
import * as z from '../zod.ts'

export const X402_VERSION = 2

/** What is for sale. */
export interface ResourceInfo {
  readonly url: string
  readonly description?: string
  readonly mimeType?: string
}

/** One way to pay: an entry of `accepts`. `amount` is text in the asset's smallest unit, raw for XNO. */
export interface PaymentRequirements {
  readonly scheme: string
  /** CAIP-2, such as `nano:mainnet`. */
  readonly network: string
  readonly amount: string
  readonly asset: string
  readonly payTo: string
  readonly maxTimeoutSeconds: number
  readonly extra?: Readonly<Record<string, unknown>>
}

/** What a 402 says. `message` is ours: the sentence that goes with the code in `error`. */
export interface PaymentRequired {
  readonly x402Version: typeof X402_VERSION
  readonly error?: string
  readonly message?: string
  readonly resource: ResourceInfo
  readonly accepts: readonly PaymentRequirements[]
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** What the client presents: the entry it chose, and the mechanism's proof. */
export interface PaymentPayload {
  readonly x402Version: typeof X402_VERSION
  readonly resource?: ResourceInfo
  readonly accepted: PaymentRequirements
  readonly payload: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** What became of a payment. `transaction` is the block's hash, or `""` when it failed; `amount` is raw, as decimal text. */
export interface SettlementResponse {
  readonly success: boolean
  readonly transaction: string
  readonly network: string
  readonly payer?: string
  readonly amount?: string
  readonly errorReason?: string
  readonly errorMessage?: string
  /** The scheme's own. */
  readonly extra?: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
}

/** Whether a payment would be taken. Nothing was changed by asking. */
export interface VerifyResponse {
  readonly isValid: boolean
  readonly invalidReason?: string
  readonly invalidMessage?: string
  readonly payer?: string
}

/** What a facilitator can verify and settle. `signers` are its own accounts by network; ours has none. */
export interface SupportedResponse {
  readonly kinds: readonly {
    readonly x402Version: number
    readonly scheme: string
    readonly network: string
    readonly extra?: Readonly<Record<string, unknown>>
  }[]
  readonly extensions: readonly string[]
  readonly signers: Readonly<Record<string, readonly string[]>>
}

/** In an asset's smallest unit: at most a uint256. */
const ATOMIC_AMOUNT = /^(0|[1-9][0-9]{0,77})$/

/** Made when the first object is read: an import should cost little. */
function makeReaders() {
  const anyObject = z.record(z.string(), z.unknown())
  const atomicAmount = z.string().check(z.regex(ATOMIC_AMOUNT))

  const resourceInfo = z.object({
    url: z.string(),
    description: z.optional(z.string()),
    mimeType: z.optional(z.string()),
  })

  const paymentRequirements = z.object({
    scheme: z.string(),
    network: z.string(),
    amount: atomicAmount,
    asset: z.string(),
    payTo: z.string(),
    maxTimeoutSeconds: z.number().check(z.nonnegative()),
    extra: z.optional(anyObject),
  })

  const paymentRequired = z.object({
    x402Version: z.literal(X402_VERSION),
    error: z.optional(z.string()),
    message: z.optional(z.string()),
    resource: resourceInfo,
    accepts: z.array(paymentRequirements),
    extensions: z.optional(anyObject),
  })

  const settlementResponse = z.object({
    success: z.boolean(),
    transaction: z.string(),
    network: z.string(),
    payer: z.optional(z.string()),
    amount: z.optional(z.string()),
    errorReason: z.optional(z.string()),
    errorMessage: z.optional(z.string()),
    extra: z.optional(anyObject),
    extensions: z.optional(anyObject),
  })

  const verifyResponse = z.object({
    isValid: z.boolean(),
    invalidReason: z.optional(z.string()),
    invalidMessage: z.optional(z.string()),
    payer: z.optional(z.string()),
  })

  const supportedResponse = z.object({
    kinds: z.array(
      z.object({ x402Version: z.number(), scheme: z.string(), network: z.string(), extra: z.optional(anyObject) }),
    ),
    extensions: z.array(z.string()),
    signers: z.record(z.string(), z.array(z.string())),
  })

  return {
    verifyResponse: reader<VerifyResponse>(verifyResponse),
    supportedResponse: reader<SupportedResponse>(supportedResponse),
    paymentRequirements: reader<PaymentRequirements>(paymentRequirements),
    paymentRequired: reader<PaymentRequired>(paymentRequired),
    paymentRequiredProblems: problemsBy(paymentRequired),
    settlementResponse: reader<SettlementResponse>(settlementResponse),
  }
}

/** The value if it has the shape, otherwise undefined. zod's types say `| undefined` where ours leave the key out; JSON has no undefined. */
const reader =
  <T>(schema: z.ZodMiniType) =>
  (value: unknown): T | undefined => {
    const parsed = schema.safeParse(value)
    return parsed.success ? (parsed.data as T) : undefined
  }

/** What is wrong with a value, for people: where, and what. Empty when it has the shape. */
const problemsBy =
  (schema: z.ZodMiniType) =>
  (value: unknown): readonly string[] => {
    const parsed = schema.safeParse(value)
    if (parsed.success) return []
    return parsed.error.issues.map((issue) => {
      const where = issue.path.reduce<string>(
        (path, key) =>
          typeof key === 'number' ? `${path}[${key}]` : path === '' ? String(key) : `${path}.${String(key)}`,
        '',
      )
      const found = issue.path.reduce<unknown>(
        (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
        value,
      )
      return `${where || 'it'} ${found === undefined ? 'is missing' : (EXPECTED[issue.code] ?? 'is of another type')}`
    })
  }

/** By zod's code of an issue; there is one place for each but the first. */
const EXPECTED: Readonly<Record<string, string>> = {
  invalid_value: `is not ${X402_VERSION}`,
  invalid_format: 'is not decimal digits',
  too_small: 'is below 0',
}

let made: ReturnType<typeof makeReaders> | undefined
const readers = () => {
  made ??= makeReaders()
  return made
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isFieldsOrAbsent = (value: unknown): value is Fields | undefined => value === undefined || isFields(value)
const isTextOrAbsent = (value: unknown): value is string | undefined => value === undefined || typeof value === 'string'

const NONE: ResourceInfo = { url: '' }

/** What a client presents with each paid request, so it is read by hand: a shape takes ten times as long. */
export function readPaymentPayload(value: unknown): PaymentPayload | undefined {
  if (!isFields(value) || value.x402Version !== X402_VERSION) return undefined
  const { payload, extensions } = value
  const accepted = readAccepted(value.accepted)
  const resource = value.resource === undefined ? NONE : readResource(value.resource)
  if (!accepted || !resource || !isFields(payload) || !isFieldsOrAbsent(extensions)) return undefined
  const more = { ...(resource !== NONE && { resource }), ...(extensions && { extensions }) }
  return { x402Version: X402_VERSION, accepted, payload, ...more }
}

function readAccepted(value: unknown): PaymentRequirements | undefined {
  if (!isFields(value)) return undefined
  const { scheme, network, amount, asset, payTo, maxTimeoutSeconds: timeout, extra } = value
  if (typeof scheme !== 'string' || typeof network !== 'string' || typeof asset !== 'string') return undefined
  if (typeof amount !== 'string' || !ATOMIC_AMOUNT.test(amount) || typeof payTo !== 'string') return undefined
  if (typeof timeout !== 'number' || !Number.isFinite(timeout) || timeout < 0) return undefined
  if (!isFieldsOrAbsent(extra)) return undefined
  return { scheme, network, amount, asset, payTo, maxTimeoutSeconds: timeout, ...(extra && { extra }) }
}

function readResource(value: unknown): ResourceInfo | undefined {
  if (!isFields(value)) return undefined
  const { url, description, mimeType } = value
  if (typeof url !== 'string' || !isTextOrAbsent(description) || !isTextOrAbsent(mimeType)) return undefined
  return { url, ...(description !== undefined && { description }), ...(mimeType !== undefined && { mimeType }) }
}

export const readPaymentRequirements = (value: unknown) => readers().paymentRequirements(value)
export const readPaymentRequired = (value: unknown) => readers().paymentRequired(value)
/** What keeps a value from being what a 402 says, such as `accepts[0].amount is missing`. */
export const problemsOfPaymentRequired = (value: unknown) => readers().paymentRequiredProblems(value)
export const readSettlementResponse = (value: unknown) => readers().settlementResponse(value)
export const readVerifyResponse = (value: unknown) => readers().verifyResponse(value)
export const readSupportedResponse = (value: unknown) => readers().supportedResponse(value)
