import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileJournal, type Journal, type JournalEntry, memoryJournal } from 'nano402/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Acknowledged } from '../../src/channel/wire.ts'
import { openFileJournal as webFileJournal } from '../../src/client/file-journal.web.ts'
import { saysMore } from '../../src/client/folding.ts'

const DAY_MS = 86_400_000

const entry = (hash: string, change: Partial<JournalEntry> = {}): JournalEntry => ({
  hash,
  state: 'delivered',
  atMs: Date.now(),
  key: 'k',
  origin: 'https://a.example',
  payTo: 'nano_1',
  amount: '5',
  ...change,
})
/** What would be needed to present it again; here nobody does. */
const unfinished = { method: 'GET', url: 'https://a.example/', block: {}, resource: {}, offer: {}, payload: {} }
const openEntry = (hash: string, change: Partial<JournalEntry> = {}) =>
  entry(hash, {
    state: 'signed',
    unfinished: { ...unfinished, expiresAtMs: 0 } as unknown as NonNullable<JournalEntry['unfinished']>,
    ...change,
  })

async function journalPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'nano402-journal-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  return join(directory, 'payments.jsonl')
}

const lines = async (path: string) => (await readFile(path, 'utf8')).split('\n').length - 1

const KINDS: [string, () => Promise<{ journal: Journal; reopen: () => Journal }>][] = [
  [
    'a journal in memory',
    async () => {
      const journal = memoryJournal()
      return { journal, reopen: () => journal }
    },
  ],
  [
    'a journal in a file',
    async () => {
      const path = await journalPath()
      return { journal: fileJournal(path), reopen: () => fileJournal(path) }
    },
  ],
]

describe.each(KINDS)('%s', (_, make) => {
  test('is empty at first', async () => {
    expect(await (await make()).journal.load()).toEqual([])
  })

  test('gives the last entry of each payment, in the order in which they began', async () => {
    const { journal, reopen } = await make()
    const [a, b] = [entry('A'), openEntry('B')]
    await Promise.all([openEntry('A'), b, a].map((each) => journal.put(each)))
    expect(await reopen().load()).toEqual([a, b])
  })

  test('forgets what moved nothing', async () => {
    const { journal, reopen } = await make()
    await journal.put(openEntry('A'))
    await journal.put(entry('A', { state: 'void' }))
    expect(await reopen().load()).toEqual([])
  })

  test('forgets the proof of a payment that is past use, and not what it cost; one that may not be published stays', async () => {
    const { journal, reopen } = await make()
    const pastUse = { atMs: Date.now() - 3 * DAY_MS, state: 'confirmed' } as const
    const ranOut = { ...openEntry('X').unfinished, expiresAtMs: Date.now() - 1.9 * DAY_MS } as never
    await journal.put(openEntry('A', pastUse))
    await journal.put(openEntry('B', { ...pastUse, state: 'published' }))
    await journal.put(openEntry('C', { ...pastUse, state: 'signed' }))
    await journal.put(openEntry('D', { ...pastUse, unfinished: ranOut }))
    const kept = await reopen().load()
    expect(kept.map(({ hash, amount, unfinished }) => [hash, amount, unfinished !== undefined])).toEqual([
      ['sum https://a.example nano_1', '10', false],
      ['C', '5', true],
      ['D', '5', true],
    ])
  })

  test('adds up what ended long ago, and keeps what did not end', async () => {
    const { journal, reopen } = await make()
    const old = { atMs: Date.now() - DAY_MS - 1 }
    for (const hash of ['A', 'B', 'C']) await journal.put(entry(hash, old))
    await journal.put(entry('D', { ...old, origin: 'https://b.example' }))
    await journal.put(openEntry('E', old))
    await journal.put(entry('F'))
    const loaded = await reopen().load()
    expect(loaded.map(({ amount, origin }) => [amount, origin])).toEqual([
      ['15', 'https://a.example'],
      ['5', 'https://b.example'],
      ['5', 'https://a.example'],
      ['5', 'https://a.example'],
    ])
    expect(loaded.map(({ hash }) => hash).slice(2)).toEqual(['E', 'F'])
    expect(await reopen().load()).toEqual(loaded)
  })
})

test('a receipt is kept over another if it is of a larger deposit, or of the same and a larger charge', () => {
  const said = (deposit: string, charged: string) => ({ channelState: { deposit, charged } }) as never as Acknowledged
  expect(saysMore(said('20', '1'), said('10', '9'))).toBe(true)
  expect(saysMore(said('10', '9'), said('20', '1'))).toBe(false)
  expect(saysMore(said('20', '10'), said('20', '9'))).toBe(true)
  expect(saysMore(said('20', '9'), said('20', '10'))).toBe(false)
})

describe('a journal in a file', () => {
  test('drops a last line that was torn by a crash, and goes on after it', async () => {
    const path = await journalPath()
    const [a, c] = [openEntry('A'), openEntry('C')]
    await fileJournal(path).put(a)
    await appendFile(path, JSON.stringify(openEntry('B')).slice(0, 40))
    const journal = fileJournal(path)
    expect(await journal.load()).toEqual([a])
    await journal.put(c)
    expect(await fileJournal(path).load()).toEqual([a, c])
  })

  test('refuses to go on when another line is damaged', async () => {
    const path = await journalPath()
    await writeFile(path, `{"hash":"A","amo\n${JSON.stringify(entry('B'))}\n`)
    await expect(fileJournal(path).load()).rejects.toMatchObject({
      code: 'ERR_JOURNAL',
      message: expect.stringContaining('Line 1 '),
    })
    for (const change of [{ origin: undefined }, { amount: '-1' }, { state: 'paid' }, { unfinished: { url: '/' } }]) {
      await writeFile(path, `${JSON.stringify(entry('A'))}\n${JSON.stringify({ ...entry('B'), ...change })}\n`)
      await expect(fileJournal(path).load()).rejects.toThrow('Line 2 ')
    }
  })

  test('is readable by its owner only', async () => {
    const path = await journalPath()
    await fileJournal(path).put(entry('A'))
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('is rewritten shorter when most of its lines are of the past', async () => {
    const path = await journalPath()
    await writeFile(path, `${JSON.stringify(openEntry('A'))}\n`.repeat(1_000))
    expect(await fileJournal(path).load()).toHaveLength(1)
    expect(await lines(path)).toBe(1)
  })

  test('that cannot be written says so', async () => {
    const journal = fileJournal(join(await journalPath(), 'no', 'such', 'directory'))
    await expect(journal.put(entry('A'))).rejects.toMatchObject({ code: 'ERR_JOURNAL' })
  })

  test('needs Node', () => {
    expect(() => webFileJournal('x')).toThrow(expect.objectContaining({ code: 'ERR_CONFIG' }))
  })
})
