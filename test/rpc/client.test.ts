import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { createRpc, GENESIS } from 'nano402/rpc'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createBreaker } from '../../src/rpc/breaker.ts'
import { everythingSaid, failure, serve } from './support.ts'

const VERSION = { node_vendor: 'Nano V27.1' }
const DEV_GENESIS = {
  contents: {
    type: 'open',
    source: 'B0311EA55708D6A53C75CDBF88300259C6D018522FE3D4D0A242E431F9E8B6D0',
    representative: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
    account: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
    work: '7b42a00ee91d5810',
    signature:
      'ECDA914373A2F0CA1296475BAEE40500A7F0A7AD72A5A80C81D7FAB7F6C802B2CC7DB50F5DD0FB25B2EF11761FA7344A158DD5A700B21BD47DE5BD0F63153A02',
  },
}
const MAIN_GENESIS = {
  contents: {
    type: 'open',
    source: 'E89208DD038FBB269987689621D52292AE9C35941A7484756ECCED92A65093BA',
    representative: 'xrb_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3',
    account: 'xrb_3t6k35gi95xu6tergt6p69ck76ogmitsa8mnijtpxm9fkcm736xtoncuohr3',
    work: '62f05417dd3fb691',
    signature:
      '9F0C933C8ADE004D808EA1985FA746A7E95BA2A38F867640F53EC8F180BDFE9E2C1268DEAD7C2664F356E37ABA362BC58E46DBA03E523A7B5A19E4B6EB12BB02',
  },
}

test('a question goes out as JSON with the action, the key and the headers, and its answer comes back', async () => {
  const server = await serve(() => VERSION)
  const endpoint = { url: server.url, key: 'the-key', headers: { authorization: 'Bearer token' } }
  const answer = await createRpc({ endpoints: [endpoint] }).call('version', { account: 'x' })
  expect(answer).toEqual(VERSION)
  expect(server.asked[0]?.body).toEqual({ action: 'version', account: 'x', key: 'the-key' })
  expect(server.asked[0]?.headers).toMatchObject({ authorization: 'Bearer token', 'content-type': 'application/json' })
})

test('user and password of a URL travel as basic authorization', async () => {
  const server = await serve(() => VERSION)
  await createRpc({ endpoints: [server.url.replace('//', '//me:pass%20word@')] }).call('version', {})
  expect(server.asked[0]?.headers.authorization).toBe(`Basic ${btoa('me:pass word')}`)
})

