/**
 * Finds payments by their amounts, which their tags make unlike any other. However many pages wait for one account, the
 * node is asked by one poller, and only while somebody waits. What is found here grants nothing: whoever presents it is
 * checked as everybody is.
 */
import { LRUCache } from '#lru-cache'
import { addressToPublicKey, type BlockHash, type NanoAddress } from '../nano/index.ts'
import {
  accountHistory,
  type ConfirmationFeed,
  type Ledger,
  type LedgerBlock,
  type NanoNode,
  receivable,
} from '../rpc/index.ts'
import { deferred, unref } from '../rpc/wait.ts'

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

export interface Payments {
  /** Tells what is known now, and each change. Gives back the way to stop. */
  watch(wanted: Wanted, listener: (sight: Sight) => void): () => void
  /** Looks once, together with whoever else does; gives what is known when that took too long. */
  look(wanted: Wanted, timeoutMs: number): Promise<Sight>
  close(): void
}

export interface PaymentsOptions {
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly feed: ConfirmationFeed | undefined
  /** Pause between two looks. Default 1,000, and 5,000 while a websocket says when to look. */
  readonly pollMs?: number
  /** For how long a payment is looked for when nobody listens any more. Default 10,000. */
  readonly lingerMs?: number
}

const WAITING: Sight = { state: 'waiting' }
const MAX_ACCOUNTS = 256
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

export function createPayments({ node, ledger, feed, pollMs, lingerMs = 10_000 }: PaymentsOptions): Payments {
  const watches = new Map<NanoAddress, Watch>()
  const pause = () => pollMs ?? (feed?.state() === 'open' ? 5_000 : 1_000)

  const watchFor = (account: NanoAddress): Watch | undefined => {
    const known = watches.get(account)
    if (known || watches.size >= MAX_ACCOUNTS) return known
    const made = watchAccount(account, { node, ledger, lingerMs, pause, empty: () => watches.delete(account) })
    watches.set(account, made)
    feed?.watch(account)
    return made
  }
  const stopListening = feed?.on((hash) => {
    if (hash === undefined) for (const watch of watches.values()) watch.hurry()
    else if (watches.size > 0) void hear(hash)
  })
  /** The feed only says when to look. */
  const hear = async (hash: BlockHash) => {
    const found = await ledger.find(hash).catch(() => undefined)
    if (found) for (const watch of watches.values()) watch.note(hash, found)
  }

  return {
    watch(wanted, listener) {
      const watch = watchFor(wanted.account)
      const entry = watch?.add(wanted)
      listener(entry?.sight ?? WAITING)
      if (!watch || !entry) return () => {}
      entry.listeners.add(listener)
      watch.hurry()
      return () => {
        entry.listeners.delete(listener)
        entry.keepUntilMs = Date.now() + lingerMs
      }
    },
    async look(wanted, timeoutMs) {
      const watch = watchFor(wanted.account)
      const entry = watch?.add(wanted)
      if (!watch || !entry) return WAITING
      if (entry.sight.state !== 'confirmed') await atMost(timeoutMs, watch.nextLook())
      return entry.sight
    },
    close() {
      stopListening?.()
      for (const watch of watches.values()) watch.close()
    },
  }
}

interface Entry {
  readonly wanted: Wanted
  readonly listeners: Set<(sight: Sight) => void>
  sight: Sight
  /** For how long it is looked for although nobody listens. */
  keepUntilMs: number
}

interface Watch {
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

interface WatchOptions extends Pick<PaymentsOptions, 'node' | 'ledger'> {
  readonly lingerMs: number
  pause(): number
  /** Nobody looks for anything any more. */
  empty(): void
}

function watchAccount(account: NanoAddress, { node, ledger, lingerMs, pause, empty }: WatchOptions): Watch {
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

/** What is sent in place of an amount by a wallet that knows so many decimals and no more: cut off, or rounded. */
function cutAmounts(amount: bigint): ReadonlySet<bigint> {
  const found = new Set<bigint>()
  // From 20 decimals down to 4. What is left is nearly all of it, or it would not look like it to anybody.
  for (let unit = 10n ** 10n; unit <= 10n ** 26n; unit *= 10n) {
    const below = amount - (amount % unit)
    for (const cut of [below, below + unit]) if (isNear(cut, amount)) found.add(cut)
  }
  found.delete(amount)
  return found
}

const isNear = (cut: bigint, amount: bigint) => {
  const difference = cut > amount ? cut - amount : amount - cut
  return difference * 10n < amount
}

async function atMost(ms: number, task: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([task, late])
  clearTimeout(timer)
}
