/** Who asks an issuer: requests are signed by an account's own key, or by one that it has registered. */
import type { Store } from '../core/store.ts'
import type { Account } from './account.ts'
import { createAllowance } from './allowance.ts'
import type { Book } from './book.ts'
import { type RefusedByIssuer, refuse } from './codes.ts'
import { readKeys } from './reading.ts'
import {
  type Authorization,
  createSignatureCheck,
  isOwnKey,
  readAuthorization,
  requestText,
  type SignedRequest,
} from './request.ts'

/** Who asks, once the signature is genuine. */
export type Caller = Pick<Authorization, 'account' | 'key'>

export interface Callers {
  /** Whose request it is. */
  authenticate(header: string | undefined, request: SignedRequest): Promise<Caller | RefusedByIssuer>
  register(caller: Caller, body: unknown): Promise<Account | RefusedByIssuer>
  /** Whether the account has signed a text, with a key that may act for it now. */
  hasSigned(shown: Parameters<ReturnType<typeof createSignatureCheck>>[0], text: string): Promise<boolean>
}

export interface CallersOptions {
  readonly book: Pick<Book, 'account' | 'register'>
  readonly store: Store
  /** The key that the issuer is known by. */
  readonly issuer: string
  readonly newAccountsPerMinute: number
  readonly falseSignaturesPerMinute: number
  readonly now: () => number
}

/** Clocks may differ by so much, and a signed request is good for so long. */
const REQUEST_WINDOW_SECONDS = 60

export function createCallers(options: CallersOptions): Callers {
  const { book, store, issuer, newAccountsPerMinute, falseSignaturesPerMinute, now } = options
  const isSigned = createSignatureCheck()
  const registrations = createAllowance(newAccountsPerMinute, now)
  const falseSignatures = createAllowance(falseSignaturesPerMinute, now)

  /** Whether a key may act for the account now. */
  async function mayAct({ account, key: name }: Caller): Promise<boolean> {
    if (isOwnKey(name)) return true
    const { keys = [] } = (await book.account(account)) ?? {}
    return keys.some((one) => one.key === name && one.expiresAtMs > now())
  }

  return {
    hasSigned: async (shown, text) => (await isSigned(shown, text)) && (await mayAct(shown)),

    async authenticate(header, request) {
      const said = readAuthorization(header)
      if (said === undefined) return refuse('unauthorized')
      if (Math.abs(now() / 1_000 - said.at) > REQUEST_WINDOW_SECONDS) return refuse('stale_request')
      const cost = isOwnKey(said.key) ? 1 : 0
      if (!falseSignatures.take(cost)) return refuse('busy')
      if (!(await isSigned(said, requestText(issuer, request, said)))) return refuse('unauthorized')
      falseSignatures.give(cost)
      // Nothing is looked up before the signature is genuine, and nothing is stored before the key may act.
      if (!(await mayAct(said))) return refuse('unauthorized')
      const keepUntilMs = 1_000 * (said.at + 2 * REQUEST_WINDOW_SECONDS)
      const isFirst = await store.write(`issuer-nonce:${said.account}:${said.nonce}`, 0, '', keepUntilMs)
      return isFirst ? { account: said.account, key: said.key } : refuse('replayed_request')
    },

    async register({ account, key: name }, body) {
      if (!isOwnKey(name)) return refuse('own_key_required')
      const keys = readKeys(body, now())
      if (keys === undefined) return refuse('invalid_request')
      const known = await book.account(account)
      if (known === undefined && !registrations.take(1)) return refuse('too_many_accounts')
      return book.register(account, keys)
    },
  }
}
