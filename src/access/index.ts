/** What a deployment's routes let in before payment: their gates, in their order, and the passes that were sold. */

import type { EventListener } from '../core/events.ts'
import type { Extension } from '../core/extension.ts'
import type { Gate } from '../core/gate.ts'
import type { PassShelf } from '../core/guard.ts'
import type { Store } from '../core/store.ts'
import { createUses, type Uses } from '../core/uses.ts'
import { ConfigError, InvalidValueError } from '../errors.ts'
import type { Books } from './counting.ts'
import { freeGate } from './free.ts'
import type { AccessOptions } from './options.ts'
import { createPasses, passKey } from './pass.ts'
import { skipGate } from './skip.ts'
import { validateGate } from './validate.ts'

/** The passes of a deployment. */
export interface SoldPasses {
  /**
   * From now on, in every process, nobody gets in by this pass; what is being served on it is. False: the store does not
   * know it, or not any more, so that nobody does anyway.
   *
   * @param id - `payment.pass.id`, 22 characters, and not the pass itself.
   * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) for anything else; `StoreError` (`ERR_STORE`).
   */
  revoke(id: string): Promise<boolean>
}

export interface AccessTerms {
  readonly realm: string
  readonly network: string
  /** What it is counted in and sealed with. @throws `ConfigError` (`ERR_CONFIG`) when there is nothing that lasts. */
  openBooks(): () => Promise<{ readonly store: Store; readonly macs: Books['macs'] }>
  readonly emit: EventListener | undefined
}

/** What access before payment has to know of a route. */
export interface RouteTerms {
  readonly name: string | undefined
  /** Undefined: it depends on the request. */
  readonly price: string | undefined
  readonly attempts: number
  readonly handlerTimeoutMs: number
  readonly priceBodyLimit: number
}

export interface RouteAccess {
  readonly gates: readonly Gate[]
  readonly pass: PassShelf | undefined
  readonly extensions: readonly Extension[]
}

/** A use is held longer than its handler may take: its answer may have to wait for the store. */
const HOLD_LONGER_MS = 60_000

export function createAccess({ realm, network, openBooks, emit }: AccessTerms) {
  const priceOf = new Map<string, string | undefined>()
  let uses: Uses | undefined
  const booksFor = () => {
    const open = openBooks()
    return async (): Promise<Books> => {
      const { store, macs } = await open()
      uses ??= createUses(store)
      return { uses, macs }
    }
  }

  /** What passes of this route are good for. Nobody may buy a cheap one for a dear route. */
  function scopeOf({ scope, uses, ttlMs }: NonNullable<AccessOptions['pass']>, { name, price }: RouteTerms) {
    if (scope !== undefined) return ['scope', scope]
    if (price === undefined) {
      throw new ConfigError(
        'A pass has one price: set pass.scope if one that was bought at any price of the function is good for all.',
      )
    }
    if (name === undefined) return ['price', price, String(uses), String(ttlMs)]
    const other = priceOf.get(name)
    if (other !== undefined && other !== price) {
      throw new ConfigError(
        `Passes of two routes named ${name} differ in price: rename one, or set one pass.scope if they are good for both.`,
      )
    }
    priceOf.set(name, price)
    return ['route', name]
  }

  return {
    route({ validate, skip, pass, free }: AccessOptions, terms: RouteTerms): RouteAccess {
      const { name = 'default', priceBodyLimit: bodyLimit, attempts, handlerTimeoutMs } = terms
      const open = pass || free ? booksFor() : undefined
      const counting = open && { open, attempts, holdMs: handlerTimeoutMs + HOLD_LONGER_MS, bodyLimit }
      const passes = pass && counting && createPasses(pass, [realm, network, ...scopeOf(pass, terms)], counting)
      const gates = [
        validate && validateGate(validate, bodyLimit),
        skip && skipGate(skip, bodyLimit),
        passes?.gate,
        free && counting && freeGate(free, [realm, network, name], counting),
      ]
      return {
        gates: gates.filter((gate) => gate !== undefined),
        pass: passes,
        extensions: passes ? [passes.extension] : [],
      }
    },

    passes: {
      async revoke(id: string) {
        if (!/^[\w-]{22}$/.test(id)) throw new InvalidValueError('Not the id of a pass (payment.pass.id).')
        const books = await booksFor()()
        const isKnown = await books.uses.revoke(passKey(id))
        if (isKnown) emit?.({ type: 'pass_revoked', pass: id })
        return isKnown
      },
    } satisfies SoldPasses,
  }
}
