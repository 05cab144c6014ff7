/** What an issuer is told. */

import type { EventListener } from '../core/events.ts'
import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import type { Price, RpcOption } from '../options.ts'
import { parsePrice } from '../pricing.ts'
import type { Network } from '../rpc/index.ts'
import type { WorkOption } from '../wallet/work.ts'

/** What an issuer is made of. What is left out comes from the environment. */
export interface IssuerOptions {
  /** The private key of the account that deposits go to and withdrawals come from, and that is used for nothing else. */
  readonly privateKey: string
  /** [NANO402_RPC_URL] Nano nodes: URLs, `{ url, headers, key }`, or objects with `call`. Required. */
  readonly rpc?: RpcOption | readonly RpcOption[]
  /** [NANO402_WS_URL] A node's websocket, which ends the wait for a confirmation early. */
  readonly ws?: string
  /** [NANO402_NETWORK] Default `nano:mainnet`. */
  readonly network?: Network
  /** [NANO402_STORE] `memory` (default), `sqlite:<path>`, `redis://...`, or an object of the `Store` interface. */
  readonly store?: string | Store
  /** [NANO402_SECRET] Seals the offers for deposits. Default: derived from the private key. */
  readonly secret?: string | readonly string[]
  /** [NANO402_PUBLIC_URL] The origin that clients know the issuer by. */
  readonly publicUrl?: string
  /** Where proof of work comes from: `'node'` (default), `'cpu'`, a URL, or a function. */
  readonly work?: WorkOption
  /** An account to name as representative in every block. Default: the one that the account has. */
  readonly representative?: string
  /** The bounds of one deposit. Default `'0.001'` and `'100'` XNO. */
  readonly minDeposit?: Price
  readonly maxDeposit?: Price
  /** The least that is paid out, unless it is all there is: each payout costs us work. Default: `minDeposit`. */
  readonly minWithdrawal?: Price
  /** How long a vendor has to redeem after the last payment of a channel can have ended. Default 86,400 (a day). */
  readonly settleSeconds?: number
  /** The furthest expiry of a channel. Default 2,592,000 (30 days). */
  readonly maxChannelSeconds?: number
  /** How many accounts may register in a minute. Default 6,000. */
  readonly newAccountsPerMinute?: number
  /**
   * How many false signatures of accounts' own keys are looked at in a minute, because each takes milliseconds. Default 600.
   * Beyond that, requests by own keys are told to come later; those by session keys are not held up.
   */
  readonly falseSignaturesPerMinute?: number
  /** For how long a process that was killed keeps the others from paying out. Default 5,000. */
  readonly leaseMs?: number
  /** Told of deposits as of any paid request. */
  readonly onEvent?: EventListener
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) for bounds that leave nothing between them. */
export function boundsOf({ minDeposit = '0.001', maxDeposit = '100', minWithdrawal = minDeposit }: IssuerOptions) {
  const bounds = {
    minDeposit: parsePrice(minDeposit),
    maxDeposit: parsePrice(maxDeposit),
    minWithdrawal: parsePrice(minWithdrawal),
  }
  if (bounds.minDeposit > bounds.maxDeposit) throw new ConfigError('minDeposit of the issuer is above its maxDeposit.')
  return bounds
}
