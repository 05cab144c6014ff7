/** What a 402 asks, in each of the forms that the payer speaks. */
import { NoPayableOfferError } from '../errors.ts'
import { CLIENT_WIRES } from '../x402/client-wires.ts'
import type { PaymentRequired } from '../x402/shapes.ts'
import type { WireName } from '../x402/wires.ts'

/** What is asked, in the words of x402 version 2, and the form in which it was. */
export interface ReadBill {
  readonly wire: WireName
  readonly required: PaymentRequired
}

/** In characters. A longer body is no bill, and belongs to the caller. */
const MAX_BODY = 65_536

/**
 * Reads a 402, and leaves its body to be read again. None: it asks in no form that is spoken.
 *
 * @param wires - The preferred one first. A body is looked at only when none before has read a bill in the headers.
 * @throws {@link NoPayableOfferError} (`ERR_NO_PAYABLE_OFFER`) when it asks in such a form, and none can be read.
 */
export async function readBills(response: Response, url: string, wires: readonly WireName[]): Promise<ReadBill[]> {
  const bills: ReadBill[] = []
  const unreadable: WireName[] = []
  const body = async () => (bills.length === 0 ? peekJson(response).catch(() => undefined) : undefined)
  for (const wire of wires) {
    const required = await CLIENT_WIRES[wire].readBill({ url, headers: response.headers, body })
    if (required === 'unreadable') unreadable.push(wire)
    else if (required) bills.push({ wire, required })
  }
  if (bills.length > 0 || unreadable.length === 0) return bills
  throw new NoPayableOfferError(`The 402 cannot be read as ${unreadable.join(' or ')}.`)
}

/** A body of JSON as text, left unread for others; undefined when it is another, or too long. */
export async function peekJson(response: Response): Promise<string | undefined> {
  if (!/^application\/json\b/i.test(response.headers.get('content-type') ?? '') || response.bodyUsed) return undefined
  const reader = response.clone().body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let next = await reader?.read(); next?.value; next = await reader?.read()) {
    text += decoder.decode(next.value, { stream: true })
    if (text.length <= MAX_BODY) continue
    reader?.cancel().catch(() => {}) // not waited for: it ends when the caller's half ends
    return undefined
  }
  return text
}
