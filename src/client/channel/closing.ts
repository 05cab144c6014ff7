/** How a channel ends: no payment begins any more, those under way end, and the refund is looked for on the ledger. */
import type { Release } from '../../channel/wire.ts'
import { ChannelError } from '../../errors.ts'
import { addressToPublicKey, type BlockHash, blockHash, type Raw, raw } from '../../nano/index.ts'
import type { Ledger } from '../../rpc/index.ts'
import type { PayerEvent } from '../events.ts'
import { type Acknowledging, lost } from './acknowledging.ts'
import type { Issuing } from './issuing.ts'
import type { Opening } from './opening.ts'
import type { Tab } from './tab.ts'
import type { Talk } from './talk.ts'

/** A channel that was closed. Amounts in raw. */
export interface ClosedChannel {
  readonly channelId: string
  readonly origin: string
  readonly deposited: bigint
  readonly charged: bigint
  /** What came back: all the rest. */
  readonly refunded: Raw
  /** The confirmed block that it came back by; undefined: nothing was left, or too little for the issuer to pay out. */
  readonly refund: BlockHash | undefined
  /** Deposited, and unknown to a payee that has lost its records: its operator is to be asked for it. Otherwise left out. */
  readonly unacknowledged?: bigint
}

/** How a channel ended, as whoever holds the deposit says it. */
interface Ended {
  readonly deposited: bigint
  readonly charged: bigint
  readonly refund: BlockHash | undefined
}

export interface ClosingOptions {
  readonly talk: Talk
  readonly ledger: Ledger
  readonly issuing: Pick<Issuing, 'end' | 'withdraw'>
  readonly opening: Pick<Opening, 'resume'>
  readonly acknowledging: Pick<Acknowledging, 'remind'>
  readonly confirmTimeoutMs: number
  readonly retryForMs: number
  readonly emit: (event: PayerEvent) => void
  readonly tabs: Set<Tab>
}

const PAUSE_MS = 250

