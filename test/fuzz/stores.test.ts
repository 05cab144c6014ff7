import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'

const directory = mkdtempSync(join(tmpdir(), 'nano402-'))
let stores: readonly Store[]
beforeAll(async () => {
  stores = [memoryStore(), await sqliteStore(join(directory, 'claims.sqlite'))]
})
afterAll(async () => {
  for (const store of stores) await store.close()
  rmSync(directory, { recursive: true })
})

/**
 * Well-formed text of any kind, but without zeros, at which some drivers of SQLite end a text. Our ids are ASCII, and our
 * values JSON, which writes a zero otherwise.
 */
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }).map((any) => any.replaceAll('\0', '0')),
  fc.constantFrom('__proto__', 'constructor', '', "' OR 1=1 --", '%', '_', '*', 'a:b', '\r\n', 'é', 'e\u0301', 'null'),
  fc.string({ minLength: 1_000, maxLength: 5_000 }),
)

test('ids, owners and values are opaque: any text is itself alone, and comes back as it went in', async () => {
  let run = 0
  await fuzz(
    1,
    fc.asyncProperty(text, text, text, text, async (id, other, owner, value) => {
      const prefix = `run ${run++} `
      const limits = { leaseMs: 60_000, attempts: 2, keepUntilMs: Date.now() + 60_000 }
      for (const store of stores) {
        const [mine, others] = [prefix + id, prefix + other]
        expect(await store.claim(mine, owner, limits)).toBe('claimed')
        expect(await store.claim(mine, `${owner} `, limits)).toBe('held')
        if (mine !== others) expect(await store.claim(others, `${owner}'`, limits)).toBe('claimed')
        expect(await store.commit(mine, `${owner} `, limits.keepUntilMs)).toBe(false)
        expect(await store.commit(mine, owner, limits.keepUntilMs)).toBe(true)
        expect(await store.claim(mine, 'another', limits)).toBe('spent')
        expect(await store.inspect(mine)).toMatchObject({ state: 'spent', attempts: 1 })
        expect(await store.write(mine, 0, value, limits.keepUntilMs)).toBe(true)
        expect(await store.read(mine)).toEqual({ version: 1, value })
        if (mine !== others) expect(await store.read(others)).toBeUndefined()
      }
    }),
  )
})
