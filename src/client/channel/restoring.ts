/** Channels and their payments from the journal. Those of another account are not ours to touch. */
import { readConfig } from '../../channel/config.ts'
import { type NanoAddress, type PrivateKey, parseRaw } from '../../nano/index.ts'
import type { Budget, Release } from '../budget.ts'
import { progressOf } from '../folding.ts'
import type { JournalEntry, WaitingJournal } from '../journal.ts'
import { createProver } from './prover.ts'
import { createTab, type Tab } from './tab.ts'

/** An entry of the journal, and what takes it out of the budget. */
export interface LoadedEntry {
  readonly entry: JournalEntry
  readonly release: Release | undefined
}

export interface RestoringOptions {
  readonly entries: readonly LoadedEntry[]
  readonly key: PrivateKey
  readonly self: NanoAddress
  readonly journal: WaitingJournal
  readonly receiptEvery: number
  readonly budget: Budget
  readonly onDistrust: (channelId: string, reason: string) => void
}

export async function restoreTabs({
  entries,
  key,
  self,
  journal,
  budget,
  receiptEvery,
  onDistrust,
}: RestoringOptions): Promise<readonly Tab[]> {
  const tabs: Tab[] = []
  const progress = progressOf(entries.map(({ entry }) => entry))
  for (const { entry } of entries) {
    const { channel, state, hash } = entry
    const config = readConfig(channel?.config)
    if (channel === undefined || state === 'void' || config?.payer !== self) continue
    const prover = await createProver(config, key)
    if (prover === undefined) continue
    const { offer, url, method } = channel
    const parts = { config, offer, url, method, prover, journal, budget, receiptEvery }
    const told = { ...parts, onDistrust: (reason: string) => onDistrust(hash, reason) }
    tabs.push(await createTab(told, { ...channel, ...progress.get(hash) }))
  }
  for (const loaded of entries) restorePayment(loaded, tabs)
  return tabs
}

/** A payment that has not come to an end: it may have been charged. */
function restorePayment({ entry, release }: LoadedEntry, tabs: readonly Tab[]): void {
  const { inChannel, hash, key, atMs, amount } = entry
  const { reach, url, method } = inChannel ?? {}
  const tab = tabs.find(({ id }) => id === inChannel?.id)
  if (!tab || reach === undefined || url === undefined || method === undefined || release === undefined) return
  tab.restore({
    ...{ id: hash, key, url, method, atMs, release, reach: BigInt(reach), max: parseRaw(amount) },
    ...{ isUnderWay: false, isUncertain: true, isFailed: false, ...(key === '' && { isStream: true }) },
    before: { deposit: { least: 0n, most: tab.deposited() }, charged: { least: 0n, most: 0n } },
  })
}
