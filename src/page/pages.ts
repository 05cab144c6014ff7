/**
 * Paywall pages: what a person's browser gets where a program gets JSON, and how the browser's payment is found and
 * presented. Every request still goes through the guard, as if the browser had sent the proof itself.
 */
import { createArrivals } from '../arrivals/index.ts'
import type { Answers, Refused } from '../core/answer.ts'
import { randomBytes } from '../core/bytes.ts'
import type { Offers } from '../core/cashier.ts'
import { enter, failed, guard, type Outcome, type Route } from '../core/guard.ts'
import type { Pricing } from '../core/quote.ts'
import { answerFor, isRefusal, type RefusalCode } from '../core/refusal.ts'
import { type PaywallRequest, targetOf } from '../core/request.ts'
import type { BlockHash } from '../nano/index.ts'
import type { Ask } from '../remote/ask.ts'
import type { ConfirmationFeed, Ledger, NanoNode } from '../rpc/index.ts'
import { encodeBase64Url } from '../x402/base64.ts'
import { PAYMENT_IDENTIFIER } from '../x402/identifier.ts'
import { type SessionOffer, sessionOffer, sessionPayment } from '../x402/session.ts'
import type { Header, HeaderReader, PresentedPayment } from '../x402/wire.ts'
import { prefersHtml } from './accept.ts'
import { type CookieScope, cookiePath, MAX_SESSIONS, readSessions, sessionCookie } from './cookies.ts'
import type { RoutePageOptions } from './options.ts'
import { sellingCookies, withPassOf } from './passes.ts'
import { remoteSessions } from './remote-sessions.ts'
import { ownSessions, type PageRoute, type PageSession, type Sessions } from './sessions.ts'
import { createStatus, STATUS_HEADER, UNKNOWN_YET } from './status.ts'
import type { PageTexts } from './texts.ts'
import { noticePage, offerPage } from './view.ts'

export interface Pages {
  /** Decides about one request, as the guard does, and answers browsers with pages. Never rejects. */
  guard(request: PaywallRequest, route: Route, page: PageTerms): Promise<Outcome>
  close(): void
}

/** A route's own part of its pages. */
export interface PageTerms {
  readonly options: RoutePageOptions
  readonly pricing: Pricing
}

export interface PagesOptions {
  /** Where payments are looked up: on the network, or by a facilitator. */
  readonly view: PageView
  /** The origin that clients know us by. Empty: the request's URL says it, if anything does. */
  readonly origin: string
  /** For how long after its expiry a session's payment is still taken. */
  readonly claimWindowMs: number
}

export type PageView =
  | { readonly node: NanoNode; readonly ledger: Ledger; readonly feed: ConfirmationFeed | undefined }
  | { readonly ask: Ask }

const LOOK_MS = 3_000

