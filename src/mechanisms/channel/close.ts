/** Closes a channel because its payer asks for it. */
import { closeBytes } from '../../channel/binding.ts'
import type { ClosePayload } from '../../channel/wire.ts'
import type { Replied } from '../../core/cashier.ts'
import type { Refusal } from '../../core/refusal.ts'
import { IssuerError } from '../../errors.ts'
import { correct, isMac, outcomeOf, ownChannel, replied } from './own.ts'
import { PREFIX, refuse } from './refusals.ts'
import type { Visit } from './visit.ts'

export async function close({ channelId: id, mac }: ClosePayload, { payee }: Visit): Promise<Refusal | Replied> {
  const { channels, closing, redeeming, confirmTimeoutMs } = payee
  const channel = await ownChannel(id, payee)
  if (channel === undefined) return refuse('channel_not_found')
  if (!isMac(channel, closeBytes(id), mac)) return refuse('mac')
  // A block can take longer than a client waits. It is made all the same, and the client asks again.
  const closed = await within(confirmTimeoutMs, closing.close(id)).catch((fault: unknown) => {
    // The payer can end it with our release, whether or not the issuer answers us.
    if (fault instanceof IssuerError) return undefined
    throw fault
  })
  if (closed === 'busy') {
    const isRecovering = (await channels.state(id))?.phase === 'recovering'
    return correct(`${PREFIX}${isRecovering ? 'channel_recovering' : 'busy'}`, channel)
  }
  if (closed === 'channel_not_found') return refuse(closed)
  const release = await redeeming.release(id, channel.terms)
  return replied(channel, await outcomeOf(channel, { release }), closed?.refund)
}

/** What a promise gives; undefined when it takes longer. It goes on, and what becomes of it is for the next who asks. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  promise.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
