import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { redisOverRest, redisStore } from 'nano402/stores/redis'
import { expect, onTestFinished, test } from 'vitest'

/** A server that answers as it is told to. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const failureAt = (url: string) =>
  redisStore(redisOverRest(url, { timeoutMs: 200 })).then(
    () => undefined,
    (error) => ({ code: error.code, message: error.message }),
  )

test.each([
  ['http://:a%2Fsecret@HOST/redis', 'a/secret', '/redis'],
  ['http://a-secret@HOST', 'a-secret', '/'],
  ['http://HOST/redis?token=a%2Fsecret&x=1', 'a/secret', '/redis?x=1'],
])('%s: the token goes into a header, and a command into the body', async (url, token, path) => {
  const seen: unknown[] = []
  const host = await serve(async (request, response) => {
    const { method, url, headers } = request
    seen.push({ method, url, authorization: headers.authorization, command: JSON.parse(await text(request)) })
    response.end('{"result":"PONG"}')
  })
  expect(await redisOverRest(url.replace('HOST', host))('PING', 'é')).toBe('PONG')
  expect(seen).toEqual([{ method: 'POST', url: path, authorization: `Bearer ${token}`, command: ['PING', 'é'] }])
})

test.each([
  'https://redis.example',
  'https://redis.example?token=',
  'https://:a%0Asecret@redis.example',
  'https://:%zz@h',
])('%s has no token that could be sent, and is not repeated', (url) => {
  const expected = { code: 'ERR_CONFIG', message: expect.stringMatching(/^Redis over REST .*token/) }
  expect(() => redisOverRest(url)).toThrow(expect.objectContaining(expected))
  expect(() => redisOverRest(url)).not.toThrow(/secret|redis\.example|zz/)
})

test.each(['', 'redis://:secret@host', 'not a secret'])('%j is no address', (url) => {
  expect(() => redisOverRest(url)).toThrow('Redis over REST needs an http or https URL.')
})

/** Answers, and the reason that is given for refusing them. */
const answers: Readonly<Record<string, readonly [RequestListener, string]>> = {
  'a redirect': [(_, response) => response.writeHead(307, { location: '/elsewhere' }).end(), 'HTTP status 307'],
  'a page': [(_, response) => response.end('<html>secret</html>'), 'a reply of another kind'],
  'half of an answer': [(_, response) => response.end('{"result":'), 'a reply of another kind'],
  nothing: [(_, response) => response.end(), 'a reply of another kind'],
  'a list': [(_, response) => response.end('["1700000000000"]'), 'a reply of another kind'],
  null: [(_, response) => response.end('null'), 'a reply of another kind'],
  'no result': [(_, response) => response.end('{}'), 'a reply of another kind'],
  'bytes that are no text': [
    (_, response) => response.end(Buffer.from([0x22, 0xff, 0x22])),
    'ERR_ENCODING_INVALID_ENCODED_DATA',
  ],
  'a result with status 500': [
    (_, response) => response.writeHead(500).end('{"result":"1700000000000"}'),
    'HTTP status 500',
  ],
  'a refusal': [(_, response) => response.writeHead(401).end('{"error":"WRONGPASS secret"}'), 'HTTP status 401'],
  'an error of Redis': [(_, response) => response.writeHead(400).end('{"error":"NOPERM to secret"}'), 'NOPERM'],
  'a connection that breaks': [(_, response) => response.destroy(), 'the command failed'],
  'an answer that breaks off': [
    (_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"result":"')
      setImmediate(() => response.destroy())
    },
    'the command failed',
  ],
  silence: [() => {}, 'the command failed'],
  'an answer that never ends': [(_, response) => void response.write('{"result":"'), 'the command failed'],
}

test.each(Object.entries(answers))('%s is a StoreError that quotes nothing', async (_, [listener, reason]) => {
  const paths: unknown[] = []
  const host = await serve((request, response) => {
    paths.push(request.url)
    listener(request, response)
  })
  const message = `Redis gave no usable answer: ${reason}.`
  expect(await failureAt(`http://:token@${host}/redis`)).toEqual({ code: 'ERR_STORE', message })
  expect(paths).toEqual(['/redis'])
})

test('an endless answer is given up after 4 MB', async () => {
  let sent = 0
  const host = await serve((_, response) => {
    const more = () => {
      for (let ok = true; ok && !response.destroyed; sent += 65_536) ok = response.write('x'.repeat(65_536))
    }
    response.on('drain', more)
    more()
  })
  const error = await redisOverRest(`http://:token@${host}`)('PING').catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_STORE', message: expect.stringContaining('bytes') })
  expect(sent).toBeLessThan(32_000_000)
})

test('nobody there is a StoreError with the reason of the system', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  expect(await failureAt(`http://:token@127.0.0.1:${port}`)).toEqual({
    code: 'ERR_STORE',
    message: 'Redis gave no usable answer: ECONNREFUSED.',
  })
})
