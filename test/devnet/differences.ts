/**
 * Recordings that the devnet answers otherwise than the node did, or not at all, and why. replay.test.ts fails when one
 * is missing here, and when one is here for nothing.
 */
const WALLET = 'the devnet keeps no wallets: whoever pays signs its own blocks'
const CREATES = 'the devnet takes no private keys: blocks are made and signed by whoever owns them'
const CONTROL = 'recorded from a node with enable_control=false; the devnet lets everybody do everything it can'
const ELECTION = 'the devnet confirms after a delay and keeps no record of votes'
const SECOND_NODE = 'recorded from a second node that had synchronised; the devnet is one node'

export const differences: Readonly<Record<string, string>> = {
  '103-block_create-legacy-send': CREATES,
  '106-sign-block': CREATES,
  '112-block_create-send': CREATES,
  '113-block_create-send-string': CREATES,
  '303-block_create-err-bad-account': CREATES,
  '304-block_create-err-key-mismatch': CREATES,
  '305-block_create-err-missing': CREATES,
  '306-sign-hash-disabled': CREATES,
  '424-b-control-disabled-sign': CREATES,

  '151-wallet_create': WALLET,
  '152-wallet_add-genesis': WALLET,
  '316-wallet-send': WALLET,
  '317-wallet-send-same-id': WALLET,
  '318-wallet-send-insufficient': WALLET,
  '320-wallet_info': WALLET,
  '363-password_change': WALLET,
  '370-password_enter': WALLET,
  '455-send-with-locked-wallet': WALLET,
  '468-restart-wallet_locked': WALLET,

  '155-confirmation_history': ELECTION,
  '350-ws-vote': ELECTION,
  '368-confirmation_info': ELECTION,
  '323-confirmation_quorum-voting':
    'the node had last counted the online weight after the first send; the devnet names the whole supply',

  '325-block_count-later': 'the node was two confirmations behind when it was asked',
  '326-stats-counters': 'the counters of another program',
  '330-types-duplicate-key': 'of a name given twice the node reads the first, JSON.parse the last',

  '410-b-block_count-synced': SECOND_NODE,
  '413-b-telemetry': SECOND_NODE,
  '414-b-telemetry-raw': SECOND_NODE,
  '430-b-control-disabled-unchecked': SECOND_NODE,

  '417-b-control-disabled-work_generate': CONTROL,
  '418-b-control-disabled-block_create': CONTROL,
  '419-b-control-disabled-send': CONTROL,
  '421-b-control-disabled-process-force': CONTROL,
  '422-b-control-disabled-ledger': CONTROL,
  '423-b-control-disabled-stop': CONTROL,
  '431-b-control-disabled-search_receivable': CONTROL,
}

const MEASURED = 'a measurement, not a call'
const NOT_HTTP_RPC = 'another interface of the node'

/** Recordings that are not played at all. */
export const notPlayed: Readonly<Record<string, string>> = {
  '386-ws-plain-http-get': 'no websocket message; told apart in server.test.ts',
  '411-b-ws-during-sync': 'a second node while it synchronised; its blocks are published where they are first named',
  '436-timing-voting-node-A': MEASURED,
  '437-timing-observer-node-B': MEASURED,
  '462-http-api-v2': NOT_HTTP_RPC,
  '464-b-http-callback-samples': NOT_HTTP_RPC,
  '465-stop': 'whoever started the devnet closes it',
  '466-ws-on-stop': 'closing is told apart in server.test.ts',
  '467-rpc-while-stopped': 'no answer',
}
