/** Channels as a payer has them: one deposit, and then any number of requests. Loaded only where the budget allows deposits. */
import { readConfig } from '../../channel/config.ts'
import type { ChannelMode } from '../../channel/wire.ts'
import { InsufficientFundsError, NoPayableOfferError, OverBudgetError } from '../../errors.ts'
import { type NanoAddress, type PrivateKey, parseRaw } from '../../nano/index.ts'
import type { Ledger, NanoNode } from '../../rpc/index.ts'
import type { Wallet } from '../../wallet/wallet.ts'
import { type ReadBill, readBills } from '../bills.ts'
import type { Budget, Release } from '../budget.ts'
import type { PayerEvent } from '../events.ts'
import { type Journal, type JournalEntry, progressOf } from '../journal.ts'
import type { ChosenOffer } from '../offers.ts'
import type { Bill } from '../payments.ts'
import { discard } from '../present.ts'
import type { RepeatableRequest } from '../request.ts'
import { type ClosedChannel, createClosing } from './closing.ts'

export type { ClosedChannel } from './closing.ts'

import { createDeposits } from './deposits.ts'
import { createIssuing, type IssuerTerms } from './issuing.ts'
import { type ChannelBill, type ChannelRules, findChannelBill } from './offers.ts'
import { createOpening } from './opening.ts'
import { createPaying, type Paid } from './paying.ts'
import { createProver } from './prover.ts'
import { createRecovering } from './recovering.ts'
import { createStreams } from './stream.ts'
import { createTab, type Tab } from './tab.ts'
import { createTalk } from './talk.ts'

export interface ChannelPaymentsOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly key: PrivateKey
  readonly wallet: Wallet
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly journal: Journal
  readonly budget: Budget
  readonly network: string
  readonly confirmTimeoutMs: number
  readonly retryForMs: number
  /** Where refunds go. */
  readonly refundTo: NanoAddress
  readonly maxTtlSeconds: number
  readonly modes: readonly ChannelMode[]
  readonly issuers: readonly IssuerTerms[]
  /** Chooses an offer of an issuer, by the rules for all offers. */
  readonly choose: (bills: readonly ReadBill[], url: string) => ChosenOffer
  /** The account that an origin must be paid at, if that is known. */
  readonly pinned: (origin: string) => NanoAddress | undefined
  readonly onPayee: (origin: string, payTo: string) => void
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
  /** What the journal has, and what takes it out of the budget. */
  readonly entries: readonly LoadedEntry[]
}

export interface LoadedEntry {
  readonly entry: JournalEntry
  readonly release: Release | undefined
}

/** A channel that is not closed. Amounts in raw. */
export interface ChannelInfo {
  readonly channelId: string
  readonly origin: string
  /** Who is paid. */
  readonly payee: string
  /** Who holds the deposit. */
  readonly custodian: 'payee' | 'issuer'
  readonly mode: 'payword-sha256' | 'voucher-ed25519'
  /** `expired`: the payee gives the rest back by itself; `closing` is the same, asked for. */
  readonly phase: 'opening' | 'open' | 'closing' | 'expired'
  readonly deposited: bigint
  /** The most that the payee can show a proof for. */
  readonly authorized: bigint
  readonly charged: bigint
  readonly expiresAtMs: number
  /** Why nothing more is paid in it: what the payee said, and cannot be true. */
  readonly distrusted?: string
}

export interface ChannelPayments {
  /** Pays without having been asked: an unfinished payment for this request, or a price that is known. Undefined: it has to be asked for. */
  early(request: RepeatableRequest): Promise<Response | undefined>
  /** Pays a 402 in a channel. Otherwise why not, and nothing was paid. */
  pay(
    request: RepeatableRequest,
    bills: readonly ReadBill[],
  ): Promise<Response | { readonly unpaid: Error | undefined }>
  list(): readonly ChannelInfo[]
  /** Closes all channels, or those with one origin. Rejects with the first failure, when all have been seen to. */
  close(origin?: string): Promise<readonly ClosedChannel[]>
  /** Finds channels that the journal does not know, with whoever is behind this URL. */
  recover(url: string): Promise<readonly ChannelInfo[]>
}

/** How many prices are remembered. */
const MAX_ROUTES = 1_000
/** How often a channel that came to its end is replaced for one request. */
const MAX_CHANNELS = 2

