/**
 * The form that payment takes in the headers of HTTP. Only the files here know what those headers are called; the guard
 * asks a wire to read a request and to write an answer.
 */
import type { PaymentPayload, PaymentRequired, PaymentRequirements, SettlementResponse } from './shapes.ts'

/** One header that is to be set. */
export type Header = readonly [name: string, value: string]

/** Headers by name, in any case: those of a standard `Request` are this. */
export interface HeaderReader {
  get(name: string): string | null | undefined
}

/** A payment as a request presents it. All of it is still only what the client says. */
export interface PresentedPayment {
  /** The offer as the client echoes it: all of it in x402 version 2, little or nothing in older forms. Decides nothing. */
  readonly accepted: Partial<PaymentRequirements>
  /** The mechanism's proof. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly extensions?: Readonly<Record<string, unknown>>
  /** NanoSession revision 7, stateless: the URL of the echoed offer, which is signed with the block's hash. */
  readonly signedUrl?: string
}

/** Why payment headers cannot be read. */
export type MalformedPayment = 'invalid_payload' | 'invalid_x402_version' | 'session_id_required'

/** One form, as a server speaks it. */
export interface Wire {
  /** The headers that a payment is presented in. */
  readonly requestHeaders: readonly string[]
  /** The headers in which an answer speaks of payment. */
  readonly responseHeaders: readonly string[]
  /** The one payment that a request presents, why it is not one, or undefined when it presents none. */
  read(headers: HeaderReader): PresentedPayment | MalformedPayment | undefined
  /** The headers of a 402, and its body where the form has a say in it. */
  offer(required: PaymentRequired): { readonly headers: readonly Header[]; readonly body?: string }
  /** The headers that say what became of a payment. */
  settled(settlement: SettlementResponse): readonly Header[]
}

/** An answer of 402 as a client sees it. */
export interface Bill {
  readonly url: string
  readonly headers: HeaderReader
  /** Undefined when it is too long to be a bill. */
  body(): Promise<string | undefined>
}

/** One form, as a client speaks it. The rest of the client knows offers and payments in the words of version 2 alone. */
export interface ClientWire {
  /** What a 402 asks in this form; undefined when it does not speak it. */
  readBill(bill: Bill): Promise<PaymentRequired | 'unreadable' | undefined>
  /** The headers that present a payment. */
  present(payment: PaymentPayload): Readonly<Record<string, string>>
}
