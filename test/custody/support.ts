/** An account with a custodian's payouts on a devnet. */
import type { Store } from 'nano402'
import type { Devnet } from 'nano402/devnet'
import { derivePrivateKey, type PrivateKey, WORK_THRESHOLDS } from 'nano402/nano'
import type { NanoNode } from 'nano402/rpc'
import { onTestFinished } from 'vitest'
import { createPayouts, type Payouts } from '../../src/custody/payouts.ts'
import { createWorkSource } from '../../src/wallet/work.ts'

/** What one process has. */
export function startPayouts(options: {
  readonly key: PrivateKey
  readonly node: NanoNode
  readonly store: Store
  readonly leaseMs?: number
}): Payouts {
  const work = createWorkSource('cpu', options.node, WORK_THRESHOLDS['nano:devnet'])
  onTestFinished(() => work.close())
  return createPayouts({ ...options, work })
}

export async function fundedKey(devnet: Devnet): Promise<PrivateKey> {
  return derivePrivateKey((await devnet.fundedSeed()).seed, 0)
}
