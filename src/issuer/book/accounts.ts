/** The accounts of an issuer's ledger: one record each, and a list of all that ever held money. */
import { LRUCache } from '#lru-cache'
import { createRecords } from '../../core/records.ts'
import type { Store } from '../../core/store.ts'
import { addressToPublicKey, type NanoAddress } from '../../nano/index.ts'
import * as step from '../account.ts'
import { decodeAccount, encodeAccount } from '../codec.ts'

/** All accounts, as they were read one after the other. */
export interface Collected {
  readonly accounts: readonly step.Account[]
  /** Another one whenever anything changed: two equal ones in a row, and that is how it was all the time between. */
  readonly mark: string
}

/** Rejects with `StoreError` when the store does not answer. */
export interface Accounts {
  read(address: NanoAddress): Promise<step.Account | undefined>
  /** Takes one step of the account, in one write. */
  change<Result>(
    address: NanoAddress,
    take: (account: step.Account) => step.Step<Result> | Promise<step.Step<Result>>,
  ): Promise<Result>
  /** The account after a change that has nothing else to say. */
  alter(address: NanoAddress, take: (account: step.Account) => step.Account): Promise<step.Account>
  /** Has the account counted by every audit, before money gets there. */
  enlist(address: NanoAddress): Promise<void>
  addresses(): AsyncIterable<NanoAddress>
  collect(): Promise<Collected>
}

export const DAY_MS = 86_400_000
export const FOREVER_MS = 4_000_000_000_000
/** An account that never held money is remembered for so long after it last did something. */
const EMPTY_RETENTION_MS = 30 * DAY_MS

/** How the addresses are spread over records. */
const PARTS = 64
const READ_AT_ONCE = 64

const accountKey = (address: NanoAddress) => `issuer-account:${address}`
const indexKey = (part: number) => `issuer-accounts:${part}`
const partOf = (address: NanoAddress): number => Number.parseInt(addressToPublicKey(address).slice(0, 2), 16) % PARTS

export function createAccounts(store: Store, now: () => number): Accounts {
  const accounts = createRecords<step.Account>({
    store,
    encode: encodeAccount,
    decode: decodeAccount,
    keepUntilMs: (account) => (step.isFunded(account) ? FOREVER_MS : now() + EMPTY_RETENTION_MS),
  })
  const index = createRecords<readonly NanoAddress[]>({
    store,
    encode: (value) => JSON.stringify(value),
    decode: (text) => JSON.parse(text),
    keepUntilMs: () => FOREVER_MS,
  })
  const enlisted = new LRUCache<NanoAddress, true>({ max: 100_000 })

  const read = (address: NanoAddress) => accounts.read(accountKey(address))
  const change: Accounts['change'] = (address, take) =>
    accounts.update(accountKey(address), async (found) => {
      const before = found ?? step.emptyAccount(address)
      const { account, result } = await take(before)
      return { value: account === before ? found : account, result }
    })
  async function* addresses(): AsyncIterable<NanoAddress> {
    for (let part = 0; part < PARTS; part++) yield* (await index.read(indexKey(part))) ?? []
  }

  async function collect(): Promise<Collected> {
    const known: NanoAddress[] = []
    for await (const address of addresses()) known.push(address)
    const found: step.Account[] = []
    let versions = ''
    for (let i = 0; i < known.length; i += READ_AT_ONCE) {
      const some = known.slice(i, i + READ_AT_ONCE)
      for (const one of await Promise.all(some.map((address) => store.read(accountKey(address))))) {
        versions += `${one?.version ?? 0},`
        if (one) found.push(decodeAccount(one.value))
      }
    }
    return { accounts: found, mark: `${known.join()}:${versions}` }
  }

  return {
    read,
    change,
    alter: (address, take) =>
      change(address, (account) => {
        const after = take(account)
        return { account: after, result: after }
      }),
    async enlist(address) {
      if (enlisted.has(address)) return
      await index.update(indexKey(partOf(address)), (known = []) => ({
        value: known.includes(address) ? known : [...known, address],
        result: undefined,
      }))
      enlisted.set(address, true)
    },
    addresses,
    collect,
  }
}
