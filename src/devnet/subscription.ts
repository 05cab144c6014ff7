/** One client of the websocket: what it asked to hear of, and what it is sent. Knows no sockets. */
import { addressToPublicKey } from '../nano/index.ts'
import type { NodeAnswer } from '../rpc/node.ts'
import { blockJson } from './block.ts'
import { DEVNET_GENESIS_ACCOUNT } from './genesis.ts'
import type { Entry } from './ledger.ts'
import type { Confirmation, Node, NodeEvent } from './node.ts'
import { decodeAccount } from './text.ts'

/** A client of the websocket. */
export interface Subscription {
  /** Takes a client's message and returns the reply, if it gets one. */
  receive(message: unknown): object | undefined
  /** The message for an event, if this client hears of it. */
  messageFor(event: NodeEvent, shared: SharedMessages): NodeAnswer | undefined
}

/**
 * A node builds the message of one event once for all clients, with the extras that the first of them asked for; only
 * "with block" and "without block" are told apart. One map per event.
 */
export type SharedMessages = Map<boolean, NodeAnswer>

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {})
const isTrue = (value: unknown) => value === true || value === 'true' || value === 1 || value === '1'
const isFalse = (value: unknown) => value === false || value === 'false' || value === 0 || value === '0'

const TOPICS = [
  'confirmation',
  'new_unconfirmed_block',
  'started_election',
  'stopped_election',
  'vote',
  'work',
  'bootstrap',
  'telemetry',
]

interface Options {
  readonly given: Fields
  readonly withBlock: boolean
  /** Public keys; undefined for "every account". */
  readonly accounts: Set<string> | undefined
}

const keysOf = (accounts: unknown): string[] =>
  Object.values(fieldsOf(accounts)).flatMap((text) => {
    const account = typeof text === 'string' ? decodeAccount(text) : undefined
    return account ? [addressToPublicKey(account)] : []
  })

function optionsOf(given: Fields): Options {
  // The one local account of a devnet is the genesis account.
  const local = isTrue(given.all_local_accounts) ? [addressToPublicKey(DEVNET_GENESIS_ACCOUNT)] : []
  const isFiltered = given.accounts !== undefined || local.length > 0
  const accounts = isFiltered ? new Set([...keysOf(given.accounts), ...local]) : undefined
  return { given, withBlock: !isFalse(given.include_block), accounts }
}

/** A client that has asked for nothing yet. */
export function createSubscription(node: Pick<Node, 'ledger'>): Subscription {
  const topics = new Map<string, Options>()

  function act({ action, topic, options }: Fields): string | undefined {
    if (action === 'ping') return 'pong'
    if (typeof topic !== 'string' || !TOPICS.includes(topic)) return undefined
    const given = fieldsOf(options)
    if (action === 'subscribe') topics.set(topic, optionsOf(given))
    else if (action === 'unsubscribe') topics.delete(topic)
    else if (action === 'update') {
      const { accounts } = topics.get(topic) ?? {}
      for (const key of keysOf(given.accounts_add)) accounts?.add(key)
      for (const key of keysOf(given.accounts_del)) accounts?.delete(key)
    } else return undefined
    return action
  }

  return {
    receive(message) {
      const fields = fieldsOf(message)
      const ack = act(fields)
      if (ack === undefined || !(ack === 'pong' || isTrue(fields.ack))) return undefined
      return { ack, time: Date.now().toString(), ...(fields.id !== undefined && { id: String(fields.id) }) }
    },
    messageFor(event, shared) {
      const options = topics.get(event.topic)
      if (!options) return undefined
      const { topic, entry } = event
      const time = event.timeMs.toString()
      if (event.topic !== 'confirmation') {
        return { topic, time, message: topic === 'started_election' ? { hash: entry.hash } : withSubtype(entry) }
      }
      const message = shared.get(options.withBlock) ?? confirmationMessage(node, event, options)
      shared.set(options.withBlock, message)
      return hears(options, event) ? { topic, time, message } : undefined
    },
  }
}

/** What a filter lets through. It reads the account and the link of the block in the message: no block, no message. */
function hears({ accounts, withBlock, given }: Options, { entry: { block }, type }: Confirmation): boolean {
  const wanted = given.confirmation_type ?? 'all'
  if (wanted !== 'all' && wanted !== type && !(wanted === 'active' && type !== 'inactive')) return false
  if (!accounts) return true
  if (!withBlock || block.type !== 'state') return false
  return accounts.has(addressToPublicKey(block.account)) || accounts.has(block.link)
}

const withSubtype = ({ block, subtype }: Entry) => ({ ...blockJson(block), ...(block.type === 'state' && { subtype }) })

function confirmationMessage(
  { ledger }: Pick<Node, 'ledger'>,
  { entry, type, timeMs }: Confirmation,
  options: Options,
) {
  const { given, withBlock } = options
  const votes = isTrue(given.include_election_info_with_votes)
  const weight = ledger.weight(DEVNET_GENESIS_ACCOUNT).toString()
  return {
    account: entry.account,
    amount: entry.amount.toString(),
    hash: entry.hash,
    confirmation_type: type,
    ...((votes || isTrue(given.include_election_info)) && {
      election_info: {
        duration: (timeMs - entry.timestamp * 1000).toString(),
        time: timeMs.toString(),
        tally: weight,
        final: weight,
        blocks: '1',
        voters: '2',
        request_count: '0',
        ...(votes && {
          votes: [{ representative: DEVNET_GENESIS_ACCOUNT, timestamp: FINAL_VOTE, hash: entry.hash, weight }],
        }),
      },
    }),
    ...(withBlock && { block: withSubtype(entry) }),
    ...(isTrue(given.include_sideband_info) && {
      sideband: { height: entry.height.toString(), local_timestamp: entry.timestamp.toString() },
    }),
  }
}

/** The time of a vote that its voter never takes back. */
const FINAL_VOTE = '18446744073709551615'
