/** How channels begin and grow: which one a bill is paid in, its terms, its deposit, and the payee's acknowledgement. */
import { authorizeOpening, type ChannelConfig } from '../../channel/config.ts'
import { MAX_K } from '../../channel/payword.ts'
import { type ChannelMode, depositTag } from '../../channel/wire.ts'
import { randomBytes } from '../../core/bytes.ts'
import { ChannelError, NoPayableOfferError, NotApprovedError } from '../../errors.ts'
import { bytesToHex } from '../../nano/hex.ts'
import { type NanoAddress, type PrivateKey, type Raw, raw } from '../../nano/index.ts'
import { type Budget, overBudget } from '../budget.ts'
import type { PayerEvent } from '../events.ts'
import type { Journal } from '../journal.ts'
import { TAG_MODULUS } from '../offers.ts'
import type { Bill } from '../payments.ts'
import type { Deposits } from './deposits.ts'
import type { Issuing } from './issuing.ts'
import type { ChannelBill } from './offers.ts'
import { createProver, ownTerms } from './prover.ts'
import type { Stated } from './receipts.ts'
import { createTab, type Tab } from './tab.ts'
import type { Talk } from './talk.ts'

export interface OpeningOptions {
  readonly key: PrivateKey
  readonly self: NanoAddress
  readonly refundTo: NanoAddress
  readonly network: string
  readonly modes: readonly ChannelMode[]
  readonly budget: Budget
  readonly journal: Journal
  readonly deposits: Deposits
  readonly issuing: Issuing
  readonly talk: Talk
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
  const { key, self, refundTo, network, modes, budget, journal, deposits, issuing, talk, approve, emit, tabs } = options
  /** Deposits that are decided on, and not signed yet. */
  let pending = 0n
  const toppingUp = new Map<Tab, Promise<void>>()

  /** What may still be deposited. */
  function left(): bigint {
    let sum = pending
    for (const tab of tabs) sum += tab.unspent()
    return (budget.deposit ?? 0n) - sum
  }

  /** Counts a deposit until its channel does. */
  function decide(amount: Raw): () => void {
    pending += amount
    let isPending = true
    return () => {
      if (isPending) pending -= amount
      isPending = false
    }
  }

