/**
 * What payer and payee of a channel say to each other, as data: the offer in a 402, the payloads of payments, and what
 * comes back. Whatever a stranger sends is read here, strictly and in one spelling; nothing is decided here. Amounts are
 * decimal text in raw, bytes are upper-case hex, times are Unix time in seconds.
 */
export * from './wire/offer.ts'
export * from './wire/outcome.ts'
export * from './wire/payload.ts'
