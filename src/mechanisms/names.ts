/** What the built-in ways to pay are called in options. */
export const MECHANISM_NAMES = ['session', 'signed-block', 'signature'] as const
/** The one that is no mechanism of a single payment, and has a cashier of its own. */
export const CHANNEL = 'channel'
/** A way to pay for one request. */
export type MechanismName = (typeof MECHANISM_NAMES)[number]
