/**
 * The issuer's ledger: accounts in a store, and money that moves between them. Every step is one atomic write of one record.
 *
 * Where two records are concerned, what moves is named in the first one, then in the second, then its end is filed in a
 * record of its own, and only then the first one forgets its name, and the second one last. So a process that is killed
 * anywhere leaves a name behind, and whoever comes next goes on from there. And nothing moves twice: whoever adds a name
 * looks first where it would be if it had been there before, and its write succeeds only if nothing changed meanwhile.
 */
import { LRUCache } from '#lru-cache'
import { type ChannelConfig, type ChannelId, channelId } from '../channel/config.ts'
import { type Changed, createRecords } from '../core/records.ts'
import type { Store, Versioned } from '../core/store.ts'
import type { Payouts } from '../custody/payouts.ts'
import { InvalidValueError } from '../errors.ts'
import { addressToPublicKey, type BlockHash, type NanoAddress, type Raw } from '../nano/index.ts'
import * as step from './account.ts'
import { decodeAccount, decodeLines, encodeAccount, encodeLines } from './codec.ts'

export interface BookOptions {
  readonly store: Store
  /** Pays out of the account that the deposits went to. */
  readonly payouts: Pick<Payouts, 'pay'>
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

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

/** One page of a statement, the newest line last. */
export interface Statement {
  readonly lines: readonly (step.Line & { readonly number: number })[]
  /** What to ask for the lines before these; undefined: there are none. */
  readonly before: number | undefined
}

/** All accounts, as they were read one after the other. */
export interface Collected {
  readonly accounts: readonly step.Account[]
  /** Another one whenever anything changed: two equal ones in a row, and that is how it was all the time between. */
  readonly mark: string
}

/** Each rejects with `StoreError` when the store does not answer. Asked again, it goes on from there. */
export interface Book {
  account(address: NanoAddress): Promise<step.Account | undefined>
  /** Says which keys may act for the account beside its own, and nothing else does from then on. */
  register(address: NanoAddress, keys: readonly step.SessionKey[]): Promise<step.Account>
  /** Credits a block that was sent to us for this account. The same block again credits nothing. */
  deposit(address: NanoAddress, sent: { readonly block: string; readonly amount: bigint }): Promise<step.Account>
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
    claim: { readonly charged: bigint; readonly proof?: string | undefined },
  ): Promise<step.SettleRefusal | 'settled'>
  /** Debits what is to be paid out. The same again: what became of it. */
  withdraw(
    address: NanoAddress,
    order: step.Withdrawal,
  ): Promise<step.WithdrawRefusal | 'debited' | { readonly block: BlockHash }>
  withdrawal(
    address: NanoAddress,
    id: string,
  ): Promise<{ readonly amount: string; readonly block: BlockHash } | undefined>
  /** Makes the payments that the account waits for. False: some are not confirmed yet. */
  payOut(address: NanoAddress): Promise<boolean>
  /** Carries on with whatever a process left behind, and gives back what nobody redeemed. */
  tidy(address: NanoAddress): Promise<void>
  /** Every account that ever held money. */
  addresses(): AsyncIterable<NanoAddress>
  statement(address: NanoAddress, before?: number): Promise<Statement>
  collect(): Promise<Collected>
}

const DAY_MS = 86_400_000
/** How a channel ended, and that its root was used, is remembered for so long after it could be settled. */
const RETENTION_MS = 30 * DAY_MS
/** An account that never held money is remembered for so long after it last did something. */
const EMPTY_RETENTION_MS = 30 * DAY_MS
const FOREVER_MS = 4_000_000_000_000

/** How the addresses are spread over records. */
const PARTS = 64
const READ_AT_ONCE = 64

const accountKey = (address: NanoAddress) => `issuer-account:${address}`
const pageKey = (address: NanoAddress, page: number) => `issuer-statement:${address}:${page}`
const indexKey = (part: number) => `issuer-accounts:${part}`
const depositKey = (block: string) => `issuer-deposit:${block}`
const channelKey = (id: ChannelId) => `issuer-channel:${id}`
const rootKey = (root: string) => `issuer-root:${root}`
const withdrawalKey = (address: NanoAddress, id: string) => `issuer-withdrawal:${address}:${id}`

/** What the payouts call a withdrawal. */
export const payoutName = (address: NanoAddress, id: string): string => `withdrawal:${address}:${id}`