export function createPages({ origin, claimWindowMs, view }: PagesOptions): Pages {
  const all = 'ask' in view ? remoteSessions(view.ask) : ownSessions(createArrivals(view))
  const statuses = createStatus()

  /** The browser's sessions whose seals are genuine, for this very request, the newest first. Looks nothing up. */
  async function reopen(request: PaywallRequest, at: PageRoute): Promise<readonly PageSession[]> {
    const kept = readSessions(request.headers.get('cookie'))
    const reopened = await Promise.all(kept.map((session) => all.reopen(session, request, at)))
    return reopened
      .filter((session) => session !== undefined)
      .toSorted((a, b) => b.quote.issuedAtMs - a.quote.issuedAtMs)
  }

  const reopenFor = async (request: PaywallRequest, at: PageRoute) =>
    isVisit(request.headers) ? reopen(request, at) : []

  async function showPage(request: PaywallRequest, route: Route, { options, pricing }: PageTerms): Promise<Outcome> {
    const scope = { path: cookiePath(targetOf(request)), secure: (origin || request.url).startsWith('https:') }
    const { noteOf } = all
    const nobody = { request, options, scope, claimWindowMs, noteOf, unpaid: [], isCut: false, used: [] }
    // Before its payments are looked for: who need not pay now keeps them.
    const said = await enter(request, personal(route, nobody))
    if (said && !isRefusal(said)) return said
    const asked = sellingCookies({ ...route, gates: said ? [{ ask: async () => said }] : [] }, request, origin)
    const sessions = await reopenFor(request, { route, pricing }).catch((fault: unknown) => ({ fault }))
    // They may have been paid: a fresh bill would be one too many.
    if ('fault' in sessions) return failed(sessions.fault, personal(route, nobody))
    const sights = await Promise.all(sessions.map((session) => session.look(LOOK_MS)))
    const paid = sights.flatMap((sight, i) => ('hash' in sight && sessions[i] ? [{ ...sessions[i], ...sight }] : []))
    const unpaid = sessions.filter((_, i) => !('hash' in (sights[i] ?? {})))
    const isCut = sights.some(({ state }) => state === 'cut')
    const visit = { ...nobody, unpaid, isCut }
    let refused: Refused | undefined
    for (const [i, session] of paid.entries()) {
      const outcome = await guard(request, personal(asked, { ...visit, used: paid.slice(0, i + 1) }, session))
      if (outcome.kind === 'paid' || !isUsedUp(outcome)) return outcome
      refused = outcome
    }
    return refused?.status === 402 ? refused : guard(request, personal(asked, { ...visit, used: paid }))
  }

  return {
    async guard(asked, route, page) {
      const request = withPassOf(asked, route)
      const { method, headers } = request
      if (method !== 'GET' || route.wire.read(headers) !== undefined) return guard(request, route) // a program's
      const status = headers.get(STATUS_HEADER)
      if (!status) return prefersHtml(headers.get('accept')) ? showPage(request, route, page) : guard(request, route)
      if (!isFromHere(headers)) return statuses.answer(status, [])
      return reopen(request, { route, pricing: page.pricing }).then(
        (sessions) => statuses.answer(status, sessions),
        () => UNKNOWN_YET,
      )
    },
    close() {
      statuses.close()
      all.close()
    },
  }
}

/**
 * Whether somebody went to this page, from here or by hand: only then do cookies count. A page of another site or of a
 * neighbour, a frame, a script, or a browser that loads ahead must neither use up a payment nor learn a session.
 */
const isVisit = (headers: HeaderReader): boolean =>
  isFromHere(headers) &&
  (headers.get('sec-fetch-dest') ?? 'document') === 'document' &&
  !headers.get('sec-purpose') &&
  !headers.get('purpose')

/** Whether a page of this origin asks, or somebody by hand. Browsers say so wherever the connection is safe. */
const isFromHere = (headers: HeaderReader): boolean =>
  ['same-origin', 'none'].includes(headers.get('sec-fetch-site') ?? 'none')

/** Whether a payment has bought what it could, so that another is to be made. */
const isUsedUp = ({ status, code }: Refused): boolean => status === 402 || code === 'answer_not_stored'

/** A session, and the block that pays it. */
interface PaidSession extends PageSession {
  readonly hash: BlockHash
}

/** One request of a browser. */
interface Visit {
  readonly request: PaywallRequest
  readonly options: RoutePageOptions
  readonly scope: CookieScope
  readonly claimWindowMs: number
  readonly noteOf: Sessions['noteOf']
  readonly unpaid: readonly PageSession[]
  /** A payment has come that may be for one of these, without its last digits. */
  readonly isCut: boolean
  /** What is presented, and what was before in this request. */
  readonly used: readonly PaidSession[]
}

