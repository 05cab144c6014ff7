/** A journal in a file: one line of JSON for each change, on the disk before the payment goes on. */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { JournalError } from '../errors.ts'
import { foldEntries } from './folding.ts'
import { isEntry, type Journal, type JournalEntry } from './journal.ts'

/** A file with fewer lines is not worth rewriting. */
const FOLD_FROM = 1_000

/** See `file-journal.ts`. */
export function openFileJournal(path: string): Journal {
  let last: Promise<unknown> = Promise.resolve()
  /** Lines that wait for those before them to be on the disk, and go there together. */
  let waiting: { readonly lines: string[]; readonly written: Promise<void> } | undefined
  /** How many lines the file has, and how many were left when it was last shortened. */
  let [length, kept] = [0, 0]
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const turn = last.then(task).catch((error: unknown) => {
      if (error instanceof JournalError) throw error
      throw new JournalError(`The payment journal ${path} cannot be used.`, { cause: error })
    })
    last = turn.catch(() => {})
    return turn
  }

  async function read(): Promise<readonly JournalEntry[]> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    const lines = whole.split('\n').slice(0, -1)
    const entries = foldEntries(lines.map(parseLine), Date.now())
    ;[length, kept] = [lines.length, entries.length]
    // What is appended must not be glued to a torn line, so the file is rewritten without it.
    if (whole !== text || isLong()) {
      await replace(path, entries)
      length = kept
    }
    return entries
  }
  const isLong = () => length >= Math.max(FOLD_FROM, 2 * kept)

  async function write(lines: readonly string[]): Promise<void> {
    await writeSynced(path, 'a', lines.join(''))
    length += lines.length
    // The lines are on the disk: that they could not be shortened costs nobody a payment.
    if (isLong()) await read().catch(() => {})
  }

  return {
    load: () => inTurn(read),
    put(entry) {
      const line = `${JSON.stringify(entry)}\n`
      if (waiting) {
        waiting.lines.push(line)
        return waiting.written
      }
      const lines = [line]
      const written = inTurn(() => {
        waiting = undefined
        return write(lines)
      })
      waiting = { lines, written }
      return written
    },
  }
}

function parseLine(line: string, index: number): JournalEntry {
  try {
    const entry: unknown = JSON.parse(line)
    if (isEntry(entry)) return entry
  } catch {
    // Said below.
  }
  throw new JournalError(`Line ${index + 1} of the payment journal is damaged: repair it, or payments are forgotten.`)
}

/** Renaming is one step: after a crash there is the old file or the new one. */
async function replace(path: string, entries: readonly JournalEntry[]): Promise<void> {
  await writeSynced(`${path}.new`, 'w', entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
  await rename(`${path}.new`, path)
  await syncDirectory(path)
}

async function writeSynced(path: string, flags: 'a' | 'w', text: string): Promise<void> {
  const file = await open(path, flags, 0o600)
  try {
    const { size } = await file.stat()
    try {
      await file.writeFile(text)
      await file.datasync() // the bytes and the length; when it was changed does not matter
    } catch (error) {
      await file.truncate(size) // half a line would spoil the next one
      throw error
    }
    // A new file is only there once its directory knows it.
    if (size === 0) await syncDirectory(path)
  } finally {
    await file.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  await directory.sync().finally(() => directory.close())
}
