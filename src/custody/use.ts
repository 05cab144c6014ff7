/**
 * What an account is used for, as far as a store knows: one thing. What comes to it means something else in each, so that
 * money would be given back, or counted as owed, that is somebody else's.
 */
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import type { NanoAddress } from '../nano/index.ts'

export type AccountUse = 'deposits of channels' | 'what issuers pay out' | 'deposits with an issuer'

const FOREVER_MS = 4_000_000_000_000

/** To be called at the start. @throws {@link ConfigError} (`ERR_CONFIG`) when the store knows it for another use. */
export async function requireOneUse(store: Store, account: NanoAddress, use: AccountUse): Promise<void> {
  const key = `account-use:${account}`
  await store.write(key, 0, use, FOREVER_MS)
  const known = (await store.read(key))?.value
  if (known === undefined || known === use) return
  throw new ConfigError(
    `The account ${account} is used for ${known} and cannot be used for ${use}, too: use another one, such as that of another index of the seed.`,
  )
}
