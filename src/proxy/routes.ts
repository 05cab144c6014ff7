/** Which route a request is for: the first that matches. A path is matched by its parts, in any case, with or without a slash at its end. */
import { ConfigError } from '../errors.ts'
import { readTarget } from './target.ts'

/** What a route is for. */
export interface RoutePattern {
  /** Such as `/report`, `/items/:id` (any one part), or `/files/*` (`/files`, and everything below). */
  readonly path: string
  /** Default: all of them. `GET` means HEAD as well. */
  readonly methods?: readonly string[] | undefined
}

/** A request, as far as it is matched. */
export interface Asked {
  readonly method: string
  readonly segments: readonly string[]
}

interface Pattern {
  /** Undefined: whatever stands there. */
  readonly parts: readonly (string | undefined)[]
  readonly isOpen: boolean
  readonly methods: readonly string[] | undefined
}

/**
 * A function that gives the index of the first route that a request is for.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) for a path that is none, and a route that no request would reach.
 */
export function createRouter(routes: readonly RoutePattern[]): (asked: Asked) => number | undefined {
  const patterns = routes.map(parsePattern)
  for (const [i, pattern] of patterns.entries()) {
    const before = patterns.slice(0, i).findIndex((earlier) => covers(earlier, pattern))
    if (before < 0) continue
    throw new ConfigError(
      `routes[${i}].path: no request gets to it, because routes[${before}] (${routes[before]?.path}) takes them all: put it before that one.`,
    )
  }
  return (asked) => {
    const found = patterns.findIndex((pattern) => matches(pattern, asked))
    return found < 0 ? undefined : found
  }
}

function parsePattern({ path, methods }: RoutePattern, i: number): Pattern {
  const isOpen = path.endsWith('/*')
  const closed = isOpen ? path.slice(0, -1) : path
  const target = readTarget(closed)
  if (typeof target === 'string' || /[?*]/.test(closed)) {
    throw new ConfigError(`routes[${i}].path: write /report, /items/:id, or /files/* with the star as its last part.`)
  }
  return {
    parts: target.segments.map((part) => (part.startsWith(':') ? undefined : part)),
    isOpen,
    methods: methods && [...methods, ...(methods.includes('GET') ? ['HEAD'] : [])],
  }
}

const matches = ({ parts, isOpen, methods }: Pattern, { method, segments }: Asked): boolean =>
  (methods?.includes(method) ?? true) &&
  (isOpen ? segments.length >= parts.length : segments.length === parts.length) &&
  parts.every((part, i) => part === undefined || part === segments[i])

/** Whether every request that `inner` matches is one that `outer` does. */
const covers = (outer: Pattern, inner: Pattern): boolean =>
  (outer.methods === undefined || (inner.methods?.every((method) => outer.methods?.includes(method)) ?? false)) &&
  (outer.isOpen
    ? inner.parts.length >= outer.parts.length
    : !inner.isOpen && inner.parts.length === outer.parts.length) &&
  outer.parts.every((part, i) => part === undefined || part === inner.parts[i])
