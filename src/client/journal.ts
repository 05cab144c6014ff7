/**
 * The payer's memory of what it paid: written before a block is published, so that after a crash a paid request is asked
 * again with the payment it has, not with a second one. It is also what the budget over time is counted from.
 */
import type { Acknowledged } from '../channel/wire.ts'
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
  /** The best that the payee has signed: shown to it, should it lose its records. */
  readonly receipt?: Acknowledged
}

/** What a payer keeps of a channel. Its secrets follow from the account's key. */
export interface ChannelNote extends Progress {
  /**
   * `opening`: its deposit is on its way. `open`. `closing`: no payment begins any more, and the refund is awaited. `recovering`:
   * the same, and the payee has lost its records, so that its operator has to confirm it. `closed`: the refund was seen on the
   * ledger, or the deposit never left.
   */
  readonly phase: 'opening' | 'open' | 'closing' | 'recovering' | 'closed'
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
    /** Left out: it was locked out of what the account had with an issuer already. */
    readonly block?: StateBlockJson
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
  isFields(value) &&
  isAmount(value.authorized) &&
  isAmount(value.charged) &&
  (value.receipt === undefined || isReceipt(value.receipt))

/** As far as it is read here. All of it is checked with its channel. */
const isReceipt = (value: unknown) =>
  isFields(value) &&
  isFields(value.channelState) &&
  isAmount(value.channelState.deposit) &&
  isAmount(value.channelState.charged)

function isChannelNote(value: unknown): boolean {
  if (!isProgress(value)) return false
  const { phase, config, offer, url, method, deposits } = value
  return (
    ['opening', 'open', 'closing', 'recovering', 'closed'].includes(phase as string) &&
    [config, offer].every(isFields) &&
    isUrl(url) &&
    typeof method === 'string' &&
    Array.isArray(deposits) &&
    deposits.every(
      (deposit) =>
        isFields(deposit) && isAmount(deposit.amount) && (deposit.block === undefined || isFields(deposit.block)),
    )
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

/** A journal as a payer writes it. */
export interface WaitingJournal extends Journal {
  /** Notes what can be found out again: soon, or together with the next entry that is waited for. Never rejects. */
  later(entry: JournalEntry): void
  /** Resolves when all that it was told so far is in it, or cannot be. */
  written(): Promise<void>
}

/** How long an entry may wait for another one. */
const LATER_MS = 20

export function withWaiting(journal: Journal): WaitingJournal {
  const writing = new Set<Promise<void>>()
  let late: JournalEntry[] = []
  let timer: ReturnType<typeof setTimeout> | undefined
  const write = (entry: JournalEntry) => {
    const written = journal.put(entry).finally(() => writing.delete(written))
    writing.add(written)
    return written
  }
  /** In the order in which they came, and before whatever comes next. */
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const entries = late
    late = []
    for (const entry of entries) write(entry).catch(() => {})
  }
  return {
    load: () => journal.load(),
    put(entry) {
      flush()
      return write(entry)
    },
    later(entry) {
      late.push(entry)
      timer ??= setTimeout(flush, LATER_MS)
    },
    async written() {
      flush()
      await Promise.allSettled([...writing])
    },
  }
}
