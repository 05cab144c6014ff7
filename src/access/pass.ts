/**
 * Passes: a payment buys so many requests. The token is sealed, like a session; the store counts, and what it does not know
 * is no pass. Nothing is looked up before the seal is genuine.
 */
import { encodeFields, type Field, fnv1a, randomBytes } from '../core/bytes.ts'
import type { Extension } from '../core/extension.ts'
import type { Gate } from '../core/gate.ts'
import type { PassShelf } from '../core/guard.ts'
import { refusal } from '../core/refusal.ts'
import type { PaywallRequest } from '../core/request.ts'
import { encodeBase64Url } from '../x402/base64.ts'
import { PASS_EXTENSION, PASS_HEADER } from '../x402/pass.ts'
import { askOperator, keyOf } from './ask.ts'
import type { Counting } from './counting.ts'
import type { PassOptions } from './options.ts'
import { isGenuine, readPass, sealPass } from './token.ts'

export interface Passes extends PassShelf {
  readonly gate: Gate
  /** Says in a 402 what a payment buys. */
  readonly extension: Extension
}

/** A pass's record in the store. */
export const passKey = (id: string): string => `pass:${id}`

/** `goodFor`: realm, network, and what the passes are good for. */
export function createPasses(options: PassOptions, goodFor: readonly Field[], counting: Counting): Passes {
  const { uses, ttlMs, by, path = '/' } = options
  const { open, holdMs, attempts, bodyLimit } = counting
  const bearer = by && keyOf('pass.by', by, bodyLimit)
  const bindingOf = async (request: PaywallRequest): Promise<readonly Field[]> =>
    bearer ? [...goodFor, await askOperator(bearer, request)] : goodFor
  const scope = fnv1a(encodeFields(goodFor)).toString(36)

  return {
    scope,
    path,
    gate: {
      async ask(request) {
        const token = request.headers.get(PASS_HEADER) ?? undefined
        if (token === undefined) return undefined
        const terms = readPass(token)
        if (!terms) return refusal('invalid_payload') // none, or more than one
        const books = await open()
        if (!isGenuine(token, await bindingOf(request), books.macs)) return refusal('invalid_pass')
        const { id, uses, expiresAt } = terms
        const expiresAtMs = expiresAt * 1000
        if (Date.now() >= expiresAtMs) return refusal('pass_expired')
        const taken = await books.uses.take(passKey(id), { limit: uses, attempts, holdMs })
        if (typeof taken === 'string') return refusal(`pass_${taken}`)
        const { held, left, payer = '' } = taken
        return { kind: 'admitted', access: { kind: 'pass', pass: { id, uses, left, expiresAtMs } }, payer, held }
      },
    },

    async sell(request) {
      const books = await open()
      const binding = await bindingOf(request)
      return (payer) => {
        const id = encodeBase64Url(randomBytes(16))
        const expiresAt = Math.ceil((Date.now() + ttlMs) / 1000)
        const expiresAtMs = expiresAt * 1000
        const token = sealPass({ id, uses, expiresAt }, binding, books.macs[0])
        return {
          pass: { id, uses, left: uses - 1, expiresAtMs },
          headers: [[PASS_HEADER, token]],
          record: () => books.uses.begin(passKey(id), { endsAtMs: expiresAtMs, payer }),
        }
      }
    },

    extension: {
      name: PASS_EXTENSION,
      offer: () => ({ info: { uses, ttlMs, scope }, schema: SCHEMA }),
    },
  }
}

const INTEGER = { type: 'integer' }
const SCHEMA = { type: 'object', properties: { uses: INTEGER, ttlMs: INTEGER, scope: { type: 'string' } } }
