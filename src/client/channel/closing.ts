/** How a channel ends: no payment begins any more, those under way end, and the refund is looked for on the ledger. */
import { type BlockHash, type Raw, raw } from '../../nano/index.ts'
import type { PayerEvent } from '../events.ts'
import { distrust, type Ended, type Ending, failure } from './ending.ts'
import type { Opening } from './opening.ts'
import type { Refunds } from './refunds.ts'
import type { Tab } from './tab.ts'

/** A channel that was closed. Amounts in raw. */
export interface ClosedChannel {
  readonly channelId: string
  readonly origin: string
  readonly deposited: bigint
  readonly charged: bigint
  /** What came back: all the rest, but for what is `left`. */
  readonly refunded: Raw
  /** The confirmed block that it came back by; undefined: nothing did. */
  readonly refund: BlockHash | undefined
  /** The rest, where it is too little for the issuer to pay out: it is in our account there. Otherwise left out. */
  readonly left?: Raw
  /** Deposited, and unknown to a payee that has lost its records: its operator is to be asked for it. Otherwise left out. */
  readonly unacknowledged?: bigint
}

/** Where the money of a channel is. */
export interface ChannelRefund {
  readonly channelId: string
  readonly origin: string
  readonly payee: string
  /**
   * `open`: payments go on. `refunded`: the block is on the ledger, confirmed, and the channel is closed. `awaited`: whoever
   * holds the deposit has until `dueAtMs`. `overdue`: that is over.
   */
  readonly state: 'open' | 'refunded' | 'awaited' | 'overdue'
  /** What came back, or has to come back at least, in raw. */
  readonly amount: Raw
  readonly refund: BlockHash | undefined
  /** Unix time in ms. */
  readonly dueAtMs: number
}

export interface ClosingOptions {
  readonly ending: Ending
  readonly refunds: Refunds
  readonly opening: Pick<Opening, 'resume'>
  readonly emit: (event: PayerEvent) => void
  readonly tabs: Set<Tab>
}

export interface Closing {
  /** Closes it; undefined: its deposit was never made. Calls side by side are one. */
  close(tab: Tab): Promise<ClosedChannel | undefined>
  /** Looks where its money is, without a word of its payee; found on the ledger, it is closed. */
  look(tab: Tab): Promise<ChannelRefund>
}

/** A payee looks for what has expired every minute; this is for one that was down. */
const LATE_MS = 3_600_000
/** Until then an issuer keeps a lock that nobody redeems, unless it says otherwise. */
const SETTLE_MS = 86_400_000

export function createClosing({ ending, refunds, opening, emit, tabs }: ClosingOptions): Closing {
  const underWay = new Map<Tab, Promise<ClosedChannel | undefined>>()
  const isWithIssuer = ({ config }: Tab) => config.custodian === 'issuer'

  /** The refund that a payee made and did not tell us of, or not so that it can be believed. */
  async function findRefund(tab: Tab): Promise<Ended | undefined> {
    const way = { from: tab.config.payee, to: tab.config.refundTo }
    const found = await refunds.find(way, (amount) => tab.explain(amount) !== undefined)
    const explained = found && tab.explain(found.amount)
    return explained && { ...explained, refund: found.hash }
  }

  /** Is it there, confirmed, from who holds the deposit, to where it belongs, and of exactly this amount? */
  async function check(tab: Tab, hash: BlockHash, amount: bigint): Promise<void> {
    const way = { from: await ending.holderOf(tab), to: tab.config.refundTo }
    const taken = await refunds.take(hash, { ...way, amount })
    if (taken === 'unconfirmed') throw failure(tab, 'refund_unconfirmed')
    if (taken === 'untrue') throw distrust(tab, 'refund_untrue')
  }

  /** What whoever holds the deposit says, where it is found to be true. Undefined: the deposit was never made. */
  async function end(tab: Tab): Promise<Ended | undefined> {
    if (tab.phase() !== 'recovering') {
      const isMade = await opening.resume(tab).catch((error: unknown) => {
        // With an issuer, it does not take the payee to have a deposit back that it does not acknowledge.
        if (!isWithIssuer(tab)) throw error
        return true
      })
      if (!isMade) return undefined
      if (tab.phase() !== 'closing') await tab.become('closing')
    }
    while (tab.underWay() > 0) await tab.freed()
    const ended = await (isWithIssuer(tab) ? ending.askIssuer(tab) : ending.askPayee(tab))
    const { deposited, charged, refund } = ended
    if (refund !== undefined) await check(tab, refund, deposited - charged)
    else if (deposited > charged && !isWithIssuer(tab)) throw distrust(tab, 'refund_untrue')
    return ended
  }

  async function conclude(tab: Tab, { deposited, charged, refund }: Ended): Promise<ClosedChannel> {
    const unacknowledged = tab.deposited() - deposited
    const rest = raw(deposited - charged)
    const stays = refund === undefined && rest > 0n
    const back = { refunded: stays ? raw(0n) : rest, ...(stays && { left: rest }) }
    tab.conclude(charged)
    tabs.delete(tab)
    await tab.become('closed')
    emit({ type: 'channel-closed', channelId: tab.id, deposited, charged, ...back, hash: refund })
    const closed = { channelId: tab.id, origin: tab.origin, deposited, charged, ...back, refund }
    return unacknowledged > 0n ? { ...closed, unacknowledged } : closed
  }

  async function settle(tab: Tab): Promise<ClosedChannel | undefined> {
    const ended = await end(tab).catch(async (error: unknown) => {
      const found = isWithIssuer(tab) ? undefined : await findRefund(tab).catch(() => undefined)
      if (found === undefined) throw error
      return found
    })
    return ended && conclude(tab, ended)
  }

  function close(tab: Tab): Promise<ClosedChannel | undefined> {
    const known = underWay.get(tab)
    if (known) return known
    const closing = settle(tab).finally(() => underWay.delete(tab))
    underWay.set(tab, closing)
    return closing
  }

  /** What an issuer says, where it is found to be true. */
  async function seen(tab: Tab): Promise<Ended> {
    const ended = await ending.askIssuer(tab, { leavePayee: true })
    if (ended.refund !== undefined) await check(tab, ended.refund, ended.deposited - ended.charged)
    return ended
  }

  return {
    close,
    async look(tab) {
      const { id: channelId, origin, config, expiresAtMs } = tab
      const dueAtMs = expiresAtMs + 1_000 * config.closeGrace + (isWithIssuer(tab) ? SETTLE_MS : LATE_MS)
      const about = { channelId, origin, payee: config.payee, dueAtMs }
      const isOpen = (tab.phase() === 'open' || tab.phase() === 'opening') && Date.now() < expiresAtMs
      if (isOpen) return { ...about, state: 'open', amount: raw(tab.least()), refund: undefined }
      const ended = await (isWithIssuer(tab) ? seen(tab).catch(() => undefined) : findRefund(tab))
      if (ended) {
        const { refunded: amount, refund } = await conclude(tab, ended)
        return { ...about, state: 'refunded', amount, refund }
      }
      return {
        ...about,
        state: Date.now() < dueAtMs ? 'awaited' : 'overdue',
        amount: raw(tab.least()),
        refund: undefined,
      }
    },
  }
}
