/** A process of its own for redis.test.ts: claims what it is told to once a line comes in, and says what it has won. */
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { openStore } from '../../src/stores/open.node.ts'

const [url = '', owner = '', ...ids] = process.argv.slice(2)
const store = await openStore(url)
process.stdout.write('open\n')
await once(createInterface(process.stdin), 'line')
const limits = { leaseMs: 60_000, attempts: 3, keepUntilMs: Date.now() + 3_600_000 }
const results = await Promise.all(ids.map((id) => store.claim(id, owner, limits)))
process.stdout.write(`${JSON.stringify(ids.filter((_, i) => results[i] === 'claimed'))}\n`)
await store.close()