  /** How much to deposit: what is suggested, as far as the offer and the budget go, and never less than is needed. */
  function size({ terms }: Pick<ChannelBill, 'terms'>, needed: bigint, most: bigint): Raw {
    const tag = depositTag(terms.nonce)
    const up = (amount: bigint) => ((amount + TAG_MODULUS - 1n) / TAG_MODULUS) * TAG_MODULUS
    const down = (amount: bigint) => (amount < 0n ? 0n : amount - (amount % TAG_MODULUS))
    const lowest = higher(BigInt(terms.minDeposit), lower(up(needed), BigInt(terms.maxDeposit)))
    const wanted = lower(higher(BigInt(terms.suggestedDeposit), lowest), higher(down(most), lowest))
    const affordable = down(left() - tag)
    if (affordable < lowest) {
      throw overBudget({ bound: 'deposit', asked: lowest + tag, left: higher(left(), 0n), limit: budget.deposit ?? 0n })
    }
    return raw(lower(wanted, affordable) + tag)
  }

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
        onSigned: (block) => tab.addDeposit(block, amount, offer),
      })
      if (sent !== undefined) return deposits.confirmed(sent, signal)
      const lost = tab.deposits.at(-1)
      if (lost) await tab.dropDeposit(lost.hash)
      if (blocks >= MAX_BLOCKS) throw new NoPayableOfferError('Another wallet keeps using the account: try again.')
    }
  }

  /** What the payee says, if it is true and acknowledges so much; otherwise nothing more is paid in the channel. */
  async function acknowledged(
    tab: Tab,
    what: 'open' | 'topup',
    payload: Parameters<Talk>[1]['payload'],
  ): Promise<Stated> {
    const before = tab.known()
    const { length } = tab.deposits
    const answer = await talk(tab, { payload })
    if (answer.kind === 'again') {
      throw new ChannelError(
        `The payee has not acknowledged a deposit yet (${answer.code}). The same request goes on from there.`,
        { channelId: tab.id, reason: answer.code },
        { cause: answer.cause },
      )
    }
    const stated = answer.kind === 'refused' ? answer.code : await tab.read(answer.extra, before)
    if (typeof stated === 'string') throw distrust(tab, `${what}_${stated}`)
    const sum = tab.deposits.slice(0, length).reduce((total, one) => total + one.amount, 0n)
    if (stated.deposit < sum) throw distrust(tab, `${what}_deposit_untrue`)
    tab.believe(stated)
    return stated
  }

  async function acknowledgeOpening(tab: Tab): Promise<void> {
    const [first] = tab.deposits
    if (first === undefined) throw new Error('unreachable: a channel without a deposit')
    const { config, prover } = tab
    const evidence =
      config.custodian === 'issuer'
        ? { certificate: { ...(await issuing.lock(tab)) } }
        : { blockHash: first.hash, authorization: authorizeOpening(config, first.hash, key) }
    const payload = { type: 'open', config, macKey: prover.macKey, ...evidence } as const
    const { outcome } = await acknowledged(tab, 'open', payload)
    if (outcome.channelState.phase !== 'open') throw distrust(tab, 'open_state_untrue')
    first.credited = true
    await tab.become('open')
    emit({ type: 'channel-opened', channelId: tab.id, origin: tab.origin, deposit: first.amount })
  }

  /** Tells the payee of deposits that it has not acknowledged. */
  async function acknowledgeTopUps(tab: Tab): Promise<void> {
    for (const { hash, amount, credited } of tab.deposits) {
      if (credited) continue
      const mac = tab.prover.macOf({ topUp: hash })
      await acknowledged(tab, 'topup', { type: 'topup', channelId: tab.id, blockHash: hash, mac })
      await tab.credit(hash)
      emit({ type: 'channel-topped-up', channelId: tab.id, amount })
    }
  }

  const distrust = (tab: Tab, reason: string) => {
    tab.distrust(reason)
    return new ChannelError(
      `A deposit was made, and the payee does not acknowledge it (${reason}): nothing more is paid to it. It has to give the deposit back.`,
      { channelId: tab.id, reason },
    )
  }

  async function open(bill: ChannelBill, occasion: Occasion): Promise<Tab> {
    const { terms, amount: price, payee, offer } = bill
    const { url, method, signal } = occasion
    const unit = BigInt(terms.unit)
    const longest = unit * BigInt(Math.min(terms.maxK, MAX_K))
    const mode = modeFor(bill, modes)
    const amount = size(bill, price, mode === 'payword-sha256' ? longest : BigInt(terms.maxDeposit))
    const decided = decide(amount)
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
      const tab = await createTab({ config, offer, url, method, prover, journal, budget, onDistrust })
      await deposit(tab, amount, signal).finally(() => {
        if (tab.deposits.length > 0) tabs.add(tab)
        decided()
      })
      await acknowledgeOpening(tab)
      return tab
    } finally {
      decided()
    }
  }

  async function addTo(tab: Tab, shortage: bigint): Promise<void> {
    const bill = { terms: tab.terms, amount: raw(shortage), payee: tab.config.payee }
    const amount = size(bill, shortage, tab.capacity() - tab.deposited())
    const { signal } = new AbortController() // it is for all requests: one that is aborted must not end it
    const decided = decide(amount)
    try {
      await mayDeposit(amount, { url: tab.url, method: tab.method, signal }, bill)
      await deposit(tab, amount, signal)
    } finally {
      decided()
    }
    await acknowledgeTopUps(tab)
  }

  return {
    open,
    async resume(tab) {
      await toppingUp.get(tab)?.catch(() => {}) // what became of it is seen to here
      for (const { block, hash, credited } of [...tab.deposits]) {
        if (credited) continue
        if (await deposits.revive(block)) await deposits.confirmed(hash)
        else await tab.dropDeposit(hash)
      }
      if (tab.deposits.length === 0) {
        tabs.delete(tab)
        await tab.become('closed')
        return false
      }
      if (tab.phase() === 'opening') await acknowledgeOpening(tab)
      await acknowledgeTopUps(tab)
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

const higher = (a: bigint, b: bigint) => (a > b ? a : b)
const lower = (a: bigint, b: bigint) => (a < b ? a : b)
