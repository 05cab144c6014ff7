import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sqliteStore } from 'nano402/stores/sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stoppedClock } from './clock.ts'

const HOUR = 3_600_000
const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + HOUR }

let directory: string
let path: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nano402-'))
  path = join(directory, 'claims.sqlite')
})
const children = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await rm(directory, { recursive: true })
})

type Order = { readonly ids: readonly string[]; readonly leaseMs: number; readonly commit: boolean }
type Done = { readonly won: readonly string[]; readonly epochMs: number }

/** Starts a process that has the file open; `run` lets it work and resolves when it has. */
async function startProcess(owner: string) {
  const program = fileURLToPath(new URL('./sqlite-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, path, owner], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.add(child)
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async () => (await lines.next()).value as string
  expect(await line()).toBe('open')
  return {
    run: async (order: Order): Promise<Done> => {
      child.stdin.write(`${JSON.stringify(order)}\n`)
      return JSON.parse(await line())
    },
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

test('what one connection claims, another sees at once', async () => {
  const [one, two] = [await sqliteStore(path), await sqliteStore(path)]
  expect(await one.claim('a', 'one', limits)).toBe('claimed')
  expect(await two.claim('a', 'two', limits)).toBe('held')
  expect(await one.commit('a', 'one', limits.keepUntilMs)).toBe(true)
  expect(await two.claim('a', 'two', limits)).toBe('spent')
  expect(await one.write('key', 0, 'value', limits.keepUntilMs)).toBe(true)
  expect(await two.write('key', 0, 'other', limits.keepUntilMs)).toBe(false)
  expect(await two.read('key')).toEqual({ version: 1, value: 'value' })
  expect(await two.epochMs()).toBe(await one.epochMs())
  await one.close()
  await two.close()
})

test('claims, attempts, records and the epoch are still there when the file is opened again', async () => {
  const first = await sqliteStore(path)
  await first.claim('spent', 'one', limits)
  await first.commit('spent', 'one', limits.keepUntilMs)
  await first.claim('held', 'one', limits)
  await first.claim('used up', 'one', limits)
  await first.release('used up', 'one')
  await first.write('key', 0, 'value', limits.keepUntilMs)
  const epochMs = await first.epochMs()
  await first.close()

  const again = await sqliteStore(path)
  expect(await again.claim('spent', 'two', limits)).toBe('spent')
  expect(await again.claim('held', 'two', limits)).toBe('held')
  expect(await again.claim('used up', 'two', { ...limits, attempts: 1 })).toBe('exhausted')
  expect(await again.read('key')).toEqual({ version: 1, value: 'value' })
  expect(await again.epochMs()).toBe(epochMs)
  await again.close()
})

test('two processes racing for a hundred claims win each of them once, and agree on the epoch', async () => {
  const [one, two] = await Promise.all([startProcess('one'), startProcess('two')])
  const ids = Array.from({ length: 100 }, (_, i) => `id ${i}`)
  const order = { ids, leaseMs: 60_000, commit: true }
  const [first, second] = await Promise.all([one.run(order), two.run(order)])
  expect([...first.won, ...second.won].sort()).toEqual(ids.toSorted())
  expect(first.epochMs).toBe(second.epochMs)
})

test('after kill -9 a committed claim is spent, and an open one is free once its lease ends', async () => {
  const child = await startProcess('child')
  await child.run({ ids: ['spent'], leaseMs: 60_000, commit: true })
  await child.kill()
  const other = await startProcess('other')
  await other.run({ ids: ['held'], leaseMs: 60_000, commit: false })
  await other.kill()

  const { now, advance } = stoppedClock()
  advance(Date.now() - now())
  const store = await sqliteStore(path, { now })
  const kept = { ...limits, keepUntilMs: now() + HOUR }
  expect(await store.claim('spent', 'two', kept)).toBe('spent')
  expect(await store.claim('held', 'two', kept)).toBe('held')
  advance(60_000)
  expect(await store.claim('held', 'two', kept)).toBe('claimed')
  await store.close()
})

test('what may be forgotten is deleted as new claims come, and nothing else', async () => {
  const { now, advance } = stoppedClock()
  const store = await sqliteStore(path, { now })
  const kept = { leaseMs: 1, attempts: 1, keepUntilMs: now() + HOUR }
  const old = { ...kept, keepUntilMs: now() + 1000 }
  await store.claim('kept', 'one', kept)
  await store.claim('held', 'one', { ...old, leaseMs: HOUR })
  for (let i = 0; i < 60; i++) await store.claim(`old ${i}`, 'one', old)
  await store.write('old', 0, 'value', now() + 1000)
  advance(2000)
  for (let i = 0; i < 50; i++) await store.claim(`new ${i}`, 'one', kept)

  expect(await store.commit('old 0', 'one', now())).toBe(false)
  expect(await store.commit('old 59', 'one', now())).toBe(false)
  expect(await store.claim('kept', 'two', kept)).toBe('exhausted')
  expect(await store.claim('held', 'two', kept)).toBe('held')
  expect(await store.read('old')).toBeUndefined()
  await store.close()
})

test('a file that cannot be opened is a configuration error that does not spell its path', async () => {
  const error = await sqliteStore(join(directory, 'secret-name', 'claims.sqlite')).catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringContaining('directory') })
  expect(error.message).not.toContain('secret-name')
})

test('a file that is something else is a configuration error', async () => {
  await writeFile(path, 'not a database, but long enough to look like one'.repeat(100))
  await expect(sqliteStore(path)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test.each(['', ':memory:'])('%j is not a file that could keep a claim', async (notAFile) => {
  await expect(sqliteStore(notAFile)).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test('a text that only looks like a database elsewhere is a file in the working directory', async () => {
  await expect(sqliteStore('http://127.0.0.1:1/claims')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
  await expect(sqliteStore('file::memory:?cache=shared/claims')).rejects.toMatchObject({ code: 'ERR_CONFIG' })
})

test('what SQLite refuses is a StoreError without the SQL', async () => {
  const store = await sqliteStore(path)
  const error = await store.write('key', 0, undefined as unknown as string, limits.keepUntilMs).catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_STORE' })
  expect(error.message).not.toMatch(/INSERT|records/)
  await store.close()
})
