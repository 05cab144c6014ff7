/** A journal grows with each payment: how it is made shorter, and what it says of each channel. */
import type { Acknowledged } from '../channel/wire.ts'
import type { JournalEntry, Progress } from './journal.ts'
import { isPastUse } from './payment.ts'

const DAY_MS = 86_400_000
/**
 * Shortens a list of entries without changing what a payer reads from it: the last entry of each payment is kept, one that
 * moved nothing is dropped, and what ended more than a day ago, or is past use, is added up per origin and account. Payments in a channel
 * are added up per hour as soon as they end, and how far they went is noted with their channel.
 */
export function foldEntries(entries: readonly JournalEntry[], nowMs: number): readonly JournalEntry[] {
  const folded = new Map<string, JournalEntry>()
  const last = lastOfEach(entries).map((entry) => (isPastUse(entry, nowMs) ? withoutProof(entry) : entry))
  const progress = progressOf(last)
  for (const entry of last) {
    const id = placeOf(entry, nowMs)
    if (id === undefined) continue
    const sum = folded.get(id)
    folded.set(id, sum ? add(sum, entry) : withId(withProgress(entry, progress), id))
  }
  return [...folded.values()]
}

const HOUR_MS = 3_600_000

/** Where an entry goes: a place of its own, or a sum. Undefined: nowhere. */
function placeOf(entry: JournalEntry, nowMs: number): string | undefined {
  const { hash, state, atMs, origin, payTo, unfinished, channel, inChannel } = entry
  if (state === 'void') return undefined
  if (unfinished || channel || inChannel?.reach !== undefined) return hash
  const sum = `sum ${origin} ${payTo}`
  if (atMs < nowMs - DAY_MS) return sum
  return inChannel ? `${sum} ${Math.floor(atMs / HOUR_MS)}` : hash
}

function withoutProof({ unfinished, ...entry }: JournalEntry): JournalEntry {
  return entry
}

const add = (sum: JournalEntry, { amount, atMs }: JournalEntry): JournalEntry => ({
  ...sum,
  amount: (BigInt(sum.amount) + BigInt(amount)).toString(),
  atMs: Math.max(sum.atMs, atMs),
})

function withId(entry: JournalEntry, id: string): JournalEntry {
  if (id === entry.hash) return entry
  const { inChannel, ...rest } = entry
  return { ...rest, hash: id, key: '', state: 'delivered' }
}

/** How far each channel has come, by its id. Entries that moved nothing count as well: their proofs were made. */
export function progressOf(entries: readonly JournalEntry[]): ReadonlyMap<string, Progress> {
  const progress = new Map<string, Progress>()
  for (const { hash, channel, inChannel } of entries) {
    const id = inChannel?.id ?? hash
    const found = channel ?? inChannel
    const known = progress.get(id)
    if (found) progress.set(id, known ? further(known, found) : found)
  }
  return progress
}

/** Whether a receipt says more than another: of a larger deposit, or of the same and a larger charge. Neither ever goes down. */
export function saysMore({ channelState: a }: Acknowledged, known: Acknowledged | undefined): boolean {
  if (known === undefined) return true
  const { channelState: b } = known
  if (a.deposit !== b.deposit) return BigInt(a.deposit) > BigInt(b.deposit)
  return BigInt(a.charged) >= BigInt(b.charged)
}

const further = (a: Progress, b: Progress): Progress => {
  const receipt = b.receipt !== undefined && saysMore(b.receipt, a.receipt) ? b.receipt : a.receipt
  return {
    authorized: higher(a.authorized, b.authorized),
    charged: higher(a.charged, b.charged),
    ...(receipt && { receipt }),
  }
}
const higher = (a: string, b: string) => (BigInt(a) < BigInt(b) ? b : a)

function withProgress(entry: JournalEntry, progress: ReadonlyMap<string, Progress>): JournalEntry {
  const found = progress.get(entry.hash)
  if (entry.channel === undefined || found === undefined) return entry
  const { authorized, charged, receipt } = found
  return { ...entry, channel: { ...entry.channel, authorized, charged, ...(receipt && { receipt }) } }
}

/** The last entry of each payment, in the order in which the payments began. */
function lastOfEach(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const last = new Map<string, JournalEntry>()
  for (const entry of entries) last.set(entry.hash, entry)
  return [...last.values()]
}
