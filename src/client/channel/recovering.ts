/**
 * Finds channels again when the journal is lost: the deposits are in the account's chain, the account's key signs the question
 * how they stand, and what the payee answers is checked against the ledger, that key, and the payee's own receipt.
 */
import { channelId, readConfig } from '../../channel/config.ts'
import { decodeOutcome, depositTag, stateText } from '../../channel/wire.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockToJson,
  type PrivateKey,
  type StateBlock,
  signMessage,
} from '../../nano/index.ts'
import { accountHistory, type Ledger, type NanoNode } from '../../rpc/index.ts'
import type { Wallet } from '../../wallet/wallet.ts'
import type { Budget } from '../budget.ts'
import type { Journal } from '../journal.ts'
import { TAG_MODULUS } from '../offers.ts'
import type { ChannelBill } from './offers.ts'
import { createProver } from './prover.ts'
import { createTab, type Tab } from './tab.ts'
import type { Talk } from './talk.ts'

export interface RecoveringOptions {
  readonly key: PrivateKey
  readonly wallet: Wallet
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly journal: Journal
  readonly budget: Budget
  readonly network: string
  readonly talk: Talk
  readonly onDistrust: (channelId: string, reason: string) => void
  readonly tabs: ReadonlySet<Tab>
}

interface Send {
  readonly hash: BlockHash
  readonly block: StateBlock
  readonly amount: bigint
}

const PAGE = 100
const MAX_PAGES = 10

export function createRecovering(options: RecoveringOptions) {
  const { key, wallet, node, ledger, journal, budget, network, talk, onDistrust, tabs } = options

  /** What the account sent to this one, the newest first, as far back as is looked. */
  async function sendsTo(account: ChannelBill['payee']): Promise<readonly Send[]> {
    const sends: Send[] = []
    let head: BlockHash | undefined
    for (let page = 0; page < MAX_PAGES; page++) {
      const { entries, previous } = await accountHistory(node, wallet.address, { count: PAGE, ...(head && { head }) })
      for (const { hash, subtype } of entries) {
        const found = subtype === 'send' ? await ledger.find(hash) : undefined
        if (found?.block.type !== 'state' || found.sent === undefined) continue
        if (found.block.link !== addressToPublicKey(account)) continue
        sends.push({ hash, block: found.block, amount: found.sent })
      }
      if (previous === undefined) break
      head = previous
    }
    return sends
  }

  /** The channel that this deposit opened, if the payee says so, and it is ours. */
  async function ask(first: Send, sends: readonly Send[], bill: ChannelBill, url: string): Promise<Tab | undefined> {
    const issuedAt = Math.floor(Date.now() / 1_000)
    const signature = signMessage(stateText(first.hash, issuedAt), key)
    const payload = { type: 'state', blockHash: first.hash, issuedAt, signature } as const
    const answer = await talk({ url, method: 'HEAD', offer: bill.offer }, { payload })
    const outcome = answer.kind === 'done' ? decodeOutcome(answer.extra) : undefined
    const config = readConfig(outcome?.config)
    if (answer.kind !== 'done' || outcome === undefined || config === undefined) return undefined
    const isOurs =
      config.payer === wallet.address &&
      config.payee === bill.payee &&
      config.network === network &&
      config.origin === new URL(url).origin &&
      channelId(config) === outcome.channelState.channelId
    const prover = isOurs ? await createProver(config, key) : undefined
    const tag = depositTag(config.nonce)
    if (prover === undefined || first.amount % TAG_MODULUS !== tag) return undefined

    const later = sends.filter(({ hash, amount }) => hash !== first.hash && amount % TAG_MODULUS === tag)
    const { phase } = outcome.channelState
    if (phase === 'closed') return undefined
    const offer = { ...bill.offer, extra: { ...bill.offer.extra, nonce: config.nonce } }
    const parts = { config, offer, url, method: 'GET', prover, journal, budget }
    const noted = {
      ...({ phase: phase === 'open' ? 'open' : 'closing', authorized: '0', charged: '0' } as const),
      ...{ config: { ...config }, offer, url, method: 'GET' },
      // The payee is told of later ones once more: it says so if it has them.
      deposits: [first, ...later.toReversed()].map(({ amount, block }, i) => ({
        ...{ amount: String(amount), block: blockToJson(block), credited: i === 0 },
      })),
    }
    const tab = await createTab({ ...parts, onDistrust: (reason) => onDistrust(prover.id, reason) }, noted)
    return typeof (await tab.readCorrection(answer.extra, tab.known())) === 'string' ? undefined : tab
  }

  /** The channels with the payee of this bill that we do not know. */
  return async function recover(bill: ChannelBill, url: string): Promise<readonly Tab[]> {
    const known = new Set([...tabs].flatMap(({ deposits }) => deposits.map(({ hash }) => hash)))
    const sends = await sendsTo(bill.payee)
    const found: Tab[] = []
    for (const send of sends) {
      if (known.has(send.hash)) continue
      const tab = await ask(send, sends, bill, url)
      if (tab === undefined) continue
      for (const { hash } of tab.deposits) known.add(hash)
      await tab.become(tab.phase())
      found.push(tab)
    }
    return found
  }
}
