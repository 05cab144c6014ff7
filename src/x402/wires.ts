/** The forms by name, and several of them at once. */
import { nanoSession3 } from './nanosession-3.ts'
import { nanoSession5 } from './nanosession-5.ts'
import { nanoSession7 } from './nanosession-7.ts'
import type { Wire } from './wire.ts'
import { x402 } from './x402.ts'
import { x402V1 } from './x402-v1.ts'

/** `nanosession-7` is x402 with more that it understands, so it stands for `x402` too. */
const WIRES = {
  x402,
  'nanosession-7': nanoSession7,
  'x402-v1': x402V1,
  'nanosession-3': nanoSession3,
  'nanosession-5': nanoSession5,
} as const satisfies Record<string, Wire>

/** A form in which payments are asked for and presented. */
export type WireName = keyof typeof WIRES
export const WIRE_NAMES = Object.keys(WIRES) as readonly WireName[]

/** The forms that offer nothing but sessions. */
export const SESSION_ONLY: readonly WireName[] = ['x402-v1', 'nanosession-3', 'nanosession-5']

/** The forms that have no place for `extensions`. */
export const WITHOUT_EXTENSIONS: readonly WireName[] = SESSION_ONLY

/** The versions of x402 among these forms. */
export const versionsOf = (names: readonly WireName[]): readonly number[] => [
  ...(names.includes('x402-v1') ? [1] : []),
  ...(names.includes('x402') || names.includes('nanosession-7') ? [2] : []),
]

/** One wire that speaks these forms. A request may use one of them. */
export function joinWires(names: readonly WireName[]): Wire {
  const spoken = WIRE_NAMES.filter(
    (name) => names.includes(name) && !(name === 'x402' && names.includes('nanosession-7')),
  )
  const wires = spoken.map((name) => WIRES[name])
  const [first, ...others] = wires
  return first && others.length === 0 ? first : join(wires)
}

const join = (wires: readonly Wire[]): Wire => ({
  requestHeaders: wires.flatMap(({ requestHeaders }) => requestHeaders),
  responseHeaders: wires.flatMap(({ responseHeaders }) => responseHeaders),

  read(headers) {
    const presented = wires.map((wire) => wire.read(headers)).filter((payment) => payment !== undefined)
    return presented.length > 1 ? 'invalid_payload' : presented[0] // two proofs: which one counts?
  },

  /** Of two that say something in the body the later has it: x402 version 2 has said all in its header. */
  offer(required) {
    const offers = wires.map((wire) => wire.offer(required))
    const body = offers.findLast((offer) => offer.body !== undefined)?.body
    return { headers: offers.flatMap(({ headers }) => headers), ...(body !== undefined && { body }) }
  },

  settled: (settlement) => wires.flatMap((wire) => wire.settled(settlement)),
})
