/** `nano402 inspect`: what a 402 asks, in words, and whether it keeps to x402. Pays nothing. */
import { Argument, Command } from '@commander-js/extra-typings'
import { type ReadBill, readBills } from '../client/bills.ts'
import { ALONE } from '../client/methods.ts'
import { chooseFrom, TAG_MODULUS } from '../client/offers.ts'
import { NoPayableOfferError } from '../errors.ts'
import { formatXno, type NanoAddress, parseRaw } from '../nano/index.ts'
import { GENESIS, type Network } from '../rpc/index.ts'
import { decodeHeader, MAX_HEADER_LENGTH, PAYMENT_REQUIRED } from '../x402/headers.ts'
import { type PaymentRequirements, problemsOfPaymentRequired } from '../x402/shapes.ts'
import type { WireName } from '../x402/wires.ts'
import { EXIT, jsonOption, type MakeCommand } from './command.ts'
import { fetchOrSay, requestInit, requestOptions, urlArgument } from './http.ts'
import { harmless, type Output, paint, printJson, printLine } from './terminal.ts'

const description = `Makes a request as curl would, pays nothing, and says what the 402 asks: in which form, for how much, to \
whom, for how long, whether it keeps to the schemas of x402, and whether nano402 would pay it.`

const after = `
Exit status:
  0  a 402 that keeps to x402     1  the server does not answer
  2  the command line is wrong    3  no 402, or one with problems

Example:
  nano402 inspect https://api.example.com/report`

export const inspect: MakeCommand = (terminal) =>
  new Command('inspect')
    .summary('say what a 402 asks, without paying')
    .description(description)
    .addArgument(new Argument('<url>', 'what to ask for').argParser(urlArgument))
    .addOption(requestOptions.request())
    .addOption(requestOptions.header())
    .addOption(requestOptions.data())
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (url, options) => {
      const request = new Request(url, await requestInit(options, terminal))
      const response = await fetchOrSay(request)
      const found = await examine(response, url)
      if (options.json) printJson(terminal.stdout, found)
      else say(found, `${request.method} ${url}`, terminal.stdout)
      await response.body?.cancel()
      if (found.problems.length > 0) terminal.exitStatus = EXIT.findings
    })

/** NanoSession's revision 7 is not among them: it is x402 version 2, read with fewer questions. */
const FORMS = ['x402', 'x402-v1', 'nanosession-3', 'nanosession-5'] as const satisfies readonly WireName[]

/** One way to pay, as it was found. */
interface FoundOffer {
  readonly form: WireName
  readonly offer: PaymentRequirements
  /** In words. */
  readonly asks: string
  readonly payable: boolean
  /** Why nano402 would not pay it. */
  readonly reason?: string
}

export interface Found {
  readonly url: string
  readonly status: number
  /** The server's code, such as `payment_required`. */
  readonly error?: string
  readonly resource?: { readonly url: string; readonly description?: string; readonly mimeType?: string }
  readonly offers: readonly FoundOffer[]
  /** Empty: it is a 402, and keeps to x402. */
  readonly problems: readonly string[]
}

/** Reads an answer as a 402. Its body can be read again. */
export async function examine(response: Response, asked: string): Promise<Found> {
  const { status } = response
  const url = response.url || asked
  if (status !== 402)
    return { url, status, offers: [], problems: [`The status is ${status}, not 402: nothing is asked.`] }
  const problems = problemsOf(response)
  const bills = await readBills(response, url, FORMS).catch((error: unknown) => {
    if (!(error instanceof NoPayableOfferError)) throw error
    problems.push(error.message)
    return []
  })
  if (bills.length === 0 && problems.length === 0) problems.push('The 402 asks in no form of x402 or NanoSession.')
  const offers = bills.flatMap((bill) => bill.required.accepts.map((offer) => readOffer(bill, offer, url)))
  if (bills.length > 0 && offers.length === 0) problems.push('accepts is empty: there is no way to pay.')
  const [first] = bills
  return {
    url,
    status,
    ...(first?.required.error !== undefined && { error: first.required.error }),
    ...(first && { resource: first.required.resource }),
    offers,
    problems,
  }
}

