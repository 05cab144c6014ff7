/** What passes are called on the wire. */

/** Carries a pass: in the answer to the payment that bought it, and in the requests that use it. */
export const PASS_HEADER = 'Nano402-Pass'
/** The extension that says in a 402 what a payment buys: `{ uses, ttlMs, scope }`. */
export const PASS_EXTENSION = 'nano402-pass'
