/** How a channel stands, as its payer is told. */
import type { Unfinished } from '../unfinished.ts'
import type { Tab } from './tab.ts'

/** A channel that is not closed. Amounts in raw. */
export interface ChannelInfo {
  readonly channelId: string
  readonly origin: string
  /** Who is paid. */
  readonly payee: string
  /** Who holds the deposit. */
  readonly custodian: 'payee' | 'issuer'
  readonly mode: 'payword-sha256' | 'voucher-ed25519'
  /**
   * `expired`: the payee gives the rest back by itself; `closing` is the same, asked for. `recovering`: the payee has lost its
   * records, and its operator has to confirm the refund.
   */
  readonly phase: 'opening' | 'open' | 'closing' | 'recovering' | 'expired'
  readonly deposited: bigint
  /** The most that the payee can show a proof for. */
  readonly authorized: bigint
  readonly charged: bigint
  readonly expiresAtMs: number
  /** Why nothing more is paid in it: what the payee said, and cannot be true. */
  readonly distrusted?: string
}

export function infoOf(tab: Tab): ChannelInfo {
  const { id, origin, config, expiresAtMs } = tab
  const [phase, distrusted] = [tab.phase(), tab.distrusted()]
  return {
    ...{ channelId: id, origin, payee: config.payee, custodian: config.custodian, mode: config.mode, expiresAtMs },
    phase: phaseOf(phase, expiresAtMs),
    ...{ deposited: tab.deposited(), authorized: tab.authorized(), charged: tab.charged() },
    ...(distrusted !== undefined && { distrusted }),
  }
}

function phaseOf(phase: ReturnType<Tab['phase']>, expiresAtMs: number): ChannelInfo['phase'] {
  if (phase === 'recovering') return phase
  if (Date.now() >= expiresAtMs) return 'expired'
  return phase === 'closed' ? 'closing' : phase
}

/** What a channel has left to come to its end: payments that no call works on, and its money. */
export function unfinishedOf(tab: Tab): readonly Unfinished[] {
  const { id: channelId, origin } = tab
  const payments = tab.idle().map(({ url, method, max: amount, atMs, isStream }): Unfinished => {
    const todo = isStream
      ? `A stream that was cut off: what it cost is known when the channel is closed (payer.closeChannels('${origin}')).`
      : `Make the same request again (${method} ${url}, with the same body): it uses this payment, and is not charged twice.`
    return { kind: 'channel-payment', channelId, url, method, amount, atMs, todo }
  })
  const amount = tab.unspent()
  return amount === 0n ? payments : [...payments, { kind: 'channel', channelId, origin, amount, todo: remedyFor(tab) }]
}

function remedyFor(tab: Tab): string {
  const { origin } = tab
  const close = `payer.closeChannels('${origin}')`
  const distrusted = tab.distrusted()
  if (distrusted !== undefined)
    return `What its payee said cannot be true (${distrusted}): ${close} asks for the rest all the same.`
  switch (infoOf(tab).phase) {
    case 'opening':
      return `Its deposit is not acknowledged: the next request to ${origin} goes on with it, and ${close} has it back.`
    case 'open':
      return `Requests to ${origin} go on using it; ${close} has the rest back.`
    case 'closing':
      return `Its refund is awaited: ${close} looks for it.`
    case 'recovering':
      return `Its payee has lost its records: once its operator has confirmed the refund, ${close} finds it.`
    case 'expired':
      return `Its payee gives the rest back by itself: ${close} looks for it.`
  }
}
