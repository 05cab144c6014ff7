/** The client half, put together: account, budget, journal, rules for offers, and the fetch that pays. */
import { ConfigError, type PaymentProof } from '../errors.ts'
import { type NanoAddress, WORK_THRESHOLDS } from '../nano/index.ts'
import { createFeed, createLedger, type Network } from '../rpc/index.ts'
import { type Balance, createWallet, type Received } from '../wallet/wallet.ts'
import { createWorkSource } from '../wallet/work.ts'
import type { PaymentRequirements } from '../x402/shapes.ts'
import type { ReadBill } from './bills.ts'
import { createBudget } from './budget.ts'
import type { ChannelInfo, ChannelPayments, ChannelRefund, ClosedChannel, LoadedEntry } from './channel/index.ts'
import { createConfirm } from './confirm.ts'
import type { PayerEvent } from './events.ts'
import { createPayingFetch } from './fetch.ts'
import { fileJournal } from './file-journal.ts'
import { createHandover, type PaidOffer, type PayOptions } from './handover.ts'
import { withWaiting } from './journal.ts'
import { memoryJournal } from './memory-journal.ts'
import { type Method, session } from './methods.ts'
import { chooseFrom, TAG_MODULUS } from './offers.ts'
import { type PayerOptions, readNode, readOptions } from './options.ts'
import { createPaymentBook } from './payment-book.ts'
import { createPayments } from './payments.ts'
import { createPins } from './pins.ts'
import { createTransfers, type Transfer, type TransferOrder } from './transfer.ts'
import { type Unfinished, unfinishedPayment } from './unfinished.ts'

