/** One account that payments are awaited to: one poller, however many wait. */
import { LRUCache } from '#lru-cache'
import { addressToPublicKey, type BlockHash, type NanoAddress } from '../nano/index.ts'
import { accountHistory, type Ledger, type LedgerBlock, type NanoNode, receivable } from '../rpc/index.ts'
import { deferred, unref } from '../rpc/wait.ts'
import { cutAmounts } from './cut.ts'

/** A payment that somebody waits for. Only with a genuine seal: it makes the node be asked. */
export interface Wanted {
  readonly account: NanoAddress
  /** In raw, tag included. */
  readonly amount: bigint
  /** When it was asked for (Unix time in ms). */
  readonly issuedAtMs: number
}

/** What has become of it. `cut`: a payment has come that may be it, without the last digits of its amount. */
export type Sight =
  | { readonly state: 'waiting' | 'cut' }
  | { readonly state: 'seen' | 'confirmed'; readonly hash: BlockHash }

export const WAITING: Sight = { state: 'waiting' }
/** For one account. Those that nobody listens to make room. */
const MAX_WANTED = 10_000
/** Pause between two looks, at least, however many ask. */
const SHORTEST_PAUSE_MS = 500
const PAUSE_AFTER_FAILURE_MS = 5_000
const CONFIRM_MS = 60_000
const RECEIVABLES_PER_LOOK = 1_000
const BLOCKS_PER_LOOK = 100
/** Payments that may have lost digits, looked up in one look. */
const MAX_DOUBTFUL = 16

interface Entry {
  readonly wanted: Wanted
  readonly listeners: Set<(sight: Sight) => void>
  sight: Sight
  /** For how long it is looked for although nobody listens. */
  keepUntilMs: number
}

export interface Watch {
  /** Undefined: too many are looked for. */
  add(wanted: Wanted): Entry | undefined
  /** A block as the ledger has it. */
  note(hash: BlockHash, found: LedgerBlock): void
  /** Look soon. */
  hurry(): void
  /** The end of a look that begins after this. */
  nextLook(): Promise<void>
  close(): void
}

export interface WatchOptions {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly lingerMs: number
  pause(): number
  /** Nobody looks for anything any more. */
  empty(): void
}

