/** Actions about what was sent and not received yet. */
import type { NanoAddress } from '../../nano/index.ts'
import type { Receivable } from '../ledger.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'
import { decodeAccount, decodeRaw } from '../text.ts'
import { type Action, bit, orEmpty } from './action.ts'

type View = Pick<Node, 'ledger' | 'isActive'>

/** What an account can receive, in raw. */
export const receivableSum = (node: View, account: NanoAddress, onlyConfirmed: boolean): bigint =>
  node.ledger
    .receivables(account)
    .filter(({ hash }) => !onlyConfirmed || isShown(node, hash, { onlyConfirmed, active: true }))
    .reduce((sum, { amount }) => sum + amount, 0n)

/** A node hides a send whose election runs, unless asked for active ones, and an unconfirmed one unless told otherwise. */
function isShown(
  { ledger, isActive }: View,
  hash: Receivable['hash'],
  { onlyConfirmed, active }: { readonly onlyConfirmed: boolean; readonly active: boolean },
): boolean {
  const entry = ledger.get(hash)
  if (!entry || ledger.isConfirmed(entry)) return entry !== undefined
  return !onlyConfirmed && (active || !isActive(entry))
}

const filterOf = (request: RpcRequest) => ({
  onlyConfirmed: request.flag('include_only_confirmed', true),
  active: request.flag('include_active'),
})

function list(node: Node, request: RpcRequest, account: NanoAddress) {
  const threshold = request.optional('threshold') === undefined ? 0n : decodeRaw(request.optional('threshold'))
  if (threshold === undefined) throw request.refusal('Bad threshold number')
  const sorting = request.flag('sorting')
  const offset = request.count('offset', 0)
  const found = node.ledger
    .receivables(account)
    .filter(({ hash, amount }) => amount >= threshold && isShown(node, hash, filterOf(request)))
  if (sorting) found.sort((a, b) => (a.amount > b.amount ? -1 : 1))
  const blocks = found.slice(offset, offset + request.count('count', Number.POSITIVE_INFINITY))
  if (request.flag('source') || request.flag('min_version')) {
    return Object.fromEntries(
      blocks.map(({ hash, amount, source, epoch }) => [
        hash,
        {
          amount: amount.toString(),
          ...(request.flag('source') && { source }),
          ...(request.flag('min_version') && { min_version: epoch.toString() }),
        },
      ]),
    )
  }
  if (sorting || threshold > 0n) return Object.fromEntries(blocks.map(({ hash, amount }) => [hash, amount.toString()]))
  return blocks.map(({ hash }) => hash)
}

const receivable: Action = (node, request) => ({ blocks: orEmpty(list(node, request, request.account())) })

const receivableExists: Action = (node, request) => {
  const entry = node.ledger.get(request.hash())
  if (!entry) throw request.refusal('Block not found')
  const waits = entry.destination && node.ledger.receivable(entry.destination, entry.hash)
  return { exists: bit(waits !== undefined && isShown(node, entry.hash, filterOf(request))) }
}

const accountsReceivable: Action = (node, request) => {
  const blocks: Record<string, unknown> = {}
  for (const text of request.list('accounts')) {
    const account = decodeAccount(text)
    if (!account) throw request.refusal('Bad account number')
    const found = orEmpty(list(node, request, account))
    if (found) blocks[text] = found
  }
  return { blocks: orEmpty(blocks) }
}

const deprecated =
  (action: Action): Action =>
  async (node, request) => ({ deprecated: '1', ...(await action(node, request)) })

export const receivableActions: Readonly<Record<string, Action>> = {
  receivable,
  pending: deprecated(receivable),
  receivable_exists: receivableExists,
  accounts_receivable: accountsReceivable,
  accounts_pending: deprecated(accountsReceivable),
  pending_exists: deprecated(receivableExists),
}
