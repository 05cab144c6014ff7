/**
 * Passes that payments bought, by what they are good for: shown until the server takes them no more. Who asks while one is
 * being bought waits for it, so that requests side by side are one payment.
 */
import { LRUCache } from '#lru-cache'
import { unlessAborted } from '../rpc/wait.ts'
import { PASS_EXTENSION, PASS_HEADER } from '../x402/pass.ts'
import type { ReadBill } from './bills.ts'
import type { PayerEvent } from './events.ts'
import { discard } from './present.ts'
import type { RepeatableRequest } from './request.ts'

export interface PassesOptions {
  readonly fetch: (request: Request) => Promise<Response>
  readonly emit: (event: PayerEvent) => void
}

export interface Passes {
  /** The answer to a pass that is known to be good there. Undefined: there is none, or it was not taken. */
  show(request: RepeatableRequest): Promise<Response | undefined>
  /** The same once a 402 has said what passes are good for; otherwise it is this request's to buy one, and to say when it has. */
  showOrBuy(request: RepeatableRequest, bills: readonly ReadBill[], url: string): Promise<Response | (() => void)>
  /** Keeps the pass that came with an answer, if one did. */
  keep(url: string, answer: Response): void
}

/** Passes, and pages that they are good for. */
const MAX_KEPT = 1_000
const FORM = /^[\x21-\x7e]{1,512}$/

export function createPasses({ fetch, emit }: PassesOptions): Passes {
  /** By origin and scope. A server names what its passes are good for, and no other origin gets to see them. */
  const passes = new LRUCache<string, string>({ max: MAX_KEPT })
  const scopes = new LRUCache<string, string>({ max: MAX_KEPT })
  const buying = new Map<string, Promise<void>>()

  async function showFor(request: RepeatableRequest, scope: string | undefined): Promise<Response | undefined> {
    const pass = scope === undefined ? undefined : passes.get(scope)
    if (scope === undefined || pass === undefined) return undefined
    const response = await fetch(request.paid(request.url, { [PASS_HEADER]: pass }))
    if (response.status === 402) {
      if (passes.get(scope) === pass) passes.delete(scope)
      await discard(response)
      return undefined
    }
    emit({ type: 'pass-used', url: request.url, status: response.status })
    const next = request.redirected(response, request.url)
    if (next === undefined) return response
    await discard(response)
    return fetch(next)
  }

  return {
    show: (request) => showFor(request, scopes.get(pageOf(request.url))),

    async showOrBuy(request, bills, url) {
      const name = scopeIn(bills)
      if (name === undefined) return () => {}
      const scope = `${new URL(url).origin} ${name}`
      scopes.set(pageOf(url), scope)
      for (;;) {
        const answer = url === request.url ? await showFor(request, scope) : undefined
        if (answer) return answer
        const other = buying.get(scope)
        if (!other) break
        await unlessAborted(other, request.signal)
      }
      let done: () => void = () => {}
      const bought = new Promise<void>((resolve) => {
        done = resolve
      })
      buying.set(scope, bought)
      return () => {
        buying.delete(scope)
        done()
      }
    },

    keep(url, { headers }) {
      const pass = headers.get(PASS_HEADER)
      if (pass === null || !FORM.test(pass)) return
      const page = pageOf(url)
      const scope = scopes.get(page) ?? page
      scopes.set(page, scope)
      passes.set(scope, pass)
      emit({ type: 'pass-bought', url })
    },
  }
}

const pageOf = (url: string) => url.split('?', 1)[0] ?? url

/** What a 402 says that its passes are good for: a stranger's word. */
function scopeIn(bills: readonly ReadBill[]): string | undefined {
  for (const { required } of bills) {
    const { info } = (required.extensions?.[PASS_EXTENSION] ?? {}) as { info?: { scope?: unknown } }
    if (typeof info?.scope === 'string' && /^[\w-]{1,64}$/.test(info.scope)) return info.scope
  }
  return undefined
}