export async function createChannelPayments(options: ChannelPaymentsOptions): Promise<ChannelPayments> {
  const { key, wallet, ledger, journal, budget, network, refundTo, maxTtlSeconds, modes, issuers, emit } = options
  const { confirmTimeoutMs, retryForMs, approve, fetch } = options
  const tabs = new Set<Tab>()
  /** What a route cost when it was last asked. */
  const routes = new Map<string, ChannelBill>()
  const begun = new Map<string, Promise<Tab>>()

  const rules = (origin: string): ChannelRules => ({
    ...{ network, self: wallet.address, refundTo, maxTtlSeconds, modes, issuers, nowMs: Date.now() },
    pinned: options.pinned(origin),
  })
  const talk = createTalk({ fetch, retryForMs })
  const deposits = createDeposits({ wallet, ledger, confirmTimeoutMs })
  const issuing = createIssuing({ key, issuers, fetch, retryForMs, choose: options.choose })
  const opening = createOpening({
    ...{
      key,
      self: wallet.address,
      refundTo,
      network,
      modes,
      budget,
      journal,
      deposits,
      issuing,
      talk,
      approve,
      emit,
      tabs,
    },
  })
  const remember = (request: RepeatableRequest, bill: ChannelBill) => {
    const [oldest] = routes.keys()
    if (routes.size >= MAX_ROUTES && oldest !== undefined) routes.delete(oldest)
    routes.set(routeOf(request), bill)
  }
  const paying = createPaying({
    fetch,
    budget,
    opening,
    retryForMs,
    rules,
    approve,
    emit,
    metered: createStreams({ talk, budget, opening }),
    onBill: remember,
  })
  const close = createClosing({ talk, ledger, issuing, opening, confirmTimeoutMs, retryForMs, emit, tabs })

  const recover = createRecovering({
    ...{ key, wallet, node: options.node, ledger, journal, budget, network, talk, tabs },
    onDistrust: (channelId, reason) => emit({ type: 'channel-distrusted', channelId, reason }),
  })

  const isFor = (tab: Tab, origin: string, { payee, terms }: ChannelBill) =>
    tab.origin === origin && tab.config.payee === payee && tab.config.issuer === terms.issuer?.publicKey
  const find = (origin: string, bill: ChannelBill) =>
    [...tabs].find((tab) => isFor(tab, origin, bill) && tab.isUsable() && tab.fits(bill) && !tab.isUsedUp(bill.amount))

  /** The channel to pay a bill in: one that is open, one that was begun, or a new one. */
  async function tabFor(bill: ChannelBill, request: RepeatableRequest): Promise<Tab> {
    const { origin } = new URL(request.url)
    const place = `${origin} ${bill.payee}`
    const liar = [...tabs].find((tab) => tab.origin === origin && tab.distrusted() !== undefined)
    if (liar) {
      throw new NoPayableOfferError(`No deposit is made at ${origin}: of an earlier one it said what cannot be true.`)
    }
    for (;;) {
      const under = begun.get(place)
      if (under) await under.catch(() => {})
      const known = find(origin, bill)
      if (known) {
        if (known.deposits.some(({ credited }) => !credited)) await opening.resume(known)
        return known
      }
      if (begun.has(place)) continue
      const opened = openOrResume(bill, request).finally(() => begun.delete(place))
      begun.set(place, opened)
      return opened
    }
  }

  async function openOrResume(bill: ChannelBill, request: RepeatableRequest): Promise<Tab> {
    const { origin } = new URL(request.url)
    const own = [...tabs].filter((tab) => isFor(tab, origin, bill))
    const unopened = own.find((tab) => tab.phase() === 'opening')
    if (unopened && (await opening.resume(unopened)) && unopened.fits(bill)) return unopened
    const ended = own.filter((tab) => tab.phase() !== 'opening' && (!tab.isUsable() || tab.isUsedUp(bill.amount)))
    const settled = Promise.allSettled(ended.map(close)) // what is left in them is wanted back, sooner or later
    try {
      return await opening.open(bill, request)
    } catch (error) {
      if (ended.length === 0 || !(error instanceof OverBudgetError || error instanceof InsufficientFundsError))
        throw error
      await settled
      return opening.open(bill, request)
    }
  }

  await restore()

  /** Channels and their payments from the journal. Those of another account are not ours to touch. */
  async function restore() {
    const progress = progressOf(options.entries.map(({ entry }) => entry))
    for (const { entry } of options.entries) {
      const { channel, state, hash } = entry
      const config = readConfig(channel?.config)
      if (channel === undefined || state === 'void' || config?.payer !== wallet.address) continue
      const prover = await createProver(config, key)
      if (prover === undefined) continue
      const onDistrust = (reason: string) => emit({ type: 'channel-distrusted', channelId: hash, reason })
      const { offer, url, method } = channel
      const parts = { config, offer, url, method, prover, journal, budget, onDistrust }
      tabs.add(await createTab(parts, { ...channel, ...progress.get(hash) }))
    }
    for (const { entry, release } of options.entries) {
      const { inChannel, hash, key: requestKey, atMs, amount } = entry
      const { reach, url, method } = inChannel ?? {}
      const tab = [...tabs].find(({ id }) => id === inChannel?.id)
      if (tab === undefined || reach === undefined || url === undefined || method === undefined) continue
      if (release === undefined) continue
      tab.restore({
        ...{ id: hash, key: requestKey, url, method, atMs, release, reach: BigInt(reach), max: parseRaw(amount) },
        ...{ isUnderWay: false, isUncertain: true, isFailed: false, ...(requestKey === '' && { isStream: true }) },
        before: { deposit: { least: 0n, most: tab.deposited() }, charged: { least: 0n, most: 0n } },
      })
    }
  }

  return {
    async early(request) {
      for (const tab of tabs) {
        const one = tab.take(request.key)
        if (one) return answered(await paying.resume(tab, one, request))
      }
      const bill = routes.get(routeOf(request))
      const tab = bill && find(new URL(request.url).origin, bill)
      if (bill === undefined || tab === undefined) return undefined
      try {
        const paid = await paying.pay(tab, request, { bill, isKnown: false })
        if (paid !== 'gone') return paid
      } catch (error) {
        if (!isAboutDeposit(error)) throw error
      }
      routes.delete(routeOf(request))
      return undefined
    },

    async pay(request, bills) {
      const required = bills.find(({ wire }) => wire === 'x402')?.required
      const { origin } = new URL(request.url)
      const { bill, reasons } = required ? findChannelBill(required, rules(origin)) : { reasons: [] }
      if (bill === undefined) {
        const message = `No channel can be opened: ${reasons.join('; ')}.`
        return { unpaid: reasons.length > 0 ? new NoPayableOfferError(message, reasons) : undefined }
      }
      try {
        for (let channels = 0; channels < MAX_CHANNELS; channels++) {
          const tab = await tabFor(bill, request)
          options.onPayee(origin, bill.payee)
          const paid = await paying.pay(tab, request, { bill, isKnown: true })
          if (paid === 'gone') continue
          remember(request, bill)
          return paid
        }
      } catch (error) {
        if (isAboutDeposit(error) || error instanceof NoPayableOfferError) return { unpaid: error as Error }
        throw error
      }
      return { unpaid: new NoPayableOfferError('The channel that is offered takes no payments.') }
    },

    list: () => [...tabs].map(infoOf),

    async close(origin) {
      const wanted = [...tabs].filter((tab) => origin === undefined || tab.origin === origin)
      const closed = await Promise.allSettled(wanted.map(close))
      const failed = closed.find((one) => one.status === 'rejected')
      if (failed) throw failed.reason
      return closed.flatMap((one) => (one.status === 'fulfilled' ? (one.value ?? []) : []))
    },

    async recover(url) {
      const { origin } = new URL(url)
      const response = await fetch(new Request(url, { redirect: 'manual' }))
      const bills = response.status === 402 ? await readBills(response, url, ['x402']) : []
      await discard(response)
      const [read] = bills
      const bill = read && findChannelBill(read.required, rules(origin)).bill
      if (bill === undefined) throw new NoPayableOfferError(`No channel is offered at ${url}.`)
      const found = await recover(bill, url)
      for (const tab of found) tabs.add(tab)
      return found.map(infoOf)
    },
  }
}

function infoOf(tab: Tab): ChannelInfo {
  const { id, origin, config, expiresAtMs } = tab
  const [phase, distrusted] = [tab.phase(), tab.distrusted()]
  return {
    ...{ channelId: id, origin, payee: config.payee, custodian: config.custodian, mode: config.mode, expiresAtMs },
    phase: phase === 'closed' ? 'closing' : Date.now() < expiresAtMs ? phase : 'expired',
    ...{ deposited: tab.deposited(), authorized: tab.authorized(), charged: tab.charged() },
    ...(distrusted !== undefined && { distrusted }),
  }
}

/** A route is known by its path: what a query changes of the price, the server corrects. */
function routeOf({ method, url }: Pick<RepeatableRequest, 'method' | 'url'>): string {
  const { origin, pathname } = new URL(url)
  return `${method} ${origin}${pathname}`
}

const answered = (paid: Paid): Response | undefined => (paid === 'gone' ? undefined : paid)

/** Nothing was paid, and without a deposit something may be. */
const isAboutDeposit = (error: unknown): boolean =>
  (error instanceof OverBudgetError && error.bound === 'deposit') || error instanceof InsufficientFundsError
