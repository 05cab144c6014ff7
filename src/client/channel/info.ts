/** How a channel stands, as its payer is told. */
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

export function infoOf(tab: Tab): ChannelInfo {
  const { id, origin, config, expiresAtMs } = tab
  const [phase, distrusted] = [tab.phase(), tab.distrusted()]
  return {
    ...{ channelId: id, origin, payee: config.payee, custodian: config.custodian, mode: config.mode, expiresAtMs },
    phase: phase === 'closed' ? 'closing' : Date.now() < expiresAtMs ? phase : 'expired',
    ...{ deposited: tab.deposited(), authorized: tab.authorized(), charged: tab.charged() },
    ...(distrusted !== undefined && { distrusted }),
  }
}
