/** A process of its own for redis-url.test.ts: asks one question of a store, and never closes it. */
import { CLIENTS, openRedis } from '../../src/stores/redis-client.node.ts'

const [url = '', name] = process.argv.slice(2)
const store = await openRedis(url, { clients: CLIENTS.slice(name === 'ioredis' ? 0 : 1).slice(0, 1) })
process.stdout.write('open\n')
const answer = store.inspect('a')
process.stdout.write('asked\n')
await answer
process.stdout.write('answered\n')
