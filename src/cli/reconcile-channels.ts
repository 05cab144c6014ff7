/** `nano402 reconcile --channels`: what an operator has to decide after a store was lost or restored, and the decision. */
import { blockHash, formatXno, raw } from '../nano/index.ts'
import { type ChannelDeskOptions, reconcileChannels, type SentBlock } from '../reconcile/index.ts'
import { EXIT } from './command.ts'
import { printLine, type Terminal } from './terminal.ts'

export interface ChannelDecisions {
  /** A channel to be refunded. */
  readonly refund?: string | undefined
  /** What it was charged in all, in raw. */
  readonly charged?: bigint | undefined
  /** Sends that were not its refund. */
  readonly despite: readonly string[]
  /** Sends that are all right. */
  readonly accept: readonly string[]
  readonly json?: true | undefined
}

const xno = (amount: bigint) => `${formatXno(raw(amount))} XNO`

export async function decideOnChannels(
  terminal: Terminal,
  desk: ChannelDeskOptions,
  { refund, charged, despite, accept, json }: ChannelDecisions,
): Promise<void> {
  const channels = reconcileChannels(desk)
  for (const hash of accept) await channels.accept(blockHash(hash))
  if (refund !== undefined) await channels.confirm(refund, { ...(charged !== undefined && { charged }), despite })
  const review = await channels.review()
  const { recovering, unknown } = review
  if (recovering.length + unknown.length > 0) terminal.exitStatus = EXIT.findings
  if (json) {
    return printLine(
      terminal.stdout,
      JSON.stringify(review, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
    )
  }
  const line = (text: string) => printLine(terminal.stdout, text)
  const sentLine = ({ hash, to, amount }: SentBlock) => `${xno(amount)} to ${to} in block ${hash}`
  for (const { channelId, refundTo, deposit, charged: known, earlier } of recovering) {
    line(`${channelId}: deposited ${xno(deposit)}, charged ${xno(known)} or more, refund to ${refundTo}`)
    for (const one of earlier) line(`  may have been refunded already: ${sentLine(one)}`)
  }
  for (const one of unknown) line(`unknown to this store: ${sentLine(one)}`)
  line(`${recovering.length} channels to be recovered, ${unknown.length} sends that this store does not know`)
}
