/** Actions about accounts. */
import {
  addressToPublicKey,
  type NanoAddress,
  type PublicKey,
  publicKeyToAddress,
  ZERO_HASH,
} from '../../nano/index.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'
import { decodeAccount, decodeHex } from '../text.ts'
import { type Action, bit, orEmpty } from './action.ts'
import { receivableSum } from './receivables.ts'

const BURN = publicKeyToAddress(ZERO_HASH as string as PublicKey)

function headOf(node: Node, request: RpcRequest, account: NanoAddress) {
  const head = node.ledger.head(account)
  if (!head) throw request.refusal('Account not found')
  return head
}

/** What an account holds and can receive, as of its last confirmed block or as of its last one. */
function balanceOf({ ledger, isActive }: Node, account: NanoAddress, onlyConfirmed: boolean) {
  const entry = onlyConfirmed ? ledger.chain(account)[ledger.confirmedHeight(account) - 1] : ledger.head(account)
  const receivable = receivableSum({ ledger, isActive }, account, onlyConfirmed).toString()
  return { balance: (entry?.balance ?? 0n).toString(), pending: receivable, receivable }
}

/** Asks for several accounts at once: answers by account, and errors for those that have none. */
function forEach(request: RpcRequest, name: string, read: (account: NanoAddress) => unknown) {
  const answers: Record<string, unknown> = {}
  const errors: Record<string, string> = {}
  for (const text of request.list('accounts')) {
    const account = decodeAccount(text)
    const answer = account && read(account)
    if (!account) errors[text] = 'Bad account number'
    else if (answer === undefined) errors[text] = 'Account not found'
    else answers[text] = answer
  }
  return { [name]: orEmpty(answers), ...(Object.keys(errors).length > 0 && { errors }) }
}

export const accountActions: Readonly<Record<string, Action>> = {
  account_info(node, request) {
    const { ledger } = node
    const account = request.account()
    const head = headOf(node, request, account)
    const chain = ledger.chain(account)
    const height = ledger.confirmedHeight(account)
    const confirmed = chain[height - 1]
    const all = request.flag('include_confirmed')
    const representativeBlock = chain.findLast(({ block }) => 'representative' in block)
    const receivable = receivableSum(node, account, false).toString()
    const confirmedReceivable = receivableSum(node, account, true).toString()
    return {
      frontier: head.hash,
      open_block: chain[0]?.hash,
      representative_block: representativeBlock?.hash,
      balance: head.balance.toString(),
      ...(all && { confirmed_balance: (confirmed?.balance ?? 0n).toString() }),
      modified_timestamp: head.timestamp.toString(),
      block_count: chain.length.toString(),
      account_version: head.epoch.toString(),
      [all ? 'confirmed_height' : 'confirmation_height']: height.toString(),
      [all ? 'confirmed_frontier' : 'confirmation_height_frontier']: confirmed?.hash ?? ZERO_HASH,
      ...(request.flag('representative') && {
        representative: head.representative,
        ...(all && { confirmed_representative: confirmed?.representative ?? BURN }),
      }),
      ...(request.flag('weight') && { weight: ledger.weight(account).toString() }),
      ...((request.flag('pending') || request.flag('receivable')) && {
        pending: receivable,
        receivable,
        ...(all && { confirmed_pending: confirmedReceivable, confirmed_receivable: confirmedReceivable }),
      }),
    }
  },
  account_balance(node, request) {
    const account = request.account()
    return {
      ...(/^(nano|xrb)-/.test(request.text('account')) && { deprecated_account_format: '1' }),
      ...balanceOf(node, account, request.flag('include_only_confirmed', true)),
    }
  },
  accounts_balances: (node, request) =>
    forEach(request, 'balances', (account) => balanceOf(node, account, request.flag('include_only_confirmed', true))),
  accounts_frontiers: ({ ledger }, request) => forEach(request, 'frontiers', (account) => ledger.head(account)?.hash),
  accounts_representatives: ({ ledger }, request) =>
    forEach(request, 'representatives', (account) => ledger.head(account)?.representative),
  account_representative: (node, request) => ({
    representative: headOf(node, request, request.account()).representative,
  }),
  account_weight: ({ ledger }, request) => ({ weight: ledger.weight(request.account()).toString() }),
  account_block_count: (node, request) => ({
    block_count: headOf(node, request, request.account()).height.toString(),
  }),
  account_key: (_, request) => ({ key: addressToPublicKey(request.account()) }),
  account_get(_, request) {
    const key = decodeHex(request.text('key'), 64)
    if (key === undefined) throw request.refusal('Bad public key')
    return { account: publicKeyToAddress(key as PublicKey) }
  },
  validate_account_number: (_, request) => ({ valid: bit(decodeAccount(request.text('account')) !== undefined) }),
}
