/** What the account has with issuers beside what is locked for channels: used before anything is deposited anew, or had paid out. */
import type { Issuing } from './issuing.ts'
import type { Tab } from './tab.ts'

export interface Balances {
  /** What can be locked: what no channel of ours is about to lock. The issuer is one that we have dealt with from then on. */
  spare(issuer: string): Promise<bigint>
  /** Counts so much of it as used, until the answer is called. */
  promise(issuer: string, amount: bigint): () => void
  /** The issuers that we have dealt with. */
  met(): readonly string[]
}

/** @param tabs - All channels that are not closed. */
export function createBalances(issuing: Pick<Issuing, 'balance'>, tabs: ReadonlySet<Tab>): Balances {
  const promised = new Map<string, bigint>()
  const issuers = new Set<string>()
  return {
    async spare(issuer) {
      issuers.add(issuer)
      const balance = await issuing.balance(issuer)
      let used = promised.get(issuer) ?? 0n
      for (const tab of tabs) if (tab.config.issuer === issuer && tab.phase() === 'opening') used += tab.deposited()
      return balance > used ? balance - used : 0n
    },
    promise(issuer, amount) {
      const add = (sum: bigint) => promised.set(issuer, (promised.get(issuer) ?? 0n) + sum)
      add(amount)
      let isPromised = true
      return () => {
        if (isPromised) add(-amount)
        isPromised = false
      }
    },
    met: () => [...new Set([...issuers, ...[...tabs].flatMap(({ config }) => config.issuer ?? [])])],
  }
}
