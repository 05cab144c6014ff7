/** How a channel ended, as whoever holds its deposit says it, and by which block the rest went back. What they say is checked elsewhere. */
import type { Release } from '../../channel/wire.ts'
import { ChannelError } from '../../errors.ts'
import { type BlockHash, blockHash, type NanoAddress, publicKey, publicKeyToAddress } from '../../nano/index.ts'
import { type Acknowledging, lost } from './acknowledging.ts'
import type { Issuing } from './issuing.ts'
import type { Tab } from './tab.ts'
import type { Talk } from './talk.ts'

/** Amounts in raw. */
export interface Ended {
  readonly deposited: bigint
  readonly charged: bigint
  readonly refund: BlockHash | undefined
}

export interface EndingOptions {
  readonly talk: Talk
  readonly issuing: Pick<Issuing, 'end' | 'withdraw' | 'accountOf'>
  readonly acknowledging: Pick<Acknowledging, 'remind'>
  readonly retryForMs: number
}

/** Both reject with `ChannelError` (`ERR_CHANNEL`) where it has not ended. */
export interface Ending {
  /** Asks the payee to close it, and for the refund. */
  askPayee(tab: Tab): Promise<Ended>
  /** Ends it at the issuer, with the payee's release unless the payee is left alone, and has the rest paid out. */
  askIssuer(tab: Tab, options?: { readonly leavePayee: true }): Promise<Ended>
  /** Who holds the deposit, and pays it back. */
  holderOf(tab: Tab): Promise<NanoAddress>
}

const PAUSE_MS = 250

export function createEnding({ talk, issuing, acknowledging, retryForMs }: EndingOptions): Ending {
  /** Of a payee that does not close it: it may have lost its records. */
  async function refuse(tab: Tab, code: string): Promise<ChannelError> {
    if (code === 'channel_not_found') await acknowledging.remind(tab)
    else if (code === 'channel_recovering') tab.retire('recovering')
    else return failure(tab, code)
    return lost(tab)
  }

  async function askPayee(tab: Tab): Promise<Ended> {
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

  async function askIssuer(tab: Tab, options?: { readonly leavePayee: true }): Promise<Ended> {
    const ended = await issuing.end(tab, options?.leavePayee ? undefined : await askForRelease(tab))
    if (ended.state === 'open') throw failure(tab, 'not_released')
    const charged = ended.state === 'settled' ? BigInt(ended.charged) : 0n
    if (charged > tab.authorized()) throw distrust(tab, 'issuer_settled_too_much')
    const deposited = tab.deposited()
    const left = deposited - charged
    return { deposited, charged, refund: left > 0n ? await issuing.withdraw(tab, left) : undefined }
  }

  return {
    askPayee,
    askIssuer,
    async holderOf({ config, deposits: [first] }) {
      if (config.custodian === 'payee') return config.payee
      const link = first?.block?.link
      return link === undefined ? issuing.accountOf(config.issuer ?? '') : publicKeyToAddress(publicKey(link))
    },
  }
}

export const failure = (tab: Tab, reason: string, cause?: unknown) =>
  new ChannelError(
    `The channel with ${tab.origin} is not closed yet (${reason}). It is closed by itself when it expires; close again to see to it.`,
    { channelId: tab.id, reason },
    cause === undefined ? undefined : { cause },
  )

export const distrust = (tab: Tab, reason: string) => {
  tab.distrust(reason)
  return failure(tab, reason)
}
