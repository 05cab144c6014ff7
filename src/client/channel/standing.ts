/** How a channel stands at its payee: asked, and brought on by proofs that pay for nothing themselves. */
import { requestHash } from '../../channel/binding.ts'
import { sha256 } from '../../channel/sha256.ts'
import { ChannelError } from '../../errors.ts'
import type { RepeatableRequest } from '../request.ts'
import type { Stated } from './receipts.ts'
import type { Tab } from './tab.ts'
import { newPaymentId, type Talk } from './talk.ts'

export interface Standing {
  /** What the payee says, if it is signed, ours and possible; then it is believed. */
  look(tab: Tab): Promise<Stated | undefined>
  /**
   * Shows a proof for so much in all, bound to a request.
   *
   * @throws `ChannelError` (`ERR_CHANNEL`) when it is refused, or answered with what cannot be true
   */
  authorize(tab: Tab, reach: bigint, request: BoundRequest): Promise<void>
  /**
   * Brings the payee near enough to a token that it can take it: asks how the channel stands, and authorises a step at a time,
   * never more than that token will. Rejects as {@link authorize} does.
   */
  catchUp(tab: Tab, reach: bigint): Promise<void>
}

type BoundRequest = Pick<RepeatableRequest, 'method' | 'url' | 'body'>

export function createStanding(talk: Talk): Standing {
  const look: Standing['look'] = async (tab) => {
    const before = tab.known()
    const payload = { type: 'state', channelId: tab.id, mac: tab.prover.macOf('state') } as const
    const answer = await talk({ ...tab, method: 'HEAD' }, { payload }).catch(() => undefined)
    const stated = answer?.kind === 'done' ? await tab.readCorrection(answer.extra, before) : undefined
    return typeof stated === 'object' ? stated : undefined
  }

  const authorize: Standing['authorize'] = async (tab, reach, { method, url, body }) => {
    const { pathname, search } = new URL(url)
    const hash = requestHash({ method, url: pathname + search, bodyHash: sha256(body ?? new Uint8Array(0)) })
    const paymentId = newPaymentId()
    const before = tab.known()
    const proof = await tab.prover.prove('authorize', { reach, paymentId, requestHash: hash })
    const answer = await talk({ ...tab, url, method }, { payload: { type: 'authorize', proof }, paymentId, body })
    const stated = answer.kind === 'done' ? await tab.read(answer.extra, before) : answer.code
    if (typeof stated !== 'string') return tab.believe(stated)
    if (answer.kind === 'done') tab.distrust(stated)
    throw new ChannelError(`The payee does not take a further proof of its channel (${stated}).`, {
      ...{ channelId: tab.id, reason: stated },
    })
  }

  return {
    look,
    authorize,
    async catchUp(tab, reach) {
      await look(tab)
      for (let next = tab.stepTowards(reach); next !== undefined; next = tab.stepTowards(reach)) {
        await tab.authorize(next)
        await authorize(tab, next, { method: 'HEAD', url: tab.url, body: undefined })
      }
    },
  }
}