export function watchAccount(account: NanoAddress, { node, ledger, lingerMs, pause, empty }: WatchOptions): Watch {
  const key = addressToPublicKey(account)
  const entries = new Map<bigint, Entry>()
  /** By what is left of an amount when its last digits are cut off. */
  const cuts = new Map<bigint, Set<Entry>>()
  const confirming = new Set<BlockHash>()
  const doubtful = new LRUCache<BlockHash, true>({ max: 5_000 })
  let offset = 0
  let next = deferred<void>()
  let startedMs = 0
  let running = false
  let closed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let wake: (() => void) | undefined

  const tell = (entry: Entry, sight: Sight) => {
    entry.sight = sight
    for (const listener of [...entry.listeners]) listener(sight)
  }

  function note(hash: BlockHash, { block, sent, confirmed, localTimestampMs }: LedgerBlock) {
    if (block.type !== 'state' || sent === undefined || block.link !== key) return
    const entry = entries.get(sent)
    if (entry && entry.sight.state !== 'confirmed') {
      const state = confirmed ? 'confirmed' : 'seen'
      if (state !== entry.sight.state) tell(entry, { state, hash })
      if (!confirmed) void confirm(hash)
    }
    // Two who wait for it cannot be told apart, and what is older than the offer is not for it.
    const [one, ...others] = cuts.get(sent) ?? []
    const isNew = localTimestampMs !== undefined && one && localTimestampMs + 1_000 > one.wanted.issuedAtMs
    if (one && others.length === 0 && isNew && one.sight.state === 'waiting') tell(one, { state: 'cut' })
  }
  async function confirm(hash: BlockHash) {
    if (confirming.has(hash)) return
    confirming.add(hash)
    const found = await ledger.waitConfirmed(hash, { timeoutMs: CONFIRM_MS }).catch(() => undefined)
    confirming.delete(hash)
    if (found?.confirmed && !closed) note(hash, found)
  }
  async function inspect(hash: BlockHash) {
    const found = await ledger.find(hash)
    if (found) note(hash, found)
  }

  /** What waits to be received, and what was received lately. */
  async function look() {
    const least = [...entries.keys()].reduce((a, b) => (a < b ? a : b))
    const threshold = least - least / 10n // dust is not listed, and cut digits are less than that
    const listed = await Promise.allSettled([
      receivable(node, account, { count: RECEIVABLES_PER_LOOK, offset, threshold, unconfirmed: true }),
      accountHistory(node, account, { count: BLOCKS_PER_LOOK }).then((page) =>
        page.entries.flatMap(({ source, amount }) =>
          source && amount !== undefined ? [{ hash: source, amount }] : [],
        ),
      ),
    ])
    const [waiting, received] = listed
    if (waiting.status === 'rejected' && received.status === 'rejected') throw waiting.reason
    if (waiting.status === 'fulfilled') {
      offset = waiting.value.length < RECEIVABLES_PER_LOOK ? 0 : offset + RECEIVABLES_PER_LOOK
    }
    const sends = listed.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    const exact = sends.filter(({ amount }) => entries.has(amount) && entries.get(amount)?.sight.state !== 'confirmed')
    const unclear = sends.filter(({ hash, amount }) => cuts.has(amount) && !doubtful.has(hash)).slice(0, MAX_DOUBTFUL)
    for (const { hash } of unclear) doubtful.set(hash, true)
    await Promise.all([...exact, ...unclear].map(({ hash }) => inspect(hash)))
  }

  async function run() {
    running = true
    while (entries.size > 0 && !closed) {
      const { resolve } = next
      next = deferred()
      startedMs = performance.now()
      const pauseMs = await look().then(pause, () => PAUSE_AFTER_FAILURE_MS)
      resolve()
      forget()
      if (entries.size > 0 && !closed) await sleep(pauseMs)
    }
    running = false
    next.resolve()
    empty()
  }
  const sleep = (ms: number) =>
    new Promise<void>((resolve) => {
      wake = resolve
      arm(ms)
    })
  const arm = (ms: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => wake?.(), ms)
    unref(timer)
  }
  const hurry = () => {
    if (closed) return
    if (!running) void run()
    else if (wake) arm(Math.max(0, startedMs + SHORTEST_PAUSE_MS - performance.now()))
  }
  const drop = (entry: Entry) => {
    entries.delete(entry.wanted.amount)
    for (const cut of cutAmounts(entry.wanted.amount)) {
      const set = cuts.get(cut)
      set?.delete(entry)
      if (set?.size === 0) cuts.delete(cut)
    }
  }
  const isIdle = ({ listeners }: Entry) => listeners.size === 0
  const forget = () => {
    const nowMs = Date.now()
    for (const entry of entries.values()) if (isIdle(entry) && entry.keepUntilMs < nowMs) drop(entry)
  }

  return {
    add(wanted) {
      const keepUntilMs = Date.now() + lingerMs
      const known = entries.get(wanted.amount)
      if (known) {
        known.keepUntilMs = keepUntilMs
        return known
      }
      if (entries.size >= MAX_WANTED) {
        const idle = [...entries.values()].find(isIdle)
        if (!idle) return undefined
        drop(idle)
      }
      const entry: Entry = { wanted, listeners: new Set(), sight: WAITING, keepUntilMs }
      entries.set(wanted.amount, entry)
      for (const cut of cutAmounts(wanted.amount)) cuts.set(cut, (cuts.get(cut) ?? new Set()).add(entry))
      return entry
    },
    note,
    hurry,
    nextLook() {
      const { promise } = next
      hurry()
      return promise
    },
    close() {
      closed = true
      clearTimeout(timer)
      wake?.()
    },
  }
}
