/** How a node reads the fields of a request: every scalar is text to it, whatever JSON type it had. */
import { NodeRefusedError } from '../errors.ts'
import type { BlockHash, NanoAddress } from '../nano/index.ts'
import { decodeAccount, decodeHex } from './text.ts'

/** One call, with the node's way of reading its fields. Every reader throws `NodeRefusedError` with the node's text. */
export interface RpcRequest {
  readonly action: string
  /** A required field. */
  text(name: string): string
  optional(name: string): string | undefined
  /** `true`, `"true"`, `1` and `"1"` are true; what is none of the spellings of false either is the default. */
  flag(name: string, fallback?: boolean): boolean
  list(name: string): readonly string[]
  /** A required field as it came. */
  json(name: string): unknown
  account(name?: string): NanoAddress
  hash(name?: string, error?: string): BlockHash
  /** A whole number; -1 is "all". */
  count(name: string, fallback?: number): number
  /** The error to throw. */
  refusal(nodeError: string): NodeRefusedError
}

const scalar = (value: unknown) => (typeof value === 'object' && value !== null ? '' : String(value))

/** Wraps the fields of a call. */
export function readRequest(action: string, fields: Readonly<Record<string, unknown>>): RpcRequest {
  const refusal = (nodeError: string) => new NodeRefusedError(action, nodeError)
  const json = (name: string): unknown => {
    const value = fields[name]
    if (value === undefined) throw refusal('Unable to parse JSON')
    return value
  }
  const text = (name: string) => scalar(json(name))
  const optional = (name: string) => (fields[name] === undefined ? undefined : scalar(fields[name]))
  return {
    action,
    refusal,
    json,
    text,
    optional,
    flag(name, fallback = false) {
      const value = optional(name)
      if (value === 'true' || value === '1') return true
      return value === 'false' || value === '0' ? false : fallback
    },
    list(name) {
      const value = json(name)
      if (typeof value !== 'object' || value === null) return []
      return Object.values(value).map(scalar)
    },
    account(name = 'account') {
      const account = decodeAccount(text(name))
      if (!account) throw refusal('Bad account number')
      return account
    },
    hash(name = 'hash', error = 'Invalid block hash') {
      const hash = decodeHex(text(name), 64)
      if (hash === undefined) throw refusal(error)
      return hash as BlockHash
    },
    count(name, fallback) {
      const value = fallback === undefined ? text(name) : optional(name)
      if (value === undefined) return fallback ?? 0
      if (value === '-1') return Number.POSITIVE_INFINITY
      if (!/^[0-9]+$/.test(value)) throw refusal(`Invalid ${name}`)
      return Number(value)
    },
  }
}
