/** What the journal has of a channel, and of a payment in it. */
import type { ChannelConfig } from '../../channel/config.ts'
import { blockToJson } from '../../nano/index.ts'
import type { PaymentRequirements } from '../../x402/shapes.ts'
import type { ChannelNote, JournalEntry, Progress } from '../journal.ts'
import type { Deposit } from './deposit-list.ts'
import type { Held } from './held.ts'

/** What never changes of a channel. */
export interface NotedTerms {
  readonly id: string
  readonly origin: string
  readonly atMs: number
  readonly config: ChannelConfig
  readonly offer: PaymentRequirements
  readonly url: string
  readonly method: string
}

/** @param amount - What it costs, or may cost while its state is `signed`. */
export const paymentEntry = (
  { id, origin, config }: NotedTerms,
  one: Held,
  {
    state,
    amount,
    progress,
  }: { readonly state: JournalEntry['state']; readonly amount: bigint; readonly progress: Progress },
): JournalEntry => ({
  ...{ hash: one.id, state, atMs: one.atMs, key: one.key, origin, payTo: config.payee, amount: String(amount) },
  inChannel: {
    id,
    ...progress,
    ...(state === 'signed' && { reach: String(one.reach), url: one.url, method: one.method }),
  },
})

export const channelEntry = (
  { id, origin, atMs, config, offer, url, method }: NotedTerms,
  now: {
    readonly phase: ChannelNote['phase']
    readonly distrusted: string | undefined
    readonly deposits: readonly Deposit[]
    readonly progress: Progress
  },
): JournalEntry => ({
  ...{ hash: id, state: now.phase === 'closed' ? 'void' : 'delivered', atMs, key: '', origin },
  ...{ payTo: config.payee, amount: '0' },
  channel: {
    ...{ phase: now.phase, ...(now.distrusted && { distrusted: now.distrusted }), ...now.progress },
    ...{ config: { ...config }, offer, url, method },
    deposits: now.deposits.map(({ amount, block, offer, credited }) => ({
      ...{ amount: String(amount), ...(block && { block: blockToJson(block) }), credited },
      ...(offer && { offer }),
    })),
  },
})
