/**
 * The sessions of a browser, in cookies: one for each session, so that two pages of one path, or a page that was come to
 * from elsewhere, do not take each other's. Scripts cannot read them, other sites cannot have them sent, and other paths
 * do not get them.
 */
import type { Header } from '../x402/wire.ts'

/** Whom a cookie is for. */
export interface CookieScope {
  /** The path of the resource. */
  readonly path: string
  /** Whether the resource is served over https alone. */
  readonly secure: boolean
}

const NAME = /^(?:__Secure-)?nano402-[\w-]{8}$/
const VALUE = /^([\w-]{100,3800})((?:\.\w{1,100}){0,2})$/
/** What a browser keeps for one path. More are forgotten, the oldest first. */
export const MAX_SESSIONS = 4

/** Some of its random part tells a session from others. It is no secret. */
const nameOf = (sessionId: string, { secure }: CookieScope): string =>
  `${secure ? '__Secure-' : ''}nano402-${sessionId.slice(8, 16)}`

/** A session as a browser keeps it. All of it is only what the browser says. */
export interface KeptSession {
  /** The sealed id. */
  readonly id: string
  /** What was noted beside it. */
  readonly note: string
}

/** The sessions that a browser sends. */
export function readSessions(cookies: string | null | undefined): readonly KeptSession[] {
  const kept = (cookies ?? '').split(';').flatMap((cookie) => {
    const [name = '', value = ''] = cookie.trim().split('=')
    const [, id, note = ''] = VALUE.exec(value) ?? []
    return NAME.test(name) && id !== undefined ? [{ id, note }] : []
  })
  return kept.slice(0, 2 * MAX_SESSIONS)
}

/** Keeps a session for so many seconds; 0: forgets it. */
export const sessionCookie = ({ id, note }: KeptSession, scope: CookieScope, maxAgeSeconds: number): Header => [
  'Set-Cookie',
  [
    `${nameOf(id, scope)}=${maxAgeSeconds > 0 ? id + note : ''}`,
    `Max-Age=${maxAgeSeconds}`,
    `Path=${scope.path}`,
    'HttpOnly',
    'SameSite=Strict',
    ...(scope.secure ? ['Secure'] : []),
  ].join('; '),
]

/** The path of a target, as far as a cookie can have it: one with a semicolon in it ends at the folder before. */
export function cookiePath(target: string): string {
  const [path = '/'] = target.split('?')
  const whole = /^\/[\w!#$%&'()*+,./:=@~-]*/.exec(path)?.[0] ?? '/'
  return whole === path ? path : whole.slice(0, whole.lastIndexOf('/') + 1)
}
