/** Which headers go through a proxy: what is said to the next one alone stays here, and so does all that is about payment. */
import type { Payment } from '../index.ts'

/** Said between two neighbours (RFC 9110 §7.6.1). `Connection` names more of them. */
const HOP_BY_HOP = new Set(
  'connection proxy-connection keep-alive te trailer transfer-encoding upgrade proxy-authenticate proxy-authorization'.split(
    ' ',
  ),
)

/** What proves a payment, or tells of one; and what we tell the upstream of it. */
const PAYMENT = /^(?:x-)?(?:payment|nano402)(?:-|$)/

/** What makes some upstreams take a request for one of another method or path than the one that was matched. */
const OVERRIDE = /^x-(?:http-)?method(?:-override)?$|^x-(?:original|rewrite)-ur[li]$|^x-override-url$/

/** Who asked, and for what: of a client that may say anything. */
const FORWARDED = /^forwarded$|^x-forwarded-|^x-real-ip$|^x-client-ip$/

/** As a program reads it that does not tell `-` from `_`, as all do that get their headers from CGI's variables. */
const asRead = (name: string): string => name.toLowerCase().replaceAll('_', '-')

/** What `Connection` names: anything but where a body ends, without which it would look like the next request. */
function namedIn(connection: string | undefined): ReadonlySet<string> {
  const names = (connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => name !== 'content-length'))
}

/** Whether a request has anything to pay with. */
export const presentsPayment = (headers: HeaderValues): boolean =>
  Object.keys(headers).some((name) => PAYMENT.test(name))

export type HeaderValues = Readonly<Record<string, string | string[] | undefined>>

/** Whom a request comes from, as the upstream is told. */
export interface Origin {
  /** The address at the other end of the connection. */
  readonly address: string | undefined
  /** `http` or `https`, and the host, as clients know them. */
  readonly proto: string
  readonly host: string | undefined
}

export interface RequestRules {
  /** The upstream's `Host`. */
  readonly host: string
  readonly origin: Origin
  /** What a proxy in front of this one says of its client is believed, and passed on. */
  readonly trustProxy: boolean
  /** Who paid for it. */
  readonly payment: Payment | undefined
}

/** What is sent to the upstream in place of a request's headers. */
export function requestHeaders(received: HeaderValues, rules: RequestRules): Record<string, string | string[]> {
  const { host, origin, trustProxy, payment } = rules
  const named = namedIn(textOf(received.connection))
  const kept = Object.entries(received).flatMap(([name, value]): [string, string | string[]][] => {
    const read = asRead(name)
    if (value === undefined || HOP_BY_HOP.has(read) || named.has(name) || read === 'expect') return []
    if (PAYMENT.test(read) || OVERRIDE.test(read)) return []
    if (FORWARDED.test(read) && !(trustProxy && name === read)) return []
    if (name === 'cookie') return [[name, withoutSessions(String(value))]]
    return [[name, value]]
  })
  const { address, proto } = origin
  const before = trustProxy ? textOf(received['x-forwarded-for']) : undefined
  const headers: Record<string, string | string[] | undefined> = {
    ...Object.fromEntries(kept),
    host,
    'x-forwarded-for': [before, address].filter(Boolean).join(', '),
    'x-forwarded-proto': (trustProxy && textOf(received['x-forwarded-proto'])) || proto,
    'x-forwarded-host': (trustProxy && textOf(received['x-forwarded-host'])) || origin.host,
    // The one framing that is ours to repeat: without it a body would look like the next request.
    'transfer-encoding': received['transfer-encoding'] && 'chunked',
    ...(payment && paymentHeaders(payment)),
  }
  return Object.fromEntries(Object.entries(headers).filter((entry): entry is [string, string | string[]] => !!entry[1]))
}

/** How the upstream learns on what a request was let in. What is not known is left out. */
function paymentHeaders(payment: Payment): Readonly<Record<string, string>> {
  const principal = payment.kind === 'skipped' ? payment.principal : ''
  return {
    'nano402-access': payment.kind,
    'nano402-payer': payment.payer,
    'nano402-amount': payment.amount.toString(),
    'nano402-payment': payment.transaction,
    'nano402-principal': encodeURI(typeof principal === 'string' ? principal : principal.id),
  }
}

/** The same for one that asks to change to websockets. */
export const upgradeHeaders = (...parts: Parameters<typeof requestHeaders>): Record<string, string | string[]> => ({
  ...requestHeaders(...parts),
  connection: 'Upgrade',
  upgrade: 'websocket',
})

/** Of what the upstream answered, as a flat list of names and values: what its client gets, in its letters and order. */
export function responseHeaders(raw: readonly string[], { isUpgrade = false } = {}): string[] {
  const pairs = raw.flatMap((name, i) => (i % 2 === 0 ? [[name, raw[i + 1] ?? ''] as const] : []))
  const named = namedIn(
    pairs.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? [value] : [])).join(','),
  )
  const kept = pairs.filter(([name]) => {
    const read = name.toLowerCase()
    return !HOP_BY_HOP.has(read) && !named.has(read) && !PAYMENT.test(asRead(name))
  })
  return [...kept, ...(isUpgrade ? [['Connection', 'Upgrade'] as const, ['Upgrade', 'websocket'] as const] : [])].flat()
}

const textOf = (value: string | string[] | undefined): string | undefined =>
  value === undefined || typeof value === 'string' ? value : value.join(', ')

/** The cookies of a browser, without those that hold its sessions at our pages. */
const withoutSessions = (cookies: string): string =>
  cookies
    .split(';')
    .filter((cookie) => !/^\s*(?:__Secure-)?nano402-/.test(cookie))
    .join(';')
    .trim()
