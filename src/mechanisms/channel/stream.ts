/** What pays for a stream of events: a second entry in the channel's state, which lives as long as the stream does. */
import type { ChannelId } from '../../channel/config.ts'
import { reserved } from '../../channel/record.ts'
import { sha256 } from '../../channel/sha256.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import type { Draws } from '../../core/sse.ts'
import { bytesToHex } from '../../nano/hex.ts'
import { unref } from '../../rpc/wait.ts'
import { type OwnChannel, outcomeOf } from './own.ts'
import type { Payee } from './payee.ts'

/** The payment that began it. */
export interface StreamPayment {
  /** Its name in the channel's state. */
  readonly id: string
  readonly owner: string
  readonly fingerprint: string
  readonly commitment: string
  readonly leaseMs: number
}

export function drawsOf(channel: OwnChannel, payment: StreamPayment): Draws {
  const { id, payee } = channel
  const { channels } = payee
  const { owner, fingerprint, commitment, leaseMs } = payment
  const held = { id: bytesToHex(sha256(encodeUtf8(`stream:${payment.id}:${owner}`)).subarray(0, 16)), owner }
  let charged = 0n
  /** What was authorised when the client was asked for more: its answer may be here before we wait for it. */
  let asked: bigint | undefined
  let beginning: Promise<boolean> | undefined
  const begin = async () => {
    const opening = { ...held, fingerprint, leaseEndsAtMs: Date.now() + leaseMs }
    return (await channels.openStream(id, opening)) === 'begun'
  }
  const renewing = setInterval(() => {
    channels.renew(id, { ...held, leaseEndsAtMs: Date.now() + leaseMs }).catch(() => {}) // lost: found out with the next draw
  }, leaseMs / 3)
  unref(renewing)
  return {
    async draw(spent, next) {
      beginning ??= begin()
      if (!(await beginning)) return 'ended'
      const drawn = await channels.draw(id, { ...held, spent, next })
      if (drawn !== false) charged += spent
      return drawn
    },
    async need(next) {
      const state = await channels.state(id)
      if (state === undefined) return {}
      const required = state.charged + reserved(state) + next
      asked = state.authorized
      const [authorized, deposit] = [String(state.authorized), String(state.deposit)]
      return { channelId: id, requiredCumulative: String(required), authorized, deposit }
    },
    async more(signal) {
      const authorized = await waitForMore(id, { before: asked, signal, payee })
      asked = authorized ?? asked
      return authorized !== undefined
    },
    async end() {
      clearInterval(renewing)
      await channels.release(id, held).catch(() => {}) // it lapses by itself
      const paid = { commitmentId: commitment, chargedAmount: String(charged) }
      return outcomeOf(channel, { payment: paid }).catch(() => undefined)
    },
  }
}

interface Waiting {
  readonly before: bigint | undefined
  readonly signal: AbortSignal
  readonly payee: Payee
}

/** What is authorised, once it is more than `before`, or the channel is not open any more. Undefined: nobody gave it in time. */
async function waitForMore(id: ChannelId, { before, signal, payee }: Waiting): Promise<bigint | undefined> {
  const { channels, authorizeMs } = payee
  const deadlineMs = Date.now() + authorizeMs
  for (;;) {
    const now = await channels.state(id)
    if (now === undefined) return undefined
    if (now.authorized !== before || now.phase !== 'open') return now.authorized
    const timeoutMs = deadlineMs - Date.now()
    if (timeoutMs <= 0 || !(await channels.waitForUpdate(id, { timeoutMs, signal }))) return undefined
  }
}
