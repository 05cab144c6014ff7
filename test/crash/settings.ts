/** What a server of these tests is told, and which payments its handler fails for. */
import type { MechanismName } from 'nano402'
import type { Step } from './steps.ts'

export interface Settings {
  readonly framework: 'express' | 'hono'
  /** As `NANO402_STORE` has it. */
  readonly store: string
  /** The file for what its handler did. */
  readonly log: string
  /** 0: a free one. */
  readonly port: number
  readonly handlerMs: number
  /** Whether its handler fails for some payments. */
  readonly isFailing: boolean
  readonly stopAt?: Step
  readonly options: {
    readonly network: 'nano:devnet'
    readonly rpc: string
    readonly payTo: string
    readonly price: string
    readonly secret: string
    readonly leaseMs: number
    readonly attempts: number
    readonly mechanisms?: readonly MechanismName[]
  }
}

/** A header: whatever failed before is mended. */
export const MENDED = 'x-mended'

const FAILURES = ['says so', 'throws', 'hangs up'] as const

/** How the handler fails for the payment of this block: it does for one in twenty. */
export function failureOf(hash: string): (typeof FAILURES)[number] | undefined {
  const number = Number.parseInt(hash.slice(0, 8), 16)
  return number % 20 === 0 ? FAILURES[(number / 20) % FAILURES.length] : undefined
}
