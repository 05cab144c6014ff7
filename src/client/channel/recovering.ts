/**
 * Finds channels again when the journal is lost: the deposits are in the account's chain, or locked with an issuer, the account's
 * key signs the question how they stand, and what the payee answers is checked against those, that key, and the payee's own receipt.
 */
import { type ChannelConfig, channelId, readConfig } from '../../channel/config.ts'
import { type ChannelState, decodeOutcome, depositTag, stateText } from '../../channel/wire.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockHash,
  blockToJson,
  type PrivateKey,
  type StateBlock,
  signMessage,
} from '../../nano/index.ts'
import { accountHistory, type Ledger, type NanoNode } from '../../rpc/index.ts'
import type { Wallet } from '../../wallet/wallet.ts'
import type { Budget } from '../budget.ts'
import type { ChannelNote, WaitingJournal } from '../journal.ts'
import { TAG_MODULUS } from '../offers.ts'
import type { Issuing } from './issuing.ts'
import type { ChannelBill } from './offers.ts'
import { createProver, type Prover } from './prover.ts'
import { createTab, type Tab } from './tab.ts'
import type { Talk } from './talk.ts'

export interface RecoveringOptions {
  readonly key: PrivateKey
  readonly wallet: Wallet
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly journal: WaitingJournal
  readonly receiptEvery: number
  readonly budget: Budget
  readonly network: string
  readonly talk: Talk
  readonly issuing: Pick<Issuing, 'locks'>
  readonly onDistrust: (channelId: string, reason: string) => void
  readonly tabs: ReadonlySet<Tab>
}

/** Where channels are looked for. */
interface Place {
  readonly bill: ChannelBill
  readonly url: string
}

/** What a payee says of a channel of ours. Its numbers are not checked yet. */
interface Asked {
  readonly config: ChannelConfig
  readonly prover: Prover
  readonly phase: ChannelState['phase']
  readonly extra: unknown
}

interface Send {
  readonly hash: BlockHash
  readonly block: StateBlock
  readonly amount: bigint
}

const PAGE = 100
const MAX_PAGES = 10

export function createRecovering(options: RecoveringOptions) {
  const { key, wallet, node, ledger, journal, budget, receiptEvery, network, talk, issuing, onDistrust, tabs } = options

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

  /** What the payee says of a channel that is named by its deposit, or by its own id: its config is one that we made. */
  async function ask(name: BlockHash, { bill, url }: Place): Promise<Asked | undefined> {
    const issuedAt = Math.floor(Date.now() / 1_000)
    const signature = signMessage(stateText(name, issuedAt), key)
    const payload = { type: 'state', blockHash: name, issuedAt, signature } as const
    const answer = await talk({ url, method: 'HEAD', offer: bill.offer }, { payload })
    const outcome = answer.kind === 'done' ? decodeOutcome(answer.extra) : undefined
    const config = readConfig(outcome?.config)
    if (answer.kind !== 'done' || outcome === undefined || config === undefined) return undefined
    const { channelId: id, phase } = outcome.channelState
    const isOurs =
      config.payer === wallet.address &&
      config.payee === bill.payee &&
      config.issuer === bill.terms.issuer?.publicKey &&
      config.network === network &&
      config.origin === new URL(url).origin &&
      channelId(config) === id
    const prover = isOurs && phase !== 'closed' ? await createProver(config, key) : undefined
    return prover && { config, prover, phase, extra: answer.extra }
  }

  /** Takes a channel up with these deposits, if the payee's receipt and our own last proof agree with them. */
  async function take(
    { config, prover, phase, extra }: Asked,
    deposits: ChannelNote['deposits'],
    { bill, url }: Place,
  ): Promise<Tab | undefined> {
    const offer = { ...bill.offer, extra: { ...bill.offer.extra, nonce: config.nonce } }
    const terms = { config, offer, url, method: 'GET' }
    const noted = {
      ...({ phase: phase === 'open' ? 'open' : 'closing', authorized: '0', charged: '0' } as const),
      ...{ ...terms, config: { ...config }, deposits },
    }
    const parts = {
      ...terms,
      prover,
      journal,
      budget,
      receiptEvery,
      onDistrust: (reason: string) => onDistrust(prover.id, reason),
    }
    const tab = await createTab(parts, noted)
    return typeof (await tab.readCorrection(extra, tab.known())) === 'string' ? undefined : tab
  }

  /** The channel that this deposit opened, if the payee says so, and it is ours. */
  async function byDeposit(first: Send, sends: readonly Send[], place: Place): Promise<Tab | undefined> {
    const asked = await ask(first.hash, place)
    const tag = asked && depositTag(asked.config.nonce)
    if (asked === undefined || first.amount % TAG_MODULUS !== tag) return undefined
    const later = sends.filter(({ hash, amount }) => hash !== first.hash && amount % TAG_MODULUS === tag)
    // The payee is told of later ones once more: it says so if it has them.
    const deposits = [first, ...later.toReversed()].map(({ amount, block }, i) => ({
      ...{ amount: String(amount), block: blockToJson(block), credited: i === 0 },
    }))
    return take(asked, deposits, place)
  }

  /** Channels that the issuer has locked something for, if the payee knows them, and they are ours. */
  async function withIssuer(issuer: string, place: Place): Promise<readonly Tab[]> {
    const known = new Set([...tabs].map(({ id }): string => id))
    const found: Tab[] = []
    for (const { channelId: id, payee, amount } of await issuing.locks(issuer)) {
      if (known.has(id) || payee !== place.bill.payee) continue
      const asked = await ask(blockHash(id), place)
      const isLock = asked?.prover.id === id
      const tab = isLock ? await take(asked, [{ amount: String(amount), credited: true }], place) : undefined
      if (tab) found.push(tab)
    }
    return found
  }

  async function withPayee(place: Place): Promise<readonly Tab[]> {
    const known = new Set([...tabs].flatMap(({ deposits }) => deposits.map(({ hash }) => hash)))
    const sends = await sendsTo(place.bill.payee)
    const found: Tab[] = []
    for (const send of sends) {
      if (known.has(send.hash)) continue
      const tab = await byDeposit(send, sends, place)
      if (tab === undefined) continue
      for (const { hash } of tab.deposits) known.add(hash)
      found.push(tab)
    }
    return found
  }

  /** The channels with the payee of this bill that we do not know. */
  return async function recover(bill: ChannelBill, url: string): Promise<readonly Tab[]> {
    const place = { bill, url }
    const issuer = bill.terms.issuer?.publicKey
    const found = issuer === undefined ? await withPayee(place) : await withIssuer(issuer, place)
    for (const tab of found) await tab.become(tab.phase())
    return found
  }
}
