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

/** One payment. Written again, whole, with each change of its state. */
export interface JournalEntry {
  /** The block's hash: what entries of one payment have in common. */
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
}

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null
const isUrl = (value: unknown) => typeof value === 'string' && URL.canParse(value)
const STATES: readonly unknown[] = ['signed', 'published', 'confirmed', 'delivered', 'refused', 'void']

/** Whether a value from outside has the form of an entry. */
export function isEntry(value: unknown): value is JournalEntry {
  if (!isFields(value)) return false
  const { hash, state, atMs, key, origin, payTo, amount, unfinished } = value
  return (
    [hash, key, payTo].every((text) => typeof text === 'string') &&
    STATES.includes(state) &&
    typeof atMs === 'number' &&
    isUrl(origin) &&
    typeof amount === 'string' &&
    /^[0-9]{1,39}$/.test(amount) &&
    (unfinished === undefined || isUnfinished(unfinished))
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
 * moved nothing is dropped, and what ended more than a day ago is added up per origin and account.
 */
export function foldEntries(entries: readonly JournalEntry[], nowMs: number): readonly JournalEntry[] {
  const folded = new Map<string, JournalEntry>()
  for (const entry of lastOfEach(entries)) {
    if (entry.state === 'void') continue
    const isOld = entry.unfinished === undefined && entry.atMs < nowMs - DAY_MS
    const id = isOld ? `sum ${entry.origin} ${entry.payTo}` : entry.hash
    const sum = folded.get(id)
    folded.set(id, sum ? { ...sum, amount: (BigInt(sum.amount) + BigInt(entry.amount)).toString() } : withId(entry, id))
  }
  return [...folded.values()]
}

const withId = (entry: JournalEntry, id: string): JournalEntry =>
  id === entry.hash ? entry : { ...entry, hash: id, key: '', state: 'delivered' }

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
