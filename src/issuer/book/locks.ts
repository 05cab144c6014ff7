/** Channels in an issuer's ledger: what is locked for each, how it is settled, and how it ended. */
import { type ChannelConfig, type ChannelId, channelId } from '../../channel/config.ts'
import type { Store, Versioned } from '../../core/store.ts'
import type { NanoAddress } from '../../nano/index.ts'
import * as step from '../account.ts'
import { type Accounts, DAY_MS } from './accounts.ts'
import type { Statements } from './statements.ts'

/** How a channel ended. Amounts in raw, as decimal text. */
export interface ChannelEnd {
  readonly state: 'settled' | 'returned'
  readonly amount: string
  readonly charged: string
  /** What the payee showed for it, as JSON: a `LastProof`, or its release. */
  readonly proof?: string
}

/** What is kept of a channel. */
export interface ChannelEntry {
  readonly payer: NanoAddress
  readonly payee: NanoAddress
  /** Unix time in seconds. */
  readonly settleBy: number
  /** Undefined once it has ended. */
  readonly config?: ChannelConfig
  readonly end?: ChannelEnd
}

export type OpenRefusal = step.LockRefusal | 'root_used'

/** Each rejects with `StoreError` when the store does not answer. Asked again, it goes on from there. */
export interface Locks {
  /** Locks an amount for a channel. The same again: `locked` again. */
  open(
    config: ChannelConfig,
    terms: { readonly amount: bigint; readonly settleBy: number },
  ): Promise<OpenRefusal | 'locked'>
  channel(id: ChannelId): Promise<ChannelEntry | undefined>
  /** The lock of a channel that has not ended, or not long ago. */
  lockOf(id: ChannelId): Promise<step.Lock | undefined>
  /** Credits the payee, refunds the rest, and ends the channel. The same again: `settled` again. */
  settle(
    id: ChannelId,
    claim: {
      readonly charged: bigint
      /** What the proof is worth. Default: what is charged. */
      readonly authorized?: bigint
      readonly proof?: string | undefined
    },
  ): Promise<step.SettleRefusal | 'settled'>
  /** Ends what a lock that was settled or returned has begun. Whoever else does it at the same time: it is done once. */
  finish(payer: NanoAddress, lock: step.Lock): Promise<void>
}

/** How a channel ended, and that its root was used, is remembered for so long after it could be settled. */
const RETENTION_MS = 30 * DAY_MS

const channelKey = (id: ChannelId) => `issuer-channel:${id}`
const rootKey = (root: string) => `issuer-root:${root}`

export interface LocksOptions {
  readonly store: Store
  readonly accounts: Accounts
  readonly statements: Statements
  readonly now: () => number
}

export function createLocks({ store, accounts, statements, now }: LocksOptions): Locks {
  const { read, change, alter, enlist } = accounts
  const readAs = <T>(found: Versioned | undefined): T | undefined => found && (JSON.parse(found.value) as T)
  const channel = async (id: ChannelId) => readAs<ChannelEntry>(await store.read(channelKey(id)))

  async function finish(payer: NanoAddress, { channelId: id, payee, charged }: step.Lock): Promise<void> {
    if (charged > 0n) {
      await enlist(payee)
      await change(payee, async (account) => {
        if (account.credits.some((one) => one.channelId === id)) return step.stay(account, undefined)
        const current = step.lockIn(await read(payer), id)
        if (current?.state !== 'settled') return step.stay(account, undefined) // somebody has finished it
        const credited = { channelId: id, payer, amount: current.charged, atMs: now() }
        return step.stay(step.credit(account, credited), undefined)
      })
    }
    await fileEnd(payer, id)
    await alter(payer, (account) => step.forgetLock(account, id))
    if (charged > 0n) await alter(payee, (account) => step.forgetCredit(account, id))
  }

  async function fileEnd(payer: NanoAddress, id: ChannelId): Promise<void> {
    const found = await store.read(channelKey(id))
    const entry = readAs<ChannelEntry>(found)
    const lock = step.lockIn(await read(payer), id)
    if (!found || !entry || entry.end || !lock || lock.state === 'open') return
    const { payee, settleBy } = entry
    const { state, amount, charged, proof } = lock
    const end = { state, amount: String(amount), charged: String(charged), ...(proof !== undefined && { proof }) }
    const ended: ChannelEntry = { payer, payee, settleBy, end }
    await store.write(channelKey(id), found.version, JSON.stringify(ended), 1_000 * settleBy + RETENTION_MS)
  }

  /** Whether no other channel has this root: tokens that were shown for one would pay for both. */
  async function isFirstUse(root: string, id: ChannelId, settleByMs: number): Promise<boolean> {
    if (await store.write(rootKey(root), 0, id, settleByMs + RETENTION_MS)) return true
    return (await store.read(rootKey(root)))?.value === id
  }

  return {
    async open(config, { amount, settleBy }) {
      const id = channelId(config)
      const { payer, payee } = config
      // Looked at before anything is stored: who has no money has us store nothing.
      const account = step.returnExpired((await read(payer)) ?? step.emptyAccount(payer), now())
      if (!step.lockIn(account, id) && account.balance < amount) {
        return (await channel(id))?.end ? 'channel_closed' : 'insufficient_balance'
      }
      const entry: ChannelEntry = { payer, payee, settleBy, config }
      await store.write(channelKey(id), 0, JSON.stringify(entry), 1_000 * settleBy + RETENTION_MS)
      const settleByMs = 1_000 * ((await channel(id))?.settleBy ?? settleBy)
      if (config.mode === 'payword-sha256' && !(await isFirstUse(config.root, id, settleByMs))) return 'root_used'
      const result = await change<OpenRefusal | 'locked'>(payer, async (before) => {
        // A lock is forgotten only after its end is filed.
        if (!step.lockIn(before, id) && (await channel(id))?.end) return step.stay(before, 'channel_closed')
        return step.lock(before, { channelId: id, payee, amount, settleByMs, atMs: now() })
      })
      await statements.file(payer)
      return result
    },

    channel,
    async lockOf(id) {
      const entry = await channel(id)
      return entry && step.lockIn(await read(entry.payer), id)
    },

    async settle(id, { charged, authorized = charged, proof }) {
      const entry = await channel(id)
      if (entry === undefined) return 'channel_not_found'
      const { payer } = entry
      const result = await change<step.SettleRefusal | 'settled'>(payer, (account) =>
        step.settle(account, { channelId: id, charged, authorized, proof, atMs: now() }),
      )
      const lock = step.lockIn(await read(payer), id)
      if (lock && lock.state !== 'open') await finish(payer, lock)
      await Promise.all([statements.file(payer), statements.file(entry.payee)])
      if (result !== 'channel_not_found') return result
      const { end } = (await channel(id)) ?? {}
      if (end === undefined) return 'channel_not_found'
      if (end.state === 'returned') return 'settle_window'
      return end.charged === String(charged) ? 'settled' : 'channel_closed'
    },

    finish,
  }
}
