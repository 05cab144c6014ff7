/** What the built-in ways to pay are called in options. */
export const MECHANISM_NAMES = ['session', 'signed-block', 'signature'] as const
export type MechanismName = (typeof MECHANISM_NAMES)[number]
