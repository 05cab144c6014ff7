/** How channels begin and grow: their terms, their deposits, and what is asked before one is made. */
import type { ChannelConfig } from '../../channel/config.ts'
import { MAX_K } from '../../channel/payword.ts'
import { type ChannelMode, depositTag } from '../../channel/wire.ts'
import { randomBytes } from '../../core/bytes.ts'
import { IssuerError, NoPayableOfferError, NotApprovedError } from '../../errors.ts'
import { bytesToHex } from '../../nano/hex.ts'
import { type NanoAddress, type PrivateKey, type Raw, raw } from '../../nano/index.ts'
import type { Budget } from '../budget.ts'
import type { PayerEvent } from '../events.ts'
import type { WaitingJournal } from '../journal.ts'
import type { Bill } from '../payment.ts'
import type { Acknowledging } from './acknowledging.ts'
import type { Balances } from './balances.ts'
import type { Deposits } from './deposits.ts'
import type { Issuing } from './issuing.ts'
import type { ChannelBill } from './offers.ts'
import { createProver, ownTerms } from './prover.ts'
import { createSizing, higher, leastDeposit, lower } from './sizing.ts'
import { createTab, type Tab } from './tab.ts'

export interface OpeningOptions {
  readonly key: PrivateKey
  readonly self: NanoAddress
  readonly refundTo: NanoAddress
  readonly network: string
  readonly modes: readonly ChannelMode[]
  readonly budget: Budget
  readonly journal: WaitingJournal
  readonly receiptEvery: number
  readonly deposits: Deposits
  readonly issuing: Pick<Issuing, 'depositOffer'>
  readonly balances: Balances
  readonly acknowledging: Acknowledging
  readonly approve: (bill: Bill) => boolean | Promise<boolean>
  readonly emit: (event: PayerEvent) => void
  /** All channels that are not closed. */
  readonly tabs: Set<Tab>
}

/** For which request. */
export interface Occasion {
  readonly url: string
  readonly method: string
  readonly signal: AbortSignal
}

export interface Opening {
  /** Opens a channel for this bill: its deposit is confirmed and acknowledged. */
  open(bill: ChannelBill, occasion: Occasion): Promise<Tab>
  /** Goes on with what was begun, deposits under way included. False: the first deposit was never made. */
  resume(tab: Tab): Promise<boolean>
  /** Deposits so much more, or as much as may be. Calls side by side are one. @throws `OverBudgetError` when it may not be so much */
  topUp(tab: Tab, shortage: bigint): Promise<void>
}

/** How often a deposit is made anew because its place was lost to another wallet of the same account. */
const MAX_BLOCKS = 3
/** A chain is as long as so many deposits of the first one's size, but not shorter than this. */
const DEPOSITS_PER_CHAIN = 8n
const SHORTEST_CHAIN = 1_024n
/** With a token of more units than this, few requests could be under way at once: a voucher is better. */
const MAX_UNITS = 32n