export function createClosing(options: ClosingOptions) {
  const { talk, ledger, issuing, opening, acknowledging, confirmTimeoutMs, retryForMs, emit, tabs } = options
  const underWay = new Map<Tab, Promise<ClosedChannel | undefined>>()
  /** A refund is of one channel. */
  const refunds = new Set<BlockHash>()

  const failure = (tab: Tab, reason: string, cause?: unknown) =>
    new ChannelError(
      `The channel with ${tab.origin} is not closed yet (${reason}). It is closed by itself when it expires; close again to see to it.`,
      { channelId: tab.id, reason },
      cause === undefined ? undefined : { cause },
    )
  const distrust = (tab: Tab, reason: string) => {
    tab.distrust(reason)
    return failure(tab, reason)
  }

  /** Closed by its payee, which does not know it any more, or knows that it had known it. */
  async function refuse(tab: Tab, code: string): Promise<ChannelError> {
    if (code === 'channel_not_found') await acknowledging.remind(tab)
    else if (code === 'channel_recovering') tab.retire('recovering')
    else return failure(tab, code)
    return lost(tab)
  }

  /** What the payee says was deposited and charged in all, and the block by which the rest went back. */
  async function ask(tab: Tab): Promise<Ended> {
    const deadlineMs = performance.now() + retryForMs
    for (;;) {
      const before = tab.known()
      const payload = { type: 'close', channelId: tab.id, mac: tab.prover.macOf('close') } as const
      const answer = await talk(tab, { payload })
      if (answer.kind === 'again') throw failure(tab, answer.code, answer.cause)
      if (answer.kind === 'refused') throw await refuse(tab, answer.code)
      const stated = await tab.read(answer.extra, before)
      if (typeof stated === 'string') throw distrust(tab, `close_${stated}`)
      const { phase, refund } = stated.outcome.channelState
      const hash = refund ?? answer.transaction
      const { deposit, charged } = stated
      if (hash !== '') return { deposited: deposit, charged, refund: blockHash(hash) }
      if (phase === 'closed') return { deposited: deposit, charged, refund: undefined }
      if (performance.now() + PAUSE_MS > deadlineMs) throw failure(tab, 'refund_pending')
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** What the payee released; undefined when it does not answer, or not truly. */
  async function askForRelease(tab: Tab): Promise<Release | undefined> {
    const before = tab.known()
    const payload = { type: 'close', channelId: tab.id, mac: tab.prover.macOf('close') } as const
    const answer = await talk(tab, { payload })
    if (answer.kind !== 'done') return undefined
    const stated = await tab.read(answer.extra, before)
    const reason = typeof stated === 'string' ? stated : undefined
    const release = typeof stated === 'string' ? undefined : stated.outcome.release
    if (typeof stated === 'object' && release?.amount === String(stated.charged)) return release
    tab.distrust(`close_${reason ?? 'release_untrue'}`)
    return undefined
  }

  /** Ends it at the issuer, which needs the payee's release before the channel's time is over, and has the rest paid out. */
  async function askIssuer(tab: Tab): Promise<Ended> {
    const deadlineMs = performance.now() + retryForMs
    const ended = await issuing.end(tab, await askForRelease(tab))
    if (ended.state === 'open') throw failure(tab, 'not_released')
    const charged = ended.state === 'settled' ? BigInt(ended.charged) : 0n
    if (charged > tab.authorized()) throw distrust(tab, 'settled_too_much')
    const deposited = tab.deposited()
    const left = deposited - charged
    for (;;) {
      const paid = left > 0n ? await issuing.withdraw(tab, left) : undefined
      if (paid?.state !== 'pending') return { deposited, charged, refund: paid?.block }
      if (performance.now() + PAUSE_MS > deadlineMs) throw failure(tab, 'refund_pending')
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** Is it there, confirmed, from the payee, to where it belongs, and of exactly this amount? */
  async function check(tab: Tab, hash: BlockHash, amount: bigint): Promise<void> {
    const found = await ledger.waitConfirmed(hash, { timeoutMs: confirmTimeoutMs })
    if (!found?.confirmed) throw failure(tab, 'refund_unconfirmed')
    const { block, sent } = found
    const { refundTo } = tab.config
    const isRefund =
      block.type === 'state' &&
      sent === amount &&
      block.link === addressToPublicKey(refundTo) &&
      addressToPublicKey(block.account) === tab.deposits[0]?.block.link && // who holds the deposit
      !refunds.has(hash)
    if (!isRefund) throw distrust(tab, 'refund_untrue')
    refunds.add(hash)
  }

  async function settle(tab: Tab): Promise<ClosedChannel | undefined> {
    if (tab.phase() !== 'recovering') {
      const isMade = await opening.resume(tab).catch((error: unknown) => {
        // With an issuer, it does not take the payee to have a deposit back that it does not acknowledge.
        if (tab.config.custodian === 'payee') throw error
        return true
      })
      if (!isMade) return undefined
      if (tab.phase() !== 'closing') await tab.become('closing')
    }
    while (tab.underWay() > 0) await tab.freed()
    const { deposited, charged, refund } = await (tab.config.custodian === 'issuer' ? askIssuer(tab) : ask(tab))
    const unacknowledged = tab.deposited() - deposited
    const refunded = raw(deposited - charged)
    if (refunded > 0n && refund === undefined && tab.config.custodian === 'payee') throw distrust(tab, 'refund_untrue')
    if (refund !== undefined) await check(tab, refund, refunded)
    tab.conclude(charged)
    tabs.delete(tab)
    await tab.become('closed')
    emit({ type: 'channel-closed', channelId: tab.id, deposited, charged, refunded, hash: refund })
    const closed = { channelId: tab.id, origin: tab.origin, deposited, charged, refunded, refund }
    return unacknowledged > 0n ? { ...closed, unacknowledged } : closed
  }

  /** Closes it; undefined: its deposit was never made. Calls side by side are one. */
  return function close(tab: Tab): Promise<ClosedChannel | undefined> {
    const known = underWay.get(tab)
    if (known) return known
    const closing = settle(tab).finally(() => underWay.delete(tab))
    underWay.set(tab, closing)
    return closing
  }
}
