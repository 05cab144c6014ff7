/**
 * The target of a request, as proxy and upstream must both read it. What two programs could read in two ways is refused, so
 * that what was matched, and paid for, is what is sent on, letter by letter.
 */

/** A target in its one spelling. */
export interface Target {
  /** Path and query as they are sent on. */
  readonly text: string
  /** The parts of the path as they are matched: `/a/B` and `/a/b/` have `a` and `b`, `/` has none. */
  readonly segments: readonly string[]
}

/** What RFC 3986 lets stand in a path, but for the semicolon, at which some servers end a segment. */
const PATH = /^[A-Za-z0-9\-._~!$&'()*+,=:@%/]*$/
const QUERY = /^[!"$-~]*$/
const UNRESERVED = /^[A-Za-z0-9\-._~]$/
/** What ends a segment, a path or a text for one program or another, and what would be decoded twice. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const STRUCTURE = /[/\\;?#\u0000-\u001f\u007f]|%[0-9a-f]{2}/i

/** Reads the target of a request. @returns A sentence for the client where it is refused. */
export function readTarget(target: string): Target | string {
  if (!target.startsWith('/')) return 'Ask for a path, not for a whole URL.'
  const [path = ''] = target.split('?')
  const query = target.slice(path.length)
  if (!PATH.test(path)) return 'The path has a character that has no place in one, or must be percent-encoded.'
  if (!QUERY.test(query)) return 'The query has a character that must be percent-encoded.'
  const written = path.slice(1).split('/')
  if (written.at(-1) === '') written.pop() // a slash at the end
  const segments: string[] = []
  for (const segment of written) {
    const plain = decode(segment)?.normalize('NFKC') // what looks like a dot or a slash is one for some
    if (plain === undefined) return 'The path has a percent sign that encodes no character of UTF-8.'
    if (plain === '' || plain === '.' || plain === '..') return 'The path has an empty or a dot segment.'
    if (STRUCTURE.test(plain)) return 'The path has an encoded slash, backslash, percent or other sign of structure.'
    segments.push(fold(plain))
  }
  return { text: respell(path) + query, segments }
}

/** Letters that are one letter in another case are one letter: many servers do not tell them apart. */
export const fold = (segment: string): string => segment.toUpperCase().toLowerCase()

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** What needs no percent sign has none (RFC 3986 §6.2.2.2), and what is encoded is in upper case. */
const respell = (path: string): string =>
  path.replace(/%([0-9a-f]{2})/gi, (written, digits: string) => {
    const letter = String.fromCharCode(Number.parseInt(digits, 16))
    return UNRESERVED.test(letter) ? letter : written.toUpperCase()
  })
