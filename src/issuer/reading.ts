/** What strangers send to an issuer, read strictly. */
import { parseRaw } from '../nano/index.ts'
import { MAX_KEYS, type SessionKey } from './account.ts'

const MAX_KEY_MS = 366 * 86_400_000

/** The id of a channel, in its one spelling. */
export const isChannelId = (id: string): boolean => /^[0-9A-F]{64}$/.test(id)

/** The name of a withdrawal. */
export const isWithdrawalId = (id: unknown): id is string => typeof id === 'string' && /^[A-Za-z0-9_-]{8,64}$/.test(id)

/** An amount in raw; undefined for everything else. */
export function readAmount(value: unknown): bigint | undefined {
  try {
    return parseRaw(value)
  } catch {
    return undefined
  }
}

/** The fields of a body, if it has no others. */
export function fieldsOf(body: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null) return {}
  return Object.keys(body).every((name) => names.includes(name)) ? (body as Readonly<Record<string, unknown>>) : {}
}

/** `{ keys: [{ key, expiresAt }] }`, each key once, and none for longer than a year. */
export function readKeys(body: unknown, nowMs: number): readonly SessionKey[] | undefined {
  const { keys } = fieldsOf(body, ['keys'])
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return undefined
  const read = keys.map((one) => {
    const { key, expiresAt } = fieldsOf(one, ['key', 'expiresAt'])
    if (typeof key !== 'string' || !/^[0-9A-F]{64}$/.test(key) || !Number.isSafeInteger(expiresAt)) return undefined
    const expiresAtMs = 1_000 * (expiresAt as number)
    return expiresAtMs > nowMs && expiresAtMs <= nowMs + MAX_KEY_MS ? { key, expiresAtMs } : undefined
  })
  const all = read.filter((one) => one !== undefined)
  return all.length === keys.length && new Set(all.map(({ key }) => key)).size === all.length ? all : undefined
}