describe('an answer that is none', () => {
  test.each<[string, string, Parameters<typeof serve>[0]]>([
    ['HTML', 'not a JSON object', (_, r) => void r.end('<!doctype html><p>Welcome')],
    ['half JSON', 'not a JSON object', (_, r) => void r.end('{"blocks": {"A')],
    ['nothing', 'not a JSON object', (_, r) => void r.end()],
    ['a list', 'not a JSON object', () => []],
    ['null', 'not a JSON object', () => null],
    ['bytes that are no UTF-8', 'broke off', (_, r) => void r.end(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['status 429', 'HTTP status 429', (_, r) => void r.writeHead(429).end('{"node_vendor":"Nano"}')],
    ['status 500', 'HTTP status 500', (_, r) => void r.writeHead(500).end('{"error":"Account not found"}')],
    ['status 201', 'HTTP status 201', (_, r) => void r.writeHead(201).end('{}')],
    ['a redirect', 'HTTP status 307', (_, r) => void r.writeHead(307, { location: 'http://192.0.2.1/' }).end()],
    ['an error that is no text', 'not a text', () => ({ error: { code: 1 } })],
    ['a cut connection', 'the connection failed', (_, r) => void r.destroy()],
    ['a body that breaks off', 'broke off', (_, r) => void r.write('{"a":1', () => r.destroy())],
    ['an answer without the field that makes it one', 'block_info without contents', () => ({ message: 'slow down' })],
  ])('%s is a node that is unavailable', async (_, said, answer) => {
    const server = await serve(answer)
    const error = await failure(createRpc({ endpoints: [server.url] }).call('block_info', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: expect.stringContaining(said) })
  })

  test('silence ends after the time for one try', async () => {
    const server = await serve(() => undefined)
    const error = await failure(createRpc({ endpoints: [server.url], timeoutMs: 50 }).call('version', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: expect.stringContaining('within 50 ms') })
  })

  test('a body that trickles for ever ends after the time for one try', async () => {
    const server = await serve((_, response) => {
      const timer = setInterval(() => response.write(' '), 5)
      response.on('close', () => clearInterval(timer))
    })
    const error = await failure(createRpc({ endpoints: [server.url], timeoutMs: 100 }).call('version', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: expect.stringContaining('within 100 ms') })
  })

  test('an endless body is cut off at the limit and not read on', async () => {
    let sent = 0
    let cut = () => {}
    const closed = new Promise<void>((resolve) => {
      cut = resolve
    })
    const server = await serve((_, response) => {
      response.on('close', cut)
      const chunk = Buffer.alloc(64 * 1024, ' ')
      const pour = () => {
        while (sent < 100 * 1024 * 1024 && response.write(chunk)) sent += chunk.length
      }
      response.on('drain', pour)
      pour()
    })
    const error = await failure(createRpc({ endpoints: [server.url], maxBytes: 100_000 }).call('version', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: expect.stringContaining('100000 bytes') })
    await closed
    expect(sent).toBeLessThan(20 * 1024 * 1024)
  })

  test('a redirect carries neither key nor question to another host', async () => {
    const thief = await serve(() => VERSION)
    const server = await serve((_, response) => void response.writeHead(307, { location: thief.url }).end())
    const rpc = createRpc({ endpoints: [{ url: server.url, key: 'the-key' }] })
    expect(await failure(rpc.call('version', {}))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(thief.asked).toHaveLength(0)
  })
})

test('an error text of the node is a refusal that keeps the text', async () => {
  const server = await serve(() => ({ error: 'Account not found' }))
  const error = await failure(createRpc({ endpoints: [server.url] }).call('account_info', {}))
  expect(error).toMatchObject({ code: 'ERR_NODE_REFUSED', nodeError: 'Account not found' })
})

test('no error shows the URL, the key, a header or the password, even when the node echoes them', async () => {
  const secrets = ['s3cret-key', 's3cret-query', 's3cret-header', 's3cret-path', 's3cret-password', '127.0.0.1']
  const echo = await serve(({ body, headers }) => ({
    error: `${body.key} ${headers['x-key']} ${headers.host} ${headers.authorization} /s3cret-path s3cret-query`,
  }))
  const dead = await serve(() => undefined)
  await dead.close()
  const endpoint = (url: string) => ({
    url: `${url.replace('//', '//me:s3cret-password@')}s3cret-path?key=s3cret-query`,
    key: 's3cret-key',
    headers: { 'x-key': 's3cret-header' },
  })
  const errors = [
    await failure(createRpc({ endpoints: [endpoint(echo.url)] }).call('version', {})),
    await failure(createRpc({ endpoints: [endpoint(dead.url)] }).call('version', {})),
    await failure((async () => createRpc({ endpoints: ['ftp://me:s3cret-password@127.0.0.1/'] }))()),
    await failure((async () => createRpc({ endpoints: ['s3cret-path'] }))()),
    await failure(
      (async () => createRpc({ endpoints: [{ url: dead.url, headers: { 'x-key': 's3cret-header\n' + '\0' } }] }))(),
    ),
  ]
  expect(errors.map(({ code }) => code)).toEqual([
    'ERR_NODE_REFUSED',
    'ERR_NODE_UNAVAILABLE',
    'ERR_CONFIG',
    'ERR_CONFIG',
    'ERR_CONFIG',
  ])
  for (const error of errors) {
    for (const secret of secrets) expect(everythingSaid(error)).not.toContain(secret)
    expect(everythingSaid(error)).not.toContain(btoa('me:s3cret-password'))
  }
  expect(errors[1]?.message).toContain('node 1 of 1')
  expect(errors[1]?.message).toContain('ECONNREFUSED')
})

test('an error text of the node is kept short and on one line', async () => {
  const server = await serve(() => ({ error: `a\r\nb\u2028${'x'.repeat(100_000)}` }))
  const error = await failure(createRpc({ endpoints: [server.url] }).call('version', {}))
  expect(error).toMatchObject({ nodeError: expect.stringMatching(/^a b x+$/) })
  expect(error.message.length).toBeLessThan(300)
})

test('many questions at once cause no warning', async () => {
  const warned = vi.fn()
  process.on('warning', warned)
  onTestFinished(() => void process.off('warning', warned))
  const server = await serve(({ body }) => (body.action === 'block_info' ? DEV_GENESIS : VERSION))
  const rpc = createRpc({ endpoints: [server.url], network: 'nano:devnet' })
  await Promise.all(Array.from({ length: 50 }, () => rpc.call('version', {})))
  await new Promise((resolve) => setImmediate(resolve))
  expect(warned).not.toHaveBeenCalled()
})

describe('several nodes', () => {
  test('are asked in order, and the first that answers is enough', async () => {
    const first = await serve((_, response) => void response.writeHead(502).end())
    const second = await serve(() => VERSION)
    const third = await serve(() => VERSION)
    const rpc = createRpc({ endpoints: [first.url, second.url, third.url] })
    expect(await rpc.call('version', {})).toEqual(VERSION)
    expect([first, second, third].map(({ asked }) => asked.length)).toEqual([1, 1, 0])
  })

  test('are not asked on when one refuses: that is an answer', async () => {
    const first = await serve(() => ({ error: 'Fork' }))
    const second = await serve(() => ({ hash: 'A' }))
    expect(await failure(createRpc({ endpoints: [first.url, second.url] }).call('process', {}))).toMatchObject({
      nodeError: 'Fork',
    })
    expect(second.asked).toHaveLength(0)
  })

  test.each(['Unknown command', 'RPC control is disabled', 'Action not allowed: process'])(
    'are asked on when one says "%s"',
    async (error) => {
      const first = await serve(() => ({ error }))
      const second = await serve(() => ({ hash: 'A' }))
      expect(await createRpc({ endpoints: [first.url, second.url] }).call('process', {})).toEqual({ hash: 'A' })
    },
  )

  test('that all fail are a refusal where one of them refused, because the caller may ask another way', async () => {
    const first = await serve(() => ({ error: 'Unknown command' }))
    const second = await serve((_, response) => void response.writeHead(502).end())
    const error = await failure(createRpc({ endpoints: [first.url, second.url] }).call('receivable', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_REFUSED' })
  })

  test('leave the one alone that failed three times', async () => {
    const first = await serve((_, response) => void response.writeHead(502).end())
    const second = await serve(() => VERSION)
    const rpc = createRpc({ endpoints: [first.url, second.url] })
    for (let i = 0; i < 10; i++) await rpc.call('version', {})
    expect([first.asked.length, second.asked.length]).toEqual([3, 10])
    const error = await failure((rpc.nodes[0] ?? rpc).call('version', {}))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: expect.stringContaining('left alone') })
    expect(first.asked).toHaveLength(3)
  })

  test('are never all left alone', async () => {
    let up = false
    const answer: Parameters<typeof serve>[0] = (_, response) => (up ? VERSION : void response.writeHead(502).end())
    const servers = [await serve(answer), await serve(answer)]
    const rpc = createRpc({ endpoints: servers.map(({ url }) => url) })
    for (let i = 0; i < 8; i++) await failure(rpc.call('version', {}))
    up = true
    expect(await rpc.call('version', {})).toEqual(VERSION)
  })
})

test('a breaker opens after three failures in a row and lets one probe through after a cool-down that doubles', () => {
  let nowMs = 1_000
  const breaker = createBreaker({ probeMs: 5_000, now: () => nowMs })
  const fail = (times: number) => {
    for (let i = 0; i < times; i++) breaker.failed()
  }
  fail(2)
  breaker.succeeded()
  fail(2)
  expect(breaker.isOpen()).toBe(false)
  fail(1)
  expect(breaker.isOpen()).toBe(true)
  nowMs += 1_000
  expect(breaker.isOpen()).toBe(false)
  breaker.asked()
  expect(breaker.isOpen()).toBe(true)
  fail(1)
  nowMs += 1_999
  expect(breaker.isOpen()).toBe(true)
  nowMs += 1
  expect(breaker.isOpen()).toBe(false)
  fail(20)
  nowMs += 29_999
  expect(breaker.isOpen()).toBe(true)
  nowMs += 1
  expect(breaker.isOpen()).toBe(false)
  breaker.succeeded()
  fail(2)
  expect(breaker.isOpen()).toBe(false)
})

describe('a node that is an object', () => {
  test('is asked in its turn, like an address', async () => {
    const first = await serve((_, response) => void response.writeHead(502).end())
    const rpc = createRpc({ endpoints: [first.url, { call: async () => VERSION }] })
    expect(await rpc.call('version', {})).toEqual(VERSION)
    expect(rpc.nodes).toHaveLength(2)
  })

  test('may never answer, or throw what it likes, and is unavailable then', async () => {
    const silent = createRpc({ endpoints: [{ call: () => new Promise(() => {}) }], timeoutMs: 20 })
    const wild = createRpc({
      endpoints: [
        {
          call() {
            throw new TypeError('mine')
          },
        },
      ],
    })
    expect(await failure(silent.call('version', {}))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(await failure(wild.call('version', {}))).toMatchObject({
      code: 'ERR_NODE_UNAVAILABLE',
      cause: { message: 'mine' },
    })
  })

  test('has its network checked, too', async () => {
    const call = async (action: string) => (action === 'block_info' ? MAIN_GENESIS : VERSION)
    const rpc = createRpc({ endpoints: [{ call }], network: 'nano:devnet' })
    expect(await failure(rpc.call('version', {}))).toMatchObject({ code: 'ERR_CONFIG' })
  })
})

describe('giving up', () => {
  test('an abort ends the question at once, and the next node is not asked', async () => {
    const second = await serve(() => VERSION)
    const giveUp = new AbortController()
    const first = await serve(() => void giveUp.abort(new Error('gone')))
    const error = await failure(createRpc({ endpoints: [first.url, second.url] }).call('version', {}, giveUp.signal))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', cause: { message: 'gone' } })
    expect(second.asked).toHaveLength(0)
  })

  test('an abort beforehand sends nothing', async () => {
    const server = await serve(() => VERSION)
    const error = await failure(createRpc({ endpoints: [server.url] }).call('version', {}, AbortSignal.abort()))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(server.asked).toHaveLength(0)
  })

  test('aborts are no failures of the node', async () => {
    let silent = true
    const giveUp = { current: new AbortController() }
    const first = await serve(() => (silent ? void giveUp.current.abort() : { node_vendor: 'first' }))
    const second = await serve(() => VERSION)
    const rpc = createRpc({ endpoints: [first.url, second.url] })
    for (let i = 0; i < 5; i++) {
      giveUp.current = new AbortController()
      await failure(rpc.call('version', {}, giveUp.current.signal))
    }
    silent = false
    expect(await rpc.call('version', {})).toEqual({ node_vendor: 'first' })
  })

  test('a closed client gives up what it is asking and asks no more', async () => {
    const server = await serve(() => void rpc.close())
    const rpc = createRpc({ endpoints: [server.url] })
    expect(await failure(rpc.call('version', {}))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(await failure(rpc.call('version', {}))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(server.asked).toHaveLength(1)
  })
})

describe('the network of a node', () => {
  const nodeOf = (genesis: { contents: unknown }) =>
    serve(({ body }) => (body.action === 'block_info' ? genesis : VERSION))

  test.each([
    ['nano:devnet', DEV_GENESIS],
    ['nano:mainnet', MAIN_GENESIS],
  ] as const)('%s is known by its first block, asked for once', async (network, genesis) => {
    const server = await nodeOf(genesis)
    const rpc = createRpc({ endpoints: [server.url], network })
    await Promise.all([rpc.call('version', {}), rpc.call('version', {}), rpc.nodes[0]?.call('version', {})])
    await rpc.call('version', {})
    expect(server.asked.map(({ body }) => body.action).sort()).toEqual(['block_info', ...Array(4).fill('version')])
    expect(server.asked[0]?.body.hash).toBe(GENESIS[network])
  })

  test.each([
    ['answers "Block not found"', { error: 'Block not found' }],
    ["shows another network's first block under our hash", MAIN_GENESIS],
    ['shows something that is no block', { contents: 'yes' }],
  ])('a node that %s is never used, and the error says what to set', async (_, answer) => {
    const server = await serve(() => answer)
    const rpc = createRpc({ endpoints: [server.url], network: 'nano:devnet' })
    for (const node of [rpc, ...rpc.nodes]) {
      const error = await failure(node.call('process', { block: 'x' }))
      expect(error.code).toBe('ERR_CONFIG')
      expect(error.message).toMatch(/NANO402_NETWORK.*NANO402_RPC_URL/)
    }
    expect(server.asked.map(({ body }) => body.action)).toEqual(['block_info'])
  })

  test('a node that is down when it is checked is checked again, not condemned', async () => {
    let up = false
    const server = await serve(({ body }, response) => {
      if (!up) return void response.writeHead(503).end()
      return body.action === 'block_info' ? DEV_GENESIS : VERSION
    })
    const rpc = createRpc({ endpoints: [server.url], network: 'nano:devnet' })
    expect(await failure(rpc.call('version', {}))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    up = true
    expect(await rpc.call('version', {})).toEqual(VERSION)
  })

  test('one caller giving up does not spoil the check for the others', async () => {
    const giveUp = new AbortController()
    const server = await serve(({ body }) => {
      giveUp.abort()
      return body.action === 'block_info' ? DEV_GENESIS : VERSION
    })
    const rpc = createRpc({ endpoints: [server.url], network: 'nano:devnet' })
    const [gone, answer] = await Promise.allSettled([rpc.call('version', {}, giveUp.signal), rpc.call('version', {})])
    expect(gone.status).toBe('rejected')
    expect(answer).toEqual({ status: 'fulfilled', value: VERSION })
  })
})

test('no endpoint, or one that is no web address, is a configuration error that names the variable', () => {
  for (const endpoints of [[], [''], ['localhost:7076'], ['ws://127.0.0.1:7078']]) {
    expect(() => createRpc({ endpoints })).toThrow(/NANO402_RPC_URL/)
  }
})

test('a TLS handshake that never ends is ended by the deadline', async () => {
  const server = createServer(() => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const error = await failure(createRpc({ endpoints: [url], timeoutMs: 50 }).call('version', {}))
  expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
})
