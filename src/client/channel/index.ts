/** Channels as a payer has them: one deposit, and then any number of requests. Loaded only where the budget allows deposits. */
import type { ChannelMode } from '../../channel/wire.ts'
import { InsufficientFundsError, NoPayableOfferError, OverBudgetError } from '../../errors.ts'
import type { NanoAddress, PrivateKey, PublicKey } from '../../nano/index.ts'
import type { Ledger, NanoNode } from '../../rpc/index.ts'
import type { Wallet } from '../../wallet/wallet.ts'
import { type ReadBill, readBills } from '../bills.ts'
import type { Budget } from '../budget.ts'
import type { PayerEvent } from '../events.ts'
import type { WaitingJournal } from '../journal.ts'
import type { ChosenOffer } from '../offers.ts'
import type { Bill } from '../payment.ts'
import { discard } from '../present.ts'
import type { RepeatableRequest } from '../request.ts'
import type { Unfinished } from '../unfinished.ts'
import { createAcknowledging } from './acknowledging.ts'
import { createBalances } from './balances.ts'
import { createChoosing } from './choosing.ts'
import { type ChannelRefund, type ClosedChannel, createClosing } from './closing.ts'
import { createDeposits } from './deposits.ts'
import { createEnding } from './ending.ts'
import { type ChannelInfo, infoOf, unfinishedOf } from './info.ts'
import { createIssuing, type IssuerTerms } from './issuing.ts'
import { createLeftovers } from './leftovers.ts'
import { type ChannelBill, type ChannelRules, findChannelBill } from './offers.ts'
import { createOpening } from './opening.ts'
import { createPaying, type Paid } from './paying.ts'
import { createRecovering } from './recovering.ts'
import { createRefunds } from './refunds.ts'
import { type LoadedEntry, restoreTabs } from './restoring.ts'
import { createStanding } from './standing.ts'
import { createStreams } from './stream.ts'
import { createTalk } from './talk.ts'

export type { ChannelRefund, ClosedChannel } from './closing.ts'
export type { ChannelInfo } from './info.ts'
export type { LoadedEntry } from './restoring.ts'

export interface ChannelPaymentsOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly key: PrivateKey
  readonly wallet: Wallet
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly journal: WaitingJournal
  readonly budget: Budget
  readonly network: string
  readonly confirmTimeoutMs: number
  readonly retryForMs: number
  /** Where refunds go. */
  readonly refundTo: NanoAddress
  readonly maxTtlSeconds: number
  readonly modes: readonly ChannelMode[]
  readonly receiptEvery: number
  readonly issuers: readonly IssuerTerms[]
  /** Chooses an offer of an issuer, by the rules for all offers. */
  readonly choose: (bills: readonly ReadBill[], url: string) => ChosenOffer
  /** The account that an origin must be paid at, if that is known. */
  readonly pinned: (origin: string) => readonly PublicKey[] | undefined
  readonly onPayee: (origin: string, payTo: string) => void
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
  /** What the journal has, and what takes it out of the budget. */
  readonly entries: readonly LoadedEntry[]
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
  /** Where the money of each channel is, without a word of its payee. */
  reconcile(): Promise<readonly ChannelRefund[]>
  /** Payments that no call works on, and channels with money in them. */
  unfinished(): readonly Unfinished[]
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
  const { key, wallet, ledger, journal, budget, receiptEvery, network, refundTo, maxTtlSeconds, modes, issuers, emit } =
    options
  const { confirmTimeoutMs, retryForMs, approve, fetch } = options
  const onDistrust = (channelId: string, reason: string) => emit({ type: 'channel-distrusted', channelId, reason })
  const tabs = new Set(
    await restoreTabs({
      ...{ key, journal, budget, receiptEvery, onDistrust },
      self: wallet.address,
      entries: options.entries,
    }),
  )
  /** What a route cost when it was last asked. */
  const routes = new Map<string, ChannelBill>()

  const rules = (origin: string): ChannelRules => ({
    ...{ network, self: wallet.address, refundTo, maxTtlSeconds, modes, issuers, nowMs: Date.now() },
    pinned: options.pinned(origin),
  })
  const talk = createTalk({ fetch, retryForMs })
  const deposits = createDeposits({ wallet, ledger, confirmTimeoutMs })
  const issuing = createIssuing({ key, issuers, fetch, retryForMs, choose: options.choose })
  const standing = createStanding(talk)
  const acknowledging = createAcknowledging({ key, issuing, talk, emit })
  const balances = createBalances(issuing, tabs)
  const opening = createOpening({
    ...{
      key,
      self: wallet.address,
      refundTo,
      network,
      modes,
      budget,
      journal,
      receiptEvery,
      deposits,
      issuing,
      balances,
      acknowledging,
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
    acknowledging,
    standing,
    retryForMs,
    rules,
    approve,
    emit,
    metered: createStreams({ standing, budget, opening }),
    onBill: remember,
    onFree: (request) => routes.delete(routeOf(request)),
  })
  const refunds = createRefunds({ node: options.node, ledger, confirmTimeoutMs })
  const ending = createEnding({ talk, issuing, acknowledging, retryForMs })
  const closing = createClosing({ ending, refunds, opening, emit, tabs })
  const withdrawLeftovers = createLeftovers({ self: wallet.address, issuing, balances, refunds, emit })

  const recover = createRecovering({
    ...{
      key,
      wallet,
      node: options.node,
      ledger,
      journal,
      budget,
      receiptEvery,
      network,
      talk,
      issuing,
      tabs,
      onDistrust,
    },
  })

  const { find, tabFor } = createChoosing({ tabs, opening, close: closing.close })

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
    reconcile: () => Promise.all([...tabs].map(closing.look)),
    unfinished: () => [...tabs].flatMap(unfinishedOf),

    async close(origin) {
      const wanted = [...tabs].filter((tab) => origin === undefined || tab.origin === origin)
      const closed = await Promise.allSettled(wanted.map(closing.close))
      const failed = closed.find((one) => one.status === 'rejected')
      if (failed) throw failed.reason
      if (origin === undefined) await withdrawLeftovers()
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

/** A route is known by its path: what a query changes of the price, the server corrects. */
function routeOf({ method, url }: Pick<RepeatableRequest, 'method' | 'url'>): string {
  const { origin, pathname } = new URL(url)
  return `${method} ${origin}${pathname}`
}

const answered = (paid: Paid): Response | undefined => (paid === 'gone' ? undefined : paid)

/** Nothing was paid, and without a deposit something may be. */
const isAboutDeposit = (error: unknown): boolean =>
  (error instanceof OverBudgetError && error.bound === 'deposit') || error instanceof InsufficientFundsError
