/** What a payee says of a deposit: signed, and of at least that much, or no proof is ever shown to it. */
import { authorizeOpening } from '../../channel/config.ts'
import { ChannelError } from '../../errors.ts'
import type { PrivateKey } from '../../nano/index.ts'
import type { PayerEvent } from '../events.ts'
import type { Issuing } from './issuing.ts'
import type { Stated } from './receipts.ts'
import type { Tab } from './tab.ts'
import type { Talk } from './talk.ts'

export interface AcknowledgingOptions {
  readonly key: PrivateKey
  readonly issuing: Pick<Issuing, 'lock'>
  readonly talk: Talk
  readonly emit: (event: PayerEvent) => void
}

/** Both reject with `ChannelError` (`ERR_CHANNEL`): nothing more is paid in the channel, or the same is to be asked again. */
export interface Acknowledging {
  /** Opens the channel with its first deposit, which is confirmed. */
  opening(tab: Tab): Promise<void>
  /** Tells the payee of deposits that it has not acknowledged. */
  topUps(tab: Tab): Promise<void>
  /**
   * Shows a payee that does not know the channel what it last said of it. If it signs that it recovers it, the channel is
   * `recovering` from then on; otherwise it is distrusted. Calls side by side are one.
   */
  remind(tab: Tab): Promise<void>
}

export function createAcknowledging({ key, issuing, talk, emit }: AcknowledgingOptions): Acknowledging {
  const reminding = new Map<Tab, Promise<void>>()

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
    if (answer.kind === 'refused' && answer.code === 'channel_not_found') {
      await remind(tab)
      throw lost(tab)
    }
    const stated = answer.kind === 'refused' ? answer.code : await tab.read(answer.extra, before)
    if (typeof stated === 'string') throw distrust(tab, `${what}_${stated}`)
    const sum = tab.deposits.slice(0, length).reduce((total, one) => total + one.amount, 0n)
    if (stated.deposit < sum) throw distrust(tab, `${what}_deposit_untrue`)
    tab.believe(stated)
    return stated
  }

  async function opening(tab: Tab): Promise<void> {
    const [first] = tab.deposits
    if (first === undefined) throw new Error('unreachable: a channel without a deposit')
    const { config, prover } = tab
    const evidence =
      first.hash === undefined || config.custodian === 'issuer'
        ? { certificate: { ...(await issuing.lock(tab)) } }
        : { blockHash: first.hash, authorization: authorizeOpening(config, first.hash, key) }
    const payload = { type: 'open', config, macKey: prover.macKey, ...evidence } as const
    const { outcome } = await acknowledged(tab, 'open', payload)
    if (outcome.channelState.phase !== 'open') throw distrust(tab, 'open_state_untrue')
    await tab.become('open')
    emit({ type: 'channel-opened', channelId: tab.id, origin: tab.origin, deposit: first.amount })
  }

  async function topUps(tab: Tab): Promise<void> {
    for (const { hash, amount, credited } of tab.deposits) {
      if (credited || hash === undefined) continue
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

  /** What a payee that has lost its records says once it has seen its own receipt, if it is signed and can be true. */
  async function askToRecover(tab: Tab): Promise<Stated | string> {
    const evidence = tab.evidence()
    const [first] = tab.deposits
    if (evidence === undefined || first?.hash === undefined || tab.config.custodian === 'issuer')
      return 'channel_not_found'
    const { config, prover } = tab
    const proof = { blockHash: first.hash, authorization: authorizeOpening(config, first.hash, key) }
    const payload = { type: 'open', config, macKey: prover.macKey, ...proof, acknowledged: evidence } as const
    const [deposit, charged] = [BigInt(evidence.channelState.deposit), BigInt(evidence.channelState.charged)]
    const { deposit: made, charged: paid } = tab.known()
    const answer = await talk(tab, { payload })
    if (answer.kind !== 'refused' || answer.code !== 'channel_recovering') return 'channel_not_found'
    const before = { deposit: { least: deposit, most: made.most }, charged: { least: charged, most: paid.most } }
    const stated = await tab.read(answer.extra, before)
    if (typeof stated === 'string') return `recovering_${stated}`
    return stated.outcome.channelState.phase === 'recovering' ? stated : 'recovering_state_untrue'
  }

  function remind(tab: Tab): Promise<void> {
    const known = reminding.get(tab)
    if (known) return known
    const asked = askToRecover(tab)
      .then((stated) => (typeof stated === 'string' ? tab.distrust(stated) : tab.lose(stated)))
      .finally(() => reminding.delete(tab))
    reminding.set(tab, asked)
    return asked
  }

  return { opening, topUps, remind }
}

/** What there is to say of a channel that its payee does not know any more. */
export const lost = (tab: Tab): ChannelError => {
  const { origin, id: channelId } = tab
  if (tab.phase() !== 'recovering') {
    const reason = tab.distrusted() ?? 'channel_not_found'
    const message = `The payee at ${origin} says that it does not know the channel: nothing more is paid to it.`
    return new ChannelError(message, { channelId, reason })
  }
  const message = `The payee at ${origin} has lost its records, and recovers the channel: its operator has to confirm the refund. Close again to look for it.`
  return new ChannelError(message, { channelId, reason: 'channel_recovering' })
}