/** Pays for requests out of one account. */
export interface Payer {
  /** The account: send XNO here. */
  readonly address: NanoAddress
  /** The network that it pays on. */
  readonly network: Network
  /**
   * Like the platform's `fetch`, but a 402 that is within the budget is paid, and the resource is what comes back.
   *
   * The cheapest offer that can be paid is; a redirect to another origin is never paid, and never sees a proof. The body is
   * held in memory, 16 MiB at most. An abort ends the call; once a payment is signed, with `RefusedAfterPaymentError`, and
   * the payment is kept. When the same request (method, URL, body) is made again, an unfinished payment is used before a
   * new one is made; a body of `FormData` is never the same, because of its random boundary. Calls side by side are
   * separate: each pays for itself, and an unfinished payment is used by one.
   *
   * Where a payment buys a pass, the pass is kept until this process ends, and shown in place of a payment until the server takes
   * it no more; calls side by side wait for the one that buys it.
   *
   * An answer that does not use the payment up (a 500 of the handler, say) comes back as it is, and the payment stays good
   * for the same request. A redirect that was paid for is followed within its origin, otherwise it comes back as it is.
   *
   * @throws `OverBudgetError` (`ERR_OVER_BUDGET`), `NoPayableOfferError` (`ERR_NO_PAYABLE_OFFER`),
   * `NotApprovedError` (`ERR_NOT_APPROVED`), `InsufficientFundsError` (`ERR_INSUFFICIENT_FUNDS`), `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`), `WorkError`
   * (`ERR_WORK`) and `JournalError` (`ERR_JOURNAL`) when nothing was paid; `RefusedAfterPaymentError`
   * (`ERR_REFUSED_AFTER_PAYMENT`), with the proof in it, when something was; and whatever `fetch` throws before that.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  /**
   * Shows a proof again, such as that of a `RefusedAfterPaymentError`. Never pays.
   *
   * @throws `RefusedAfterPaymentError` (`ERR_REFUSED_AFTER_PAYMENT`) when it is refused again.
   */
  present(proof: PaymentProof, input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  /**
   * Pays one offer of a 402, and waits until it is confirmed (for `confirmTimeoutMs` at most), for a client that asks and
   * presents by itself. The rules for offers and the budget are those of `fetch`. An offer is paid once, however often this is
   * asked, also by the next process with the same journal. Another 402 for the same request is another offer: only `fetch`,
   * which sees requests, knows that it has paid for one.
   *
   * @throws What `fetch` throws of a payment.
   */
  pay(offer: PaymentRequirements, options?: PayOptions): Promise<PaidOffer>
  /**
   * What was paid and is not known to have been served, on the ledger and in channels, and channels with money in them: each with
   * what to do. Asks nobody; what a call works on just now is left out.
   */
  unfinished(): Promise<readonly Unfinished[]>
  /** What the account holds, in raw. Asks the node. */
  balance(): Promise<Balance>
  /** Pockets everything that was sent to the account. A payment that needs it does so by itself. */
  receive(): Promise<readonly Received[]>
  /**
   * Sends XNO to an account, for no request, and waits until it is confirmed (for `confirmTimeoutMs` at most). The budget is
   * for requests: it neither bounds nor counts this.
   *
   * @throws `InsufficientFundsError` (`ERR_INSUFFICIENT_FUNDS`), `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`)
   * and `WorkError` (`ERR_WORK`) when nothing was sent, and
   * `SendUncertainError` (`ERR_SEND_UNCERTAIN`) when something may have been.
   */
  send(order: TransferOrder): Promise<Transfer>
  /** The channels that are not closed, as far as the payer knows. */
  channels(): Promise<readonly ChannelInfo[]>
  /**
   * Closes all channels, or those with one origin, and waits until what is left of their deposits is back, confirmed and to
   * the raw. The payer goes on: the next request may open another one.
   *
   * @throws `ChannelError` (`ERR_CHANNEL`) for the first that could not be closed, when all have been seen to. Ask again: an
   * expired one is closed by the payee itself.
   */
  closeChannels(origin?: string): Promise<readonly ClosedChannel[]>
  /**
   * Says where the money of each channel is, without a word of its payee, which may be gone: looks for refunds on the ledger, and
   * asks issuers. A channel whose refund is found is closed.
   */
  reconcile(): Promise<readonly ChannelRefund[]>
  /**
   * Finds channels that the journal does not know, because it was lost: deposits that this account made are looked up on the
   * ledger, locks are asked of the issuer, and the payee behind the URL is asked how they stand. They go on as if they had been known, and can be closed.
   *
   * @throws `NoPayableOfferError` (`ERR_NO_PAYABLE_OFFER`) when no channel is offered there.
   */
  recoverChannels(url: string): Promise<readonly ChannelInfo[]>
  /**
   * Closes all channels as {@link closeChannels} does, and stops what runs in the background. With `{ channels: 'keep' }`
   * channels stay open, for the next payer with the same journal.
   */
  close(options?: { readonly channels?: 'keep' }): Promise<void>
}

/**
 * Makes a payer. Nothing is asked before the first call. With `budget.deposit` it opens channels where they are offered.
 *
 * Use one payer, and one process, for an account and a journal: two would take each other's place on the ledger. Nothing is
 * paid twice for that, but one of them has to begin again.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) or `InvalidValueError` (`ERR_INVALID_VALUE`) for an option that is missing or wrong.
 * @example
 * createPayer({ seed: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', budget: { perRequest: '0.01', perDay: '1' } }).address.slice(0, 9) // 'nano_3i1a'
 */
export function createPayer(options: PayerOptions): Payer {
  const { confirmTimeoutMs = 15_000, retryForMs = 60_000, onEvent, approve = () => true } = options
  const { network, wires, key, representative, channelsFor } = readOptions(options)
  const budget = createBudget(options.budget)
  const journal = withWaiting(
    typeof options.journal === 'string' ? fileJournal(options.journal) : (options.journal ?? memoryJournal()),
  )
  const node = readNode(options.rpc, network)
  const work = createWorkSource(options.work ?? 'node', node, WORK_THRESHOLDS[network])
  const feed = options.ws === undefined ? undefined : createFeed({ url: options.ws })
  const ledger = createLedger({ node, nodes: [node], ...(feed && { feed }) })
  const pins = createPins(options.pinPayTo)
  let closed = false

  const emit = (event: PayerEvent) => {
    try {
      onEvent?.(event)
    } catch {
      // A listener's fault must not cost a payment.
    }
  }
  const wallet = createWallet({ key, node, work, representative, emit })
  /** What the journal has of channels. */
  const entries: LoadedEntry[] = []
  const book = createPaymentBook({
    ...{ wallet, journal, budget, emit, onPayee: pins.add },
    onEntry: (entry, release) => {
      if (entry.channel || entry.inChannel) entries.push({ entry, release })
    },
  })
  const payments = createPayments({ wallet, book, journal, budget, confirmTimeoutMs, approve, emit })
  const maxTag = options.maxTagRaw ?? TAG_MODULUS - 1n
  const confirm = createConfirm({ ledger, payments, confirmTimeoutMs, emit })
  const choose = (bills: readonly ReadBill[], url: string, methods: readonly Method[]) => {
    const { origin } = new URL(url)
    const rules = { methods, network, self: wallet.address, maxTag, pinned: pins.get(origin), nowMs: Date.now() }
    const chosen = chooseFrom(bills, url, rules)
    pins.add(origin, chosen.offer.payTo)
    return chosen
  }
  const chooseSession = (bills: readonly ReadBill[], url: string) => choose(bills, url, [session])
  const fetch = (request: Request) => (options.fetch ?? globalThis.fetch)(request)
  const channelOptions = {
    ...{ fetch, key, wallet, node, ledger, journal, budget, network, confirmTimeoutMs, retryForMs, approve, emit },
    ...channelsFor(wallet.address),
    ...{ entries, pinned: pins.get, onPayee: pins.add, choose: chooseSession },
  }
  let loading: Promise<ChannelPayments> | undefined
  /** Its code is loaded when it is used: who has no channels pays nothing for them. */
  const loadChannels = () => {
    loading ??= import('./channel/index.ts').then(({ createChannelPayments }) => createChannelPayments(channelOptions))
    return loading
  }
  /** Channels, if there are any or may be. */
  const knownChannels = async () => {
    await payments.load()
    return budget.deposit !== undefined || entries.length > 0 ? loadChannels() : undefined
  }
  const paying = createPayingFetch({
    fetch,
    channels: budget.deposit === undefined ? undefined : loadChannels,
    payments,
    confirm,
    retryForMs,
    wires,
    choose,
    emit,
  })
  const transfers = createTransfers({ wallet, ledger, confirmTimeoutMs, emit })
  const handover = createHandover({ payments, confirm, choose, emit })

  /** The account is watched from the first use on: nobody opens a socket for nothing. */
  const use = () => {
    if (closed) throw new ConfigError('The payer was closed.')
    feed?.watch(wallet.address)
  }
  const stop = () => {
    work.close()
    ledger.close()
    feed?.close()
    node.close()
  }
  return {
    address: wallet.address,
    network,
    async fetch(input, init) {
      use()
      return paying.fetch(input, init)
    },
    async present(proof, input, init) {
      use()
      return paying.present(proof, input, init)
    },
    async pay(offer, payOptions) {
      use()
      return handover.pay(offer, payOptions)
    },
    async unfinished() {
      const channels = await knownChannels()
      return [...payments.idle().map(unfinishedPayment), ...(channels?.unfinished() ?? [])]
    },
    async balance() {
      use()
      return wallet.balance()
    },
    async receive() {
      use()
      return wallet.receive()
    },
    async send(order) {
      use()
      return transfers.send(order)
    },
    async channels() {
      return (await knownChannels())?.list() ?? []
    },
    async closeChannels(origin) {
      use()
      return (await knownChannels())?.close(origin) ?? []
    },
    async reconcile() {
      use()
      return (await knownChannels())?.reconcile() ?? []
    },
    async recoverChannels(url) {
      use()
      await payments.load()
      return (await loadChannels()).recover(url)
    },
    async close({ channels } = {}) {
      const mayHaveAny = !closed && (loading !== undefined || budget.deposit !== undefined)
      closed = true
      try {
        if (mayHaveAny && channels !== 'keep') await (await knownChannels())?.close()
      } finally {
        stop()
        await journal.written() // the next payer with this journal must not take an ended payment for one under way
      }
    },
  }
}
