/** Whom to pay: one account, or one of a pool for each session. */
import { randomBytes } from './core/bytes.ts'
import { ConfigError, PriceError } from './errors.ts'
import { addressToPublicKey, type NanoAddress, nanoAddress } from './nano/index.ts'

/** Draws one of its accounts. */
export interface Pool {
  (): NanoAddress
  readonly accounts: readonly NanoAddress[]
}

const MAX_ACCOUNTS = 256

/**
 * Accounts that share what is paid, for `payTo`: each session draws one at random, and has it in its seal, so that nothing is
 * remembered. What different accounts got can be pocketed side by side. The server needs none of their keys.
 *
 * @param accounts - 1 to 256 accounts: `nano_...`
 * @throws {@link ConfigError} (`ERR_CONFIG`) for an account that is none, or there twice.
 * @example
 * pool(['nano_15nhh1kzw3x8ohez6s75wy3jr6dqgq65oaede1fzk5hqxk4j8ehz7iqtb3to']).accounts.length // 1
 */
export function pool(accounts: readonly string[]): Pool {
  if (!Array.isArray(accounts) || accounts.length === 0 || accounts.length > MAX_ACCOUNTS) {
    throw new ConfigError(`A pool is a list of 1 to ${MAX_ACCOUNTS} accounts.`)
  }
  const checked = accounts.map((account, index) => {
    try {
      return parsePayTo(account)
    } catch (error) {
      throw new ConfigError(
        `Account ${index + 1} of the pool: ${error instanceof Error ? error.message : 'it is none.'}`,
      )
    }
  })
  if (new Set(checked).size < checked.length) throw new ConfigError('An account is in the pool twice.')
  return Object.assign(() => drawFrom(checked), { accounts: checked })
}

/**
 * The accounts that are known without a request: those of a pool, or of text, which lists several with commas as the
 * environment does. Undefined: a function decides.
 */
export function fixedAccounts(payTo: string | ((...parts: never[]) => unknown)): readonly NanoAddress[] | undefined {
  if (typeof payTo === 'function') return 'accounts' in payTo ? (payTo as Pool).accounts : undefined
  const texts = payTo.split(',')
  return texts.length === 1 ? [parsePayTo(payTo)] : pool(texts.map((text) => text.trim())).accounts
}

/** One of them, at random. */
export const drawFrom = (accounts: readonly NanoAddress[]): NanoAddress =>
  accounts[new DataView(randomBytes(4).buffer).getUint32(0) % accounts.length] as NanoAddress

/** Reads an account to be paid. @throws `InvalidValueError`, `PriceError` */
export function parsePayTo(account: string): NanoAddress {
  const address = nanoAddress(account)
  if (/^0+$/.test(addressToPublicKey(address))) throw new PriceError('It is the account that burns what it gets.')
  return address
}