export function createBook({ store, payouts, now = Date.now }: BookOptions): Book {
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

  const readAs = <T>(found: Versioned | undefined): T | undefined => found && (JSON.parse(found.value) as T)
  const read = (address: NanoAddress) => accounts.read(accountKey(address))
  const change = <Result>(
    address: NanoAddress,
    take: (account: step.Account) => step.Step<Result> | Promise<step.Step<Result>>,
  ): Promise<Result> =>
    accounts.update(accountKey(address), async (found): Promise<Changed<step.Account, Result>> => {
      const before = found ?? step.emptyAccount(address)
      const { account, result } = await take(before)
      return { value: account === before ? found : account, result }
    })
  const alter = (address: NanoAddress, take: (account: step.Account) => step.Account) =>
    change(address, (account) => {
      const after = take(account)
      return { account: after, result: after }
    })

  /** Has the account counted by every audit, before money gets there. */
  async function enlist(address: NanoAddress): Promise<void> {
    if (enlisted.has(address)) return
    await index.update(indexKey(partOf(address)), (known = []) => ({
      value: known.includes(address) ? known : [...known, address],
      result: undefined,
    }))
    enlisted.set(address, true)
  }

  async function fileDeposit(address: NanoAddress, block: string): Promise<step.Account> {
    await store.write(depositKey(block), 0, address, FOREVER_MS)
    return alter(address, (account) => step.forgetDeposit(account, block))
  }

  const channel = async (id: ChannelId) => readAs<ChannelEntry>(await store.read(channelKey(id)))
  const lockIn = (account: step.Account | undefined, id: ChannelId) =>
    account?.locks.find((one) => one.channelId === id)

  /** Ends what a lock that was settled or returned has begun. Whoever else does it at the same time: it is done once. */
  async function finish(payer: NanoAddress, { channelId: id, payee, charged }: step.Lock): Promise<void> {
    if (charged > 0n) {
      await enlist(payee)
      await change(payee, async (account) => {
        if (account.credits.some((one) => one.channelId === id)) return step.stay(account, undefined)
        const current = lockIn(await read(payer), id)
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
    const lock = lockIn(await read(payer), id)
    if (!found || !entry || entry.end || !lock || lock.state === 'open') return
    const { payee, settleBy } = entry
    const { state, amount, charged, proof } = lock
    const end = { state, amount: String(amount), charged: String(charged), ...(proof !== undefined && { proof }) }
    const ended: ChannelEntry = { payer, payee, settleBy, end }
    await store.write(channelKey(id), found.version, JSON.stringify(ended), 1_000 * settleBy + RETENTION_MS)
  }

  async function filePages(address: NanoAddress): Promise<void> {
    for (let next = step.nextPage((await read(address)) ?? step.emptyAccount(address)); next; ) {
      const { page, lines } = next
      await store.write(pageKey(address, page), 0, encodeLines(lines), FOREVER_MS)
      next = step.nextPage(await alter(address, (account) => step.forgetPage(account, page)))
    }
  }

  const withdrawal = async (address: NanoAddress, id: string) =>
    readAs<{ readonly amount: string; readonly block: BlockHash }>(await store.read(withdrawalKey(address, id)))

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
    account: (address) => read(address),
    register: (address, keys) => alter(address, (account) => step.setKeys(account, keys)),

    async deposit(address, { block, amount }) {
      await enlist(address)
      const owner = await change(address, async (account) => {
        if (account.deposits.includes(block)) return step.stay(account, address)
        const filed = await store.read(depositKey(block))
        if (filed) return step.stay(account, filed.value)
        const { account: after } = step.deposit(account, { block, amount, atMs: now() })
        return step.stay<string>(after, address)
      })
      if (owner !== address) throw new InvalidValueError('This block was credited to another account.')
      const account = await fileDeposit(address, block)
      await filePages(address)
      return account
    },

    async open(config, { amount, settleBy }) {
      const id = channelId(config)
      const { payer, payee } = config
      // Looked at before anything is stored: who has no money has us store nothing.
      const account = step.returnExpired((await read(payer)) ?? step.emptyAccount(payer), now())
      if (!lockIn(account, id) && account.balance < amount) {
        return (await channel(id))?.end ? 'channel_closed' : 'insufficient_balance'
      }
      const entry: ChannelEntry = { payer, payee, settleBy, config }
      await store.write(channelKey(id), 0, JSON.stringify(entry), 1_000 * settleBy + RETENTION_MS)
      const settleByMs = 1_000 * ((await channel(id))?.settleBy ?? settleBy)
      if (config.mode === 'payword-sha256' && !(await isFirstUse(config.root, id, settleByMs))) return 'root_used'
      const result = await change<OpenRefusal | 'locked'>(payer, async (before) => {
        // A lock is forgotten only after its end is filed.
        if (!lockIn(before, id) && (await channel(id))?.end) return step.stay(before, 'channel_closed')
        return step.lock(before, { channelId: id, payee, amount, settleByMs, atMs: now() })
      })
      await filePages(payer)
      return result
    },

    channel,
    async lockOf(id) {
      const entry = await channel(id)
      return entry && lockIn(await read(entry.payer), id)
    },

    async settle(id, { charged, proof }) {
      const entry = await channel(id)
      if (entry === undefined) return 'channel_not_found'
      const { payer } = entry
      const result = await change<step.SettleRefusal | 'settled'>(payer, (account) =>
        step.settle(account, { channelId: id, charged, proof, atMs: now() }),
      )
      const lock = lockIn(await read(payer), id)
      if (lock && lock.state !== 'open') await finish(payer, lock)
      await Promise.all([filePages(payer), filePages(entry.payee)])
      if (result !== 'channel_not_found') return result
      const { end } = (await channel(id)) ?? {}
      if (end === undefined) return 'channel_not_found'
      if (end.state === 'returned') return 'settle_window'
      return end.charged === String(charged) ? 'settled' : 'channel_closed'
    },

    async withdraw(address, order) {
      const result = await change<Awaited<ReturnType<Book['withdraw']>>>(address, async (account) => {
        const filed = account.withdrawals.some(({ id }) => id === order.id)
          ? undefined
          : await withdrawal(address, order.id)
        if (filed === undefined) return step.withdraw(account, { ...order, atMs: now() })
        return step.stay(
          account,
          filed.amount === String(order.amount) ? { block: filed.block } : 'withdrawal_conflict',
        )
      })
      await filePages(address)
      return result
    },
    withdrawal,

    async payOut(address) {
      const pay = async ({ id, amount }: step.Withdrawal) => {
        const paid = await payouts.pay({ id: payoutName(address, id), to: address, amount: amount as Raw })
        if (!paid.confirmed) return false
        const filed = { amount: String(amount), block: paid.hash }
        await store.write(withdrawalKey(address, id), 0, JSON.stringify(filed), FOREVER_MS)
        await alter(address, (account) => step.forgetWithdrawal(account, { id, block: paid.hash, atMs: now() }))
        return true
      }
      const arePaid = await Promise.all(((await read(address))?.withdrawals ?? []).map(pay))
      await filePages(address)
      return arePaid.every((isPaid) => isPaid)
    },

    async tidy(address) {
      if (!(await read(address))) return
      const { deposits, locks, credits } = await alter(address, (account) => step.returnExpired(account, now()))
      for (const block of deposits) await fileDeposit(address, block)
      for (const lock of locks) if (lock.state !== 'open') await finish(address, lock)
      for (const { channelId: id, payer } of credits) {
        const lock = lockIn(await read(payer), id)
        if (lock) await finish(payer, lock)
        else await alter(address, (account) => step.forgetCredit(account, id))
      }
      await filePages(address)
    },

    addresses,

    async statement(address, before = Number.MAX_SAFE_INTEGER) {
      const { filed, lines } = (await read(address)) ?? step.emptyAccount(address)
      const end = Math.min(before, filed + lines.length)
      const isAtHand = end > filed
      const start = isAtHand ? Math.max(filed, end - step.PAGE) : Math.floor((end - 1) / step.PAGE) * step.PAGE
      if (end <= 0) return { lines: [], before: undefined }
      const page = isAtHand ? undefined : await store.read(pageKey(address, start / step.PAGE))
      const found = isAtHand ? lines.slice(start - filed, end - filed) : decodeLines(page?.value ?? '[]')
      const numbered = found.slice(0, end - start).map((line, i) => ({ ...line, number: start + i }))
      return { lines: numbered, before: start > 0 ? start : undefined }
    },

    collect,
  }

  /** Whether no other channel has this root: tokens that were shown for one would pay for both. */
  async function isFirstUse(root: string, id: ChannelId, settleByMs: number): Promise<boolean> {
    if (await store.write(rootKey(root), 0, id, settleByMs + RETENTION_MS)) return true
    return (await store.read(rootKey(root)))?.value === id
  }
}

const partOf = (address: NanoAddress): number => Number.parseInt(addressToPublicKey(address).slice(0, 2), 16) % PARTS
