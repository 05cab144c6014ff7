/** How much is tried, and what is made of a value that a stranger may have bent. */
import fc from 'fast-check'

/** All files together: a little with every `npm test`, a lot with `npm run fuzz`. */
const TOTAL = Number(process.env.FUZZ_RUNS ?? 2_000)
const SEED = process.env.FUZZ_SEED

/** Tries a property as often as its share of all cases, in percent, allows. A failure says its seed. */
export async function fuzz<Ts>(share: number, property: fc.IRawProperty<Ts>): Promise<void> {
  const numRuns = Math.max(1, Math.round((TOTAL * share) / 100))
  await fc.assert(property, { numRuns, ...(SEED !== undefined && { seed: Number(SEED) }) })
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
/** The way to a value within a value. */
type Path = readonly (string | number)[]

const NASTY_KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '',
  'length',
  '0',
  'then',
  'error',
]
const NASTY: readonly Json[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  '0',
  '-1',
  '1e3',
  '0x10',
  'NaN',
  'null',
  'true',
  '1'.repeat(400),
  '9'.repeat(39),
  'F'.repeat(64),
  '0'.repeat(64),
  '\u0000',
  '\ud800',
  '٣',
  [],
  [[]],
  {},
  { length: 3 },
]

/** Any JSON, the nasty ones as often as the others. */
export const anyJson: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
  fc.string({ unit: 'binary', maxLength: 80 }),
)
const anyKey = fc.oneof(fc.constantFrom(...NASTY_KEYS), fc.string({ unit: 'binary', maxLength: 20 }))

/** One change to a value: at one of its places, whatever the place is. */
type Change = (value: Json) => Json

const change = (at: number, bend: (found: Json, whole: Json) => Json | undefined): Change => {
  return (value) => {
    const paths = pathsOf(value)
    const path = paths[at % paths.length] ?? []
    const bent = setAt(value, path, bend(getAt(value, path), value))
    return bent === undefined ? null : bent
  }
}

const changes: fc.Arbitrary<Change> = fc
  .tuple(fc.nat(), fc.nat(), anyJson, anyKey, fc.string({ maxLength: 3 }))
  .chain(([at, other, json, key, text]) =>
    fc.constantFrom(
      change(at, () => undefined),
      change(at, () => json),
      change(at, (found) => [found]),
      change(at, (found) => ({ [key]: found })),
      change(at, (found, whole) => {
        const paths = pathsOf(whole)
        return getAt(whole, paths[other % paths.length] ?? []) ?? found
      }),
      change(at, (found) => (isObject(found) ? { ...found, [key]: json } : JSON.stringify(found))),
      change(at, (found) => bendScalar(found, other, text)),
      change(at, (found) => (Array.isArray(found) ? [...found, json] : (json ?? null))),
    ),
  )

/** A few changes. Sometimes they cancel out. */
export const bending: fc.Arbitrary<Change> = fc
  .array(changes, { minLength: 1, maxLength: 4 })
  .map((all) => (value) => all.reduce((changing, next) => next(changing), value))

export const bent = (value: Json): fc.Arbitrary<Json> => bending.map((bend) => bend(value))

/** A text with a few characters changed, left out or put in, or cut. */
export const bentText = (text: string): fc.Arbitrary<string> =>
  fc
    .array(
      fc.tuple(fc.nat(), fc.constantFrom('replace', 'insert', 'drop', 'cut', 'double'), fc.string({ maxLength: 4 })),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .map((edits) => edits.reduce((edited, [at, kind, piece]) => editText(edited, at, kind, piece), text))

function editText(text: string, position: number, kind: string, piece: string): string {
  const at = text.length === 0 ? 0 : position % text.length
  switch (kind) {
    case 'replace':
      return text.slice(0, at) + piece + text.slice(at + piece.length)
    case 'insert':
      return text.slice(0, at) + piece + text.slice(at)
    case 'drop':
      return text.slice(0, at) + text.slice(at + 1)
    case 'cut':
      return text.slice(0, at)
    default:
      return text + text.slice(at)
  }
}

function bendScalar(found: Json, by: number, piece: string): Json {
  if (typeof found === 'string') return editText(found, by, by % 2 === 0 ? 'replace' : 'insert', piece)
  if (typeof found === 'number') return found + (by % 3) - 1
  if (typeof found === 'boolean') return String(found)
  return piece
}

const isObject = (value: Json): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function pathsOf(value: Json, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Array.isArray(value) ? value.map((item, i) => [i, item] as const) : Object.entries(value)
  return [path, ...inner.flatMap(([key, item]) => pathsOf(item as Json, [...path, key]))]
}

function getAt(value: Json, path: Path): Json {
  return path.reduce<Json>((at, key) => (at as { readonly [key: string]: Json })[key] ?? null, value)
}

/** With undefined the place itself goes. Keys such as `__proto__` become fields like any other. */
function setAt(value: Json, [key, ...rest]: Path, replacement: Json | undefined): Json | undefined {
  if (key === undefined) return replacement
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      const set = i === key ? setAt(item, rest, replacement) : item
      return set === undefined ? [] : [set]
    })
  }
  const fields = Object.entries(value as { readonly [key: string]: Json }).flatMap(([name, item]) => {
    const set = name === key ? setAt(item, rest, replacement) : item
    return set === undefined ? [] : [[name, set] as const]
  })
  return Object.fromEntries(fields)
}