/** The route as this browser gets it: its payment presented, its session continued, and pages for answers. */
function personal(route: Route, visit: Visit, paid?: PaidSession): Route {
  const { wire, cashier, answers } = route
  const payment = paid && presentation(paid, route)
  const current: Offers | undefined = visit.unpaid.find(
    ({ quote, offers }) => offers && Date.now() < quote.expiresAtMs,
  )?.offers
  return {
    ...route,
    wire: { ...wire, read: () => payment },
    cashier: { ...cashier, offer: async (request) => current ?? cashier.offer(request) },
    answers: pageAnswers(answers, visit),
  }
}

/** What a client would present. With the session's name as its id, a page that is loaded again gets the answer it got. */
function presentation({ hash, quote }: PaidSession, { network, extensions }: Route): PresentedPayment {
  const payment = sessionPayment(hash, quote.sessionId, { scheme: 'exact', network })
  const isIdentified = extensions.some(({ name }) => name === PAYMENT_IDENTIFIER)
  return isIdentified ? { ...payment, extensions: { [PAYMENT_IDENTIFIER]: { info: { id: quote.id } } } } : payment
}

function pageAnswers(answers: Answers, visit: Visit): Answers {
  const { options, request, used, isCut } = visit
  const nonce = encodeBase64Url(randomBytes(16))
  return {
    ...answers,
    paymentRequired(code, required, more) {
      const answer = answers.paymentRequired(code, required, more)
      const session = sessionOffer(required)
      if (!session) return answer
      const note = used.length > 0 ? (NOTES[code] ?? 'spent') : isCut ? 'cut' : undefined
      const page = offerPage({ options, nonce, required, session, note, accept: request.headers.get('accept') ?? '' })
      return withPage(answer, page, [...policy(nonce), ...cookies(session, visit)])
    },
    refusal(code, more, said) {
      const { retryAfterSeconds } = answerFor(code)
      const text = code === 'settlement_pending' ? 'pending' : retryAfterSeconds === undefined ? 'refused' : 'trouble'
      return withPage(
        answers.refusal(code, more, said),
        noticePage({ options, nonce, text, retryAfterSeconds }),
        policy(nonce),
      )
    },
  }
}

/** What became of the payment that was presented, where that is not that it was used. */
const NOTES: Partial<Record<RefusalCode, keyof PageTexts>> = {
  attempts_exhausted: 'exhausted',
  session_expired: 'late',
}

/** Nothing from elsewhere, no script and no style but ours, and no frame around it. */
const policy = (nonce: string): readonly Header[] => [
  [
    'Content-Security-Policy',
    `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; img-src data:; connect-src 'self'; ` +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
]

/** Keeps the session that is offered; forgets what is used up, and what is too many. */
function cookies(offered: SessionOffer, { scope, unpaid, used, claimWindowMs, noteOf }: Visit): readonly Header[] {
  const others = unpaid.filter(({ quote }) => quote.sessionId !== offered.id)
  const over = [...used, ...others.slice(MAX_SESSIONS - 1)]
  const maxAgeSeconds = Math.floor(offered.expiresAt + claimWindowMs / 1000 - Date.now() / 1000)
  return [
    sessionCookie({ id: offered.id, note: noteOf(offered.offer) }, scope, maxAgeSeconds),
    ...over.map(({ quote }) => sessionCookie({ id: quote.sessionId, note: '' }, scope, 0)),
  ]
}

/** The same answer with a page as its body. A policy that earlier code has set is for other pages than ours. */
function withPage(answer: Refused, page: string, more: readonly Header[]): Refused {
  const own: readonly Header[] = [['Content-Type', 'text/html; charset=utf-8'], ...more]
  const replaced = new Set(own.map(([name]) => name.toLowerCase()))
  const headers = (existing: Iterable<Header>): readonly Header[] => [
    ...answer.headers(existing).filter(([name]) => !replaced.has(name.toLowerCase())),
    ...own,
  ]
  return {
    ...answer,
    headers,
    body: page,
    toResponse: (existing = []) =>
      new Response(page, { status: answer.status, headers: headers(existing).map((header) => [...header]) }),
  }
}
