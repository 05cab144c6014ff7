/** A process of its own for sqlite.test.ts: opens the file, says so, and does what the next line of its input says. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { sqliteStore } from '../../src/stores/sqlite.ts'

const [path = '', owner = ''] = process.argv.slice(2)
const store = await sqliteStore(path)
process.stdout.write('open\n')
const [line] = await once(createInterface(process.stdin), 'line')
const { ids, leaseMs, commit }: { ids: readonly string[]; leaseMs: number; commit: boolean } = JSON.parse(line)

const keepUntilMs = Date.now() + 3_600_000
const won: string[] = []
for (const id of ids) {
  if ((await store.claim(id, owner, { leaseMs, attempts: 2, keepUntilMs })) !== 'claimed') continue
  won.push(id)
  if (commit) await store.commit(id, owner, keepUntilMs)
}
// Stays up afterwards, as a server does: the test kills it.
process.stdout.write(`${JSON.stringify({ won, epochMs: await store.epochMs() })}\n`)