/** What is wrong with the header of x402 version 2, if there is one. */
function problemsOf({ headers }: Response): string[] {
  const header = headers.get(PAYMENT_REQUIRED)
  if (header === null) return []
  const value = decodeHeader(header)
  if (value === undefined) {
    return [`${PAYMENT_REQUIRED} is not the base64 of strict JSON, or longer than ${MAX_HEADER_LENGTH} characters.`]
  }
  return problemsOfPaymentRequired(value).map((problem) => `${PAYMENT_REQUIRED}: ${problem}.`)
}

/** Nobody's account: no offer may pay the one who reads it, and here nobody does. */
const NOBODY = 'nano_1111111111111111111111111111111111111111111111111111hifc8npp' as NanoAddress

function readOffer({ wire, required }: ReadBill, offer: PaymentRequirements, url: string): FoundOffer {
  const network = Object.hasOwn(GENESIS, offer.network) ? (offer.network as Network) : 'nano:mainnet'
  const rules = {
    methods: ALONE,
    network,
    self: NOBODY,
    maxTag: TAG_MODULUS - 1n,
    pinned: undefined,
    nowMs: Date.now(),
  }
  const found = { form: wire, offer, asks: inWords(offer) }
  if (wire !== 'x402' && wire !== 'x402-v1') {
    return {
      ...found,
      payable: false,
      reason: `its form is older than x402; createPayer({ wire: ['${wire}'] }) pays it`,
    }
  }
  try {
    chooseFrom([{ wire, required: { ...required, accepts: [offer] } }], url, rules)
    return { ...found, payable: true }
  } catch (error) {
    if (!(error instanceof NoPayableOfferError)) throw error
    return { ...found, payable: false, reason: error.reasons[0] ?? error.message }
  }
}

/** Such as `0.001 XNO on nano:mainnet to nano_..., within 300 s`. */
function inWords({ scheme, network, asset, amount, payTo, maxTimeoutSeconds, extra }: PaymentRequirements): string {
  const price = (extra?.nanoSession as { resourceAmountRaw?: unknown } | undefined)?.resourceAmountRaw
  const much = asset === 'XNO' ? `${xno(price ?? amount)} XNO` : `${amount} of ${asset}`
  const tag = price !== undefined && asset === 'XNO' ? ` (by sending exactly ${xno(amount)} XNO)` : ''
  return `${much} on ${network} to ${payTo}, within ${maxTimeoutSeconds} s, by scheme ${scheme}${tag}`
}

function xno(amount: unknown): string {
  try {
    return formatXno(parseRaw(amount))
  } catch {
    return String(amount)
  }
}

function say({ url, status, error, resource, offers, problems }: Found, asked: string, output: Output): void {
  printLine(output, `${paint(output, 'bold', String(status))} ${harmless(asked)}`)
  if (resource)
    printLine(
      output,
      `sells     ${harmless(resource.description ?? resource.url)} ${harmless(resource.mimeType ?? '')}`.trimEnd(),
    )
  if (error !== undefined) printLine(output, `says      ${harmless(error)}`)
  for (const { form, asks, payable, reason } of offers) {
    printLine(output, `asks      ${harmless(asks)} [${form}]`)
    const verdict = payable
      ? paint(output, 'green', `nano402 pay ${harmless(url)} would pay it`)
      : paint(output, 'yellow', `nano402 would not pay it: ${harmless(reason ?? '')}`)
    printLine(output, `          ${verdict}`)
  }
  for (const problem of problems) printLine(output, `${paint(output, 'red', 'problem')}   ${harmless(problem)}`)
  if (problems.length === 0) printLine(output, 'problems  none')
}