export function createOpening(options: OpeningOptions): Opening {
  const {
    key,
    self,
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
  } = options
  const sizing = createSizing({ budget, tabs })
  const toppingUp = new Map<Tab, Promise<void>>()

  async function mayDeposit(
    amount: Raw,
    { url, method }: Occasion,
    bill: Pick<ChannelBill, 'amount' | 'payee' | 'terms'>,
  ) {
    const asked: Bill = {
      ...{ url, method, price: bill.amount, amount, payTo: bill.payee, deposit: true },
      expiresAtMs: 1_000 * bill.terms.expiresAt,
    }
    if ((await approve(asked)) !== true) throw new NotApprovedError('The deposit was not approved: nothing was paid.')
  }

  /** Makes a deposit of a channel, anew if it lost its place. */
  async function deposit(tab: Tab, size: Raw, signal: AbortSignal): Promise<void> {
    const { issuer, nonce } = tab.terms
    const asked = issuer && (await issuing.depositOffer(issuer.publicKey, size - depositTag(nonce)))
    const { to, amount, offer } = asked ?? { to: tab.config.payee, amount: size }
    for (let blocks = 1; ; blocks++) {
      const sent = await deposits.send({
        to,
        amount,
        signal,
        onSigned: (block) => tab.addDeposit({ block, amount, offer }),
      })
      if (sent !== undefined) return deposits.confirmed(sent, signal)
      const lost = tab.deposits.at(-1)
      if (lost) await tab.dropDeposit(lost.hash)
      if (blocks >= MAX_BLOCKS) throw new NoPayableOfferError('Another wallet keeps using the account: try again.')
    }
  }

  /** @param isAnew - What the account has with the issuer was found not to be there. */
  async function open(bill: ChannelBill, occasion: Occasion, isAnew = false): Promise<Tab> {
    const { terms, amount: price, payee, offer } = bill
    const { url, method, signal } = occasion
    const unit = BigInt(terms.unit)
    const longest = unit * BigInt(Math.min(terms.maxK, MAX_K))
    const mode = modeFor(bill, modes)
    const size = sizing.size(bill, price, mode === 'payword-sha256' ? longest : BigInt(terms.maxDeposit))
    const { amount, isThere, decided } = await provide(bill, size, isAnew)
    try {
      await mayDeposit(amount, occasion, bill)
      const salt = bytesToHex(randomBytes(16))
      const wanted = higher(SHORTEST_CHAIN, (DEPOSITS_PER_CHAIN * amount) / unit)
      const maxK = Number(lower(wanted, longest / unit))
      const { terms: own, chain } = await ownTerms(key, salt, mode === 'payword-sha256' ? { maxK } : 'voucher')
      const config = {
        ...{ network, custodian: terms.custodian, payer: self, payee, origin: new URL(url).origin, refundTo },
        ...(terms.issuer && { issuer: terms.issuer.publicKey }),
        ...{ expiresAt: terms.expiresAt, closeGrace: terms.closeGraceSeconds, salt, nonce: terms.nonce, mode },
        ...(mode === 'payword-sha256' && { unit: terms.unit, maxK }),
        ...own,
      } as ChannelConfig
      const prover = await createProver(config, key, chain)
      if (prover === undefined) throw new Error('unreachable: a channel that is not ours')
      const onDistrust = (reason: string) => emit({ type: 'channel-distrusted', channelId: prover.id, reason })
      const tab = await createTab({ config, offer, url, method, prover, journal, budget, receiptEvery, onDistrust })
      const made = isThere ? tab.addDeposit({ amount }) : deposit(tab, amount, signal)
      await made.finally(() => {
        if (tab.deposits.length > 0) tabs.add(tab)
        decided()
      })
      if (await acknowledge(tab)) return tab
    } finally {
      decided()
    }
    return open(bill, occasion, true)
  }

  /** What a channel is opened with: what the account has with the issuer already, if that is enough, or a deposit. It counts at once. */
  async function provide({ terms, amount: price }: ChannelBill, size: Raw, isAnew: boolean) {
    const issuer = terms.issuer?.publicKey
    const spare = issuer === undefined || isAnew ? 0n : await balances.spare(issuer)
    const isThere = issuer !== undefined && spare >= leastDeposit(terms, price)
    const amount = isThere ? raw(lower(spare, size)) : size
    const counted = [sizing.decide(amount), ...(isThere ? [balances.promise(issuer, amount)] : [])]
    return { amount, isThere, decided: () => counted.forEach((end) => void end()) }
  }

  /** Opens it with its first deposit. False: the balance that it was to be locked out of is not there any more. */
  async function acknowledge(tab: Tab): Promise<boolean> {
    try {
      await acknowledging.opening(tab)
      return true
    } catch (error) {
      const isGone = error instanceof IssuerError && error.reason === 'insufficient_balance'
      if (!isGone || tab.deposits[0]?.block !== undefined) throw error
      await tab.dropDeposit(undefined)
      await drop(tab)
      return false
    }
  }

  async function drop(tab: Tab): Promise<void> {
    tabs.delete(tab)
    await tab.become('closed')
  }

  async function addTo(tab: Tab, shortage: bigint): Promise<void> {
    const bill = { terms: tab.terms, amount: raw(shortage), payee: tab.config.payee }
    const amount = sizing.size(bill, shortage, tab.capacity() - tab.deposited())
    const { signal } = new AbortController() // it is for all requests: one that is aborted must not end it
    const decided = sizing.decide(amount)
    try {
      await mayDeposit(amount, { url: tab.url, method: tab.method, signal }, bill)
      await deposit(tab, amount, signal)
    } finally {
      decided()
    }
    await acknowledging.topUps(tab)
  }

  return {
    open: (bill, occasion) => open(bill, occasion),
    async resume(tab) {
      await toppingUp.get(tab)?.catch(() => {}) // what became of it is seen to here
      for (const { block, hash, credited } of [...tab.deposits]) {
        if (credited || block === undefined || hash === undefined) continue
        if (await deposits.revive(block)) await deposits.confirmed(hash)
        else await tab.dropDeposit(hash)
      }
      if (tab.deposits.length === 0) {
        await drop(tab)
        return false
      }
      if (tab.phase() === 'opening' && !(await acknowledge(tab))) return false
      await acknowledging.topUps(tab)
      return true
    },
    topUp(tab, shortage) {
      const known = toppingUp.get(tab)
      if (known) return known
      const begun = addTo(tab, shortage).finally(() => toppingUp.delete(tab))
      toppingUp.set(tab, begun)
      return begun
    },
  }
}

/** Tokens cost both sides least; a voucher is for what tokens cannot say, or only in large steps. */
function modeFor({ terms, amount }: ChannelBill, allowed: readonly ChannelMode[]): ChannelMode {
  const unit = BigInt(terms.unit)
  const modes = terms.modes.filter((mode) => allowed.includes(mode))
  const isNeat = amount % unit === 0n && amount / unit <= MAX_UNITS
  if (modes.includes('payword-sha256') && (isNeat || !modes.includes('voucher-ed25519'))) {
    if (amount > unit * BigInt(terms.maxStep)) {
      throw new NoPayableOfferError('The channel that is offered has tokens too small for this price.')
    }
    return 'payword-sha256'
  }
  return 'voucher-ed25519'
}
