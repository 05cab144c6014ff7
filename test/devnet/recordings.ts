/** The recorded answers of a real node (test/node/recordings.json), and the blocks that occur in them. */
import { readFileSync } from 'node:fs'
import { type BlockHash, parseBlock } from 'nano402/nano'

export interface Recording {
  readonly file: string
  /** An object, or the text that was sent. */
  readonly request: unknown
  /** `null`: not known. */
  readonly response: unknown
  readonly note: string
  readonly http?: {
    readonly method?: string
    readonly status_line: string
    readonly headers: readonly [string, string][]
  }
  /** The answer's body as it came, where it was kept. */
  readonly body?: string
}

type Json = Readonly<Record<string, unknown>>

const read = (name: string) => JSON.parse(readFileSync(new URL(`../node/${name}`, import.meta.url), 'utf8'))

export const recordings: readonly Recording[] = read('recordings.json').recordings

/** Signature and work of the sends that 436 and 437 made. */
export const timingSends: readonly (readonly [string, string])[] = read('timing-sends.json').sends

/** The number in front of a recording's name. */
export const numberOf = ({ file }: Recording): number => Number(file.slice(0, 3))

/** Whether a recording is about HTTP and not about what is asked (http.test.ts plays those). */
export const isRawHttp = (recording: Recording): boolean =>
  numberOf(recording) <= 20 || (numberOf(recording) >= 458 && numberOf(recording) <= 463)

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Every text inside a value, names of fields included. */
export function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => [name, ...textsIn(inner)])
}

export const hashesIn = (value: unknown): BlockHash[] =>
  textsIn(value).filter((text): text is BlockHash => /^[0-9A-F]{64}$/.test(text))

function blocksIn(value: unknown): Json[] {
  if (typeof value === 'string') return value.startsWith('{') ? blocksIn(parsed(value)) : []
  if (typeof value !== 'object' || value === null) return []
  const inner = Object.values(value).flatMap(blocksIn)
  return 'signature' in value && 'type' in value ? [value as Json, ...inner] : inner
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export interface PooledBlock {
  readonly json: Json
  /** What has to be there first. */
  readonly after: readonly BlockHash[]
}

/** Every block that the node had at some time: those in its answers, and those it took. */
export function blockPool(): ReadonlyMap<BlockHash, PooledBlock> {
  const pool = new Map<BlockHash, PooledBlock>()
  for (const { request, response } of recordings) {
    const wasTaken = isObject(response) && ('hash' in response || 'started' in response)
    for (const json of [...blocksIn(response), ...(wasTaken ? blocksIn(request) : [])]) {
      const hash = tryHash(json)
      if (hash && !pool.has(hash)) {
        pool.set(hash, { json, after: [json.previous, json.link, json.source].filter((text) => text) as BlockHash[] })
      }
    }
  }
  return pool
}

function tryHash(json: Json): BlockHash | undefined {
  try {
    return parseBlock(json).hash
  } catch {
    return undefined
  }
}
