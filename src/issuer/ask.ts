/** What an account asks of an issuer, over HTTP: for clients, and for vendors. */
import { type Certificate, readCertificate } from '../channel/certificate.ts'
import type { ChannelConfig, ChannelId } from '../channel/config.ts'
import type { LastProof, Release } from '../channel/wire.ts'
import { randomHex } from '../core/bytes.ts'
import { IssuerError } from '../errors.ts'
import { readText } from '../rpc/http.ts'
import { withDeadline } from '../rpc/wait.ts'
import { parseStrictJson } from '../x402/json.ts'
import { ISSUER_CODES } from './codes.ts'
import { authorizeRequest, type Signer } from './request.ts'
import type { ChannelView, IssuerInfo, WithdrawalView } from './views.ts'

/** Which issuer is asked, and by whom. */
export interface IssuerClientOptions {
  /** Where the issuer is, such as `https://issuer.example.com`. */
  readonly url: string
  /** Who asks: see `accountSigner` and `sessionSigner`. */
  readonly signer: Signer
  /** The key that the issuer is known by. Default: the one that it names when it is asked first. */
  readonly issuer?: string
  /** What requests are made with. Default: the platform's `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** How long an answer may take. Default 15,000. */
  readonly timeoutMs?: number
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/** An account as its holder sees it. Amounts in raw, as decimal text; times are Unix time in seconds. */
export interface AccountView {
  readonly account: string
  readonly balance: string
  readonly locked: string
  readonly keys: readonly { readonly key: string; readonly expiresAt: number }[]
  readonly channels: readonly {
    readonly channelId: ChannelId
    readonly payee: string
    readonly amount: string
    readonly settleBy: number
  }[]
  readonly withdrawals: readonly WithdrawalView[]
}

/** One change of an account. Amounts in raw, as decimal text; `at` is Unix time in seconds. */
export interface StatementLine {
  readonly number: number
  readonly at: number
  readonly kind: 'deposit' | 'lock' | 'settle' | 'return' | 'credit' | 'withdrawal' | 'payout'
  readonly amount: string
  readonly balance: string
  readonly reference: string
}

/**
 * An issuer, as one account asks it. All reject with `IssuerError` (`ERR_ISSUER`): with the issuer's code in `reason` when it
 * refused, and without one when it gave no usable answer. Everything may be asked again: what was done is done once.
 */
export interface IssuerClient {
  info(): Promise<IssuerInfo>
  /** Makes the account known, with the keys that may act for it from now on. Needs the account's own key. */
  register(keys?: readonly { readonly key: string; readonly expiresAt: number }[]): Promise<AccountView>
  account(): Promise<AccountView>
  /** The newest lines first asked for, each page with its newest line last. */
  statement(before?: number): Promise<{ readonly lines: readonly StatementLine[]; readonly before?: number }>
  /** Where a deposit of so much (in raw) is paid for: a `POST` that answers 402. Pay it with `payer.fetch`. */
  depositUrl(amount: bigint): string
  /** Locks an amount for a channel. */
  open(config: ChannelConfig, amount: bigint): Promise<Certificate>
  channel(id: ChannelId): Promise<ChannelView>
  /** As the payee: ends the channel, at what it was charged. `proof`: see `lastProofOf`; not needed for 0. */
  settle(
    id: ChannelId,
    claim: { readonly amount: bigint; readonly proof?: LastProof | undefined },
  ): Promise<ChannelView>
  /** As the payer, with the payee's release. */
  close(id: ChannelId, release: Release): Promise<ChannelView>
  /** Has an amount paid out to the account on the ledger. The same `id` again is the same withdrawal. */
  withdraw(amount: bigint, id?: string): Promise<WithdrawalView>
  withdrawal(id: string): Promise<WithdrawalView>
}

const MAX_ANSWER_BYTES = 1_000_000

/**
 * Makes what a client or a vendor asks an issuer with. Nothing is sent before the first call.
 *
 * @example
 * const signer = accountSigner(derivePrivateKey('0'.repeat(64), 0))
 * const issuer = createIssuerClient({ url: 'https://issuer.example', signer })
 */
export function createIssuerClient(options: IssuerClientOptions): IssuerClient {
  const { url, signer, timeoutMs = 15_000, now = Date.now } = options
  const send = options.fetch ?? ((to: string, init: RequestInit) => fetch(to, init))
  const origin = url.replace(/\/+$/, '')
  let key = options.issuer

  async function ask<T>(method: string, target: string, init: RequestInit): Promise<T> {
    const late = new IssuerError('The issuer did not answer in time.')
    try {
      return await withDeadline(
        async (signal) => {
          const response = await send(origin + target, { ...init, method, signal, redirect: 'error' })
          const answer = parseStrictJson((await readText(response.body, MAX_ANSWER_BYTES)) ?? '')
          if (response.ok && typeof answer === 'object' && answer !== null) return answer as T
          const { error } = (answer ?? {}) as { readonly error?: unknown }
          const reason = typeof error === 'string' && Object.hasOwn(ISSUER_CODES, error) ? error : undefined
          throw new IssuerError(`The issuer answered ${response.status}${reason ? ` (${reason})` : ''}.`, { reason })
        },
        { timeoutMs, late, signals: [] },
      )
    } catch (cause) {
      throw cause instanceof IssuerError ? cause : new IssuerError('The issuer gave no usable answer.', { cause })
    }
  }
  const info = () => ask<IssuerInfo>('GET', '/', {})

  async function signed<T>(method: string, target: string, content?: object): Promise<T> {
    key ??= (await info()).issuer
    const body = content === undefined ? '' : JSON.stringify(content)
    // The path of the URL is in front of every target, as the issuer sees it.
    const seen = new URL(origin + target).pathname + new URL(origin + target).search
    const authorization = await authorizeRequest(key, { method, target: seen, body }, { signer, now })
    const headers = { authorization, ...(content && { 'content-type': 'application/json' }) }
    return ask<T>(method, target, { headers, ...(content && { body }) })
  }
  const own = `/accounts/${signer.account}`

  return {
    info,
    register: (keys = []) => signed('PUT', own, { keys }),
    account: () => signed('GET', own),
    statement: (before) => signed('GET', `${own}/statement${before === undefined ? '' : `?before=${before}`}`),
    depositUrl: (amount) => `${origin}${own}/deposits?amount=${amount}`,
    async open(config, amount) {
      const certificate = readCertificate(await signed('POST', '/channels', { config, amount: String(amount) }))
      if (certificate === undefined) throw new IssuerError('The issuer answered with something that is no certificate.')
      return certificate
    },
    channel: (id) => signed('GET', `/channels/${id}`),
    settle: (id, { amount, proof }) =>
      signed('POST', `/channels/${id}/settle`, { amount: String(amount), ...(proof && { proof }) }),
    close: (id, release) => signed('POST', `/channels/${id}/close`, release),
    withdraw: (amount, id = randomHex(16)) => signed('POST', `${own}/withdrawals`, { id, amount: String(amount) }),
    withdrawal: (id) => signed('GET', `${own}/withdrawals/${id}`),
  }
}
