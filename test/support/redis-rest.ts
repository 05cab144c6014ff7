/** A small Redis over REST in front of a real one: commands as JSON lists, `{ result }` or `{ error }` back. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import type { RedisServer } from './redis.ts'

export const TOKEN = 'a-token-of-the-test-suite'

export async function startRedisRest({ url }: Pick<RedisServer, 'url'>) {
  const client = new Redis(url, { maxRetriesPerRequest: 0 })
  client.on('error', () => {})
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: unknown) => response.writeHead(status).end(JSON.stringify(body))
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return answer(401, { error: 'Unauthorized' })
    const command: [string, ...string[]] = JSON.parse(await text(request))
    return client.call(...command).then(
      (result) => answer(200, { result }),
      (error) => answer(400, { error: error.message }),
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://:${TOKEN}@127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      client.disconnect()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
