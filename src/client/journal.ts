/**
 * The payer's memory of what it paid: written before a block is published, so that after a crash a paid request is asked
 * again with the payment it has, not with a second one. It is also what the budget over time is counted from.
 */
import type { StateBlockJson } from '../nano/index.ts'
import type { PaymentRequirements, ResourceInfo } from '../x402/shapes.ts'
import { WIRE_NAMES, type WireName } from '../x402/wires.ts'

/**
 * `signed`: the block exists, and may or may not have got out. `published`: the network has it. `confirmed`: for good.
 * Then one of the ends. `delivered`: the server served. `refused`: it will not; a block that it was handed can still be
 * published, and comes to its end with another one in its place. `void`: the block lost its place to another one and moved
 * nothing.
 */
export type PaymentState = 'signed' | 'published' | 'confirmed' | 'delivered' | 'refused' | 'void'

/**
 * One payment, or one channel and what it cost before the journal was shortened. Written again, whole, with each change of
 * its state.
 */
export interface JournalEntry {
  /** What entries of one payment have in common: the block's hash, the payment's identifier, or the channel's id. */
  readonly hash: string
  readonly state: PaymentState
  /** When it was signed (Unix time in ms). */
  readonly atMs: number
  /** Names the request: a hash over its method, URL and body. */
  readonly key: string
  /** Whom it was paid to, and for what address. */
  readonly origin: string
  readonly payTo: string
  /** Decimal raw. */
  readonly amount: string
  /** What is needed to present it again. Gone once it has come to an end. */
  readonly unfinished?: {
    readonly method: string
    readonly url: string
    readonly block: StateBlockJson
    readonly resource: ResourceInfo
    readonly offer: PaymentRequirements
    readonly payload: Readonly<Record<string, unknown>>
    /** What goes with it, such as its payment identifier. */
    readonly extensions?: Readonly<Record<string, unknown>>
    /** The form in which it was asked for. Default `x402`. */
    readonly wire?: WireName
    /** Who gives the block to the network. `server`: it was handed over, and is spent until another takes its place. */
    readonly publisher?: 'server'
    readonly expiresAtMs: number
  }
  /** Set of a channel. */
  readonly channel?: ChannelNote
  /** Set of a payment in a channel. */
  readonly inChannel?: Progress & {
    /** The channel. */
    readonly id: string
    /** Set while it has not come to an end: what its proof authorises in all. Decimal raw. */
    readonly reach?: string
    /** Where it is presented. */
    readonly url?: string
    readonly method?: string
  }
}

/** How far a channel has come, as far as its payer knows. Decimal raw; neither ever goes down. */
export interface Progress {
  /** The most that any proof that was made authorises in all. */
  readonly authorized: string
  readonly charged: string
  /** What the payee signed last. */
  readonly receipt?: Fields
}

/** What a payer keeps of a channel. Its secrets follow from the account's key. */
export interface ChannelNote extends Progress {
  /**
   * `opening`: its deposit is on its way. `open`. `closing`: no payment begins any more, and the refund is awaited. `closed`:
   * the refund was seen on the ledger, or the deposit never left.
   */
  readonly phase: 'opening' | 'open' | 'closing' | 'closed'
  /** Why nothing more is paid in it, if the payee was caught in a lie. */
  readonly distrusted?: string
  readonly config: Fields
  /** The offer that it was opened on, and where it was made. */
  readonly offer: PaymentRequirements
  readonly url: string
  readonly method: string
  /** The first one opened it. `credited`: the payee acknowledged it. */
  readonly deposits: readonly {
    readonly amount: string
    readonly block: StateBlockJson
    readonly credited: boolean
    /** The issuer's, if it went to one: it is paid by this, and shown there. */
    readonly offer?: PaymentRequirements
  }[]
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isUrl = (value: unknown) => typeof value === 'string' && URL.canParse(value)
const STATES: readonly unknown[] = ['signed', 'published', 'confirmed', 'delivered', 'refused', 'void']

/** Whether a value from outside has the form of an entry. */
export function isEntry(value: unknown): value is JournalEntry {
  if (!isFields(value)) return false
  const { hash, state, atMs, key, origin, payTo, amount, unfinished, channel, inChannel } = value
  return (
    [hash, key, payTo].every((text) => typeof text === 'string') &&
    STATES.includes(state) &&
    typeof atMs === 'number' &&
    isUrl(origin) &&
    isAmount(amount) &&
    (unfinished === undefined || isUnfinished(unfinished)) &&
    (channel === undefined || isChannelNote(channel)) &&
    (inChannel === undefined || (isProgress(inChannel) && typeof inChannel.id === 'string'))
  )
}

const isAmount = (value: unknown) => typeof value === 'string' && /^[0-9]{1,39}$/.test(value)
const isProgress = (value: unknown): value is Fields =>
  isFields(value) && isAmount(value.authorized) && isAmount(value.charged)

function isChannelNote(value: unknown): boolean {
  if (!isProgress(value)) return false
  const { phase, config, offer, url, method, deposits } = value
  return (
    ['opening', 'open', 'closing', 'closed'].includes(phase as string) &&
    [config, offer].every(isFields) &&
    isUrl(url) &&
    typeof method === 'string' &&
    Array.isArray(deposits) &&
    deposits.every((deposit) => isFields(deposit) && isAmount(deposit.amount) && isFields(deposit.block))
  )
}

function isUnfinished(value: unknown): boolean {
  if (!isFields(value)) return false
  const { method, url, block, resource, offer, payload, extensions, wire, publisher, expiresAtMs } = value
  return (
    typeof method === 'string' &&
    isUrl(url) &&
    [block, resource, offer, payload].every(isFields) &&
    (extensions === undefined || isFields(extensions)) &&
    (wire === undefined || (WIRE_NAMES as readonly unknown[]).includes(wire)) &&
    (publisher === undefined || publisher === 'server') &&
    typeof expiresAtMs === 'number'
  )
}

/** Where a payer keeps its entries. One payer at a time. */
export interface Journal {
  /** The last entry of each payment. Asked once, before the first payment. */
  load(): Promise<readonly JournalEntry[]>
  /** Resolves once the entry would survive the end of the process, where the journal can promise that. */
  put(entry: JournalEntry): Promise<void>
}

const DAY_MS = 86_400_000
/** How many entries are kept in memory before they are folded. */
const FOLD_EVERY = 1_000

/**
 * Shortens a list of entries without changing what a payer reads from it: the last entry of each payment is kept, one that
 * moved nothing is dropped, and what ended more than a day ago is added up per origin and account. Payments in a channel
 * are added up per hour as soon as they end, and how far they went is noted with their channel.
 */
export function foldEntries(entries: readonly JournalEntry[], nowMs: number): readonly JournalEntry[] {
  const folded = new Map<string, JournalEntry>()
  const last = lastOfEach(entries)
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

const further = (a: Progress, b: Progress): Progress => {
  const isB = b.receipt !== undefined && (a.receipt === undefined || BigInt(b.charged) >= BigInt(a.charged))
  const receipt = isB ? b.receipt : a.receipt
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

/**
 * A journal that ends with the process. Good where a lost payment does not matter; the default.
 *
 * @example
 * await memoryJournal().load() // []
 */
export function memoryJournal(): Journal {
  let entries: JournalEntry[] = []
  const fold = () => {
    entries = [...foldEntries(entries, Date.now())]
    return entries
  }
  return {
    load: async () => fold(),
    put: async (entry) => {
      entries.push(entry)
      if (entries.length % FOLD_EVERY === 0) fold()
    },
  }
}
