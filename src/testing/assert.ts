/** What a contract case expects, in words, without a test runner. */

/** Throws when two plain values differ. `what` names the value in a sentence: "the claim of a second owner". */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [was, wanted] = [show(actual), show(expected)]
  if (was !== wanted) throw new Error(`Expected ${what} to be ${wanted}, but it was ${was}.`)
}

/** One text for equal values: keys in one order, bigints as `5n`. */
const show = (value: unknown): string => JSON.stringify(value, inOneOrder) ?? 'undefined'

function inOneOrder(_key: string, part: unknown): unknown {
  if (typeof part === 'bigint') return `${part}n`
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
  return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
}
