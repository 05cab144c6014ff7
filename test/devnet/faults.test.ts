import { once } from 'node:events'
import { NodeRefusedError } from 'nano402'
import { DEVNET_GENESIS_ACCOUNT, DEVNET_GENESIS_HASH, type Outage } from 'nano402/devnet'
import { addressToPublicKey, raw } from 'nano402/nano'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ServedDevnet, serveDevnet } from '../../src/devnet/server.ts'
import { openSocket } from './socket.ts'
import { publish, walletOf } from './wallet.ts'

let served: ServedDevnet
beforeEach(async () => {
  served = await serveDevnet({ confirmMs: 0 })
})
afterEach(() => served.close())

const GENESIS_INFO = { action: 'block_info', hash: DEVNET_GENESIS_HASH, json_block: true }
const post = (init: RequestInit = {}) =>
  fetch(served.url, { method: 'POST', body: JSON.stringify(GENESIS_INFO), ...init })
const ask = async () => (await post()).json()

describe('down', () => {
  const outages: Readonly<Record<Exclude<Outage, 'silence' | 'huge'>, (answer: Promise<Response>) => Promise<void>>> = {
    reset: (answer) => expect(answer).rejects.toThrow('fetch failed'),
    'status-500': async (answer) => expect((await answer).status).toBe(500),
    html: async (answer) => expect((await answer).headers.get('content-type')).toBe('text/html'),
    'too-many-requests': async (answer) => {
      const { status, headers } = await answer
      expect([status, headers.get('retry-after')]).toEqual([429, '1'])
    },
    'empty-object': async (answer) => expect(await (await answer).json()).toEqual({}),
    'half-json': async (answer) => await expect((await answer).json()).rejects.toThrow(SyntaxError),
    redirect: async (answer) => expect((await answer).status).toBe(307),
  }
  for (const [outage, expectation] of Object.entries(outages)) {
    test(outage, async () => {
      served.devnet.faults.down = outage as Outage
      await expectation(post({ redirect: 'manual' }))
      expect(served.devnet.asked()).toBe(0)
      served.devnet.faults.down = undefined
      expect(await ask()).toMatchObject({ confirmed: 'true' })
    })
  }

  test('silence lasts until the client gives up', async () => {
    served.devnet.faults.down = 'silence'
    const client = new AbortController()
    const answer = post({ signal: client.signal })
    client.abort()
    await expect(answer).rejects.toThrow('aborted')
  })

  test('a huge answer begins and goes on', async () => {
    served.devnet.faults.down = 'huge'
    const reader = (await post()).body?.getReader()
    let bytes = 0
    while (bytes < 4 * 2 ** 20) bytes += (await reader?.read())?.value?.length ?? Number.POSITIVE_INFINITY
    expect(bytes).toBeLessThan(1024 * 2 ** 20)
    await reader?.cancel()
  })

  test('whoever follows the redirect is answered, and so found out', async () => {
    served.devnet.faults.down = 'redirect'
    expect(await ask()).toMatchObject({ confirmed: 'true' })
    expect(served.devnet.asked()).toBe(1)
  })

  test('in process there is no usable answer either', async () => {
    served.devnet.faults.down = 'html'
    await expect(served.devnet.call('version', {})).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    served.devnet.faults.down = 'silence'
    const client = new AbortController()
    const answer = served.devnet.call('version', {}, client.signal)
    client.abort()
    await expect(answer).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('takes no websocket', async () => {
    served.devnet.faults.down = 'status-500'
    const socket = new WebSocket(served.wsUrl)
    const [code] = await once(socket, 'close')
    expect(code).toBe(1006)
  })

  test('closed, it refuses connections', async () => {
    await served.close()
    await expect(ask()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })
})

describe('lag', () => {
  test('delays every answer', async () => {
    served.devnet.faults.lagMs = 30
    const start = performance.now()
    await ask()
    expect(performance.now() - start).toBeGreaterThan(28)
  })

  test('of confirmations leaves a block unconfirmed', async () => {
    const { devnet } = served
    const payer = walletOf((await devnet.fundedSeed()).seed)
    devnet.faults.confirmLagMs = 60_000
    const hash = await publish(devnet, payer, { link: addressToPublicKey(payer.account), amount: 1n })
    expect(await devnet.call('block_info', { hash })).toMatchObject({ confirmed: 'false' })
  })
})

describe('lost and lying', () => {
  test('a lost block is not found, and is there again when it is found', async () => {
    served.devnet.faults.lost.add(DEVNET_GENESIS_HASH)
    expect(await ask()).toEqual({ error: 'Block not found' })
    const { blocks_not_found } = await served.devnet.call('blocks_info', {
      hashes: [DEVNET_GENESIS_HASH],
      include_not_found: true,
    })
    expect(blocks_not_found).toEqual([DEVNET_GENESIS_HASH])
    served.devnet.faults.lost.clear()
    expect(await ask()).toMatchObject({ confirmed: 'true' })
  })

  test('a lie replaces the answer', async () => {
    served.devnet.faults.lie = (action, answer) => (action === 'block_info' ? { ...answer, amount: '1' } : answer)
    expect(await ask()).toMatchObject({ amount: '1', confirmed: 'true' })
  })

  test('a lie can be a refusal', async () => {
    served.devnet.faults.lie = (action) => {
      throw new NodeRefusedError(action, 'RPC control is disabled')
    }
    expect(await ask()).toEqual({ error: 'RPC control is disabled' })
  })
})

describe('the websocket', () => {
  const subscribe = async () => {
    const socket = await openSocket(served.wsUrl)
    await socket.send({ action: 'subscribe', topic: 'confirmation' })
    return socket
  }

  test('says nothing while it is muted', async () => {
    const socket = await subscribe()
    served.devnet.faults.muted = true
    await served.devnet.faucet(DEVNET_GENESIS_ACCOUNT, raw(1n))
    served.devnet.faults.muted = false
    const hash = await served.devnet.faucet(DEVNET_GENESIS_ACCOUNT, raw(1n))
    expect(await socket.close()).toMatchObject([{ message: { hash } }])
  })

  test('can lie too', async () => {
    const socket = await subscribe()
    served.devnet.faults.lie = (topic, message) => (topic === 'confirmation' ? { topic, message: 'lies' } : message)
    await served.devnet.faucet(DEVNET_GENESIS_ACCOUNT, raw(1n))
    expect(await socket.close()).toEqual([{ topic: 'confirmation', message: 'lies' }])
  })

  test('can be cut, and opened again', async () => {
    const socket = new WebSocket(served.wsUrl)
    await once(socket, 'open')
    served.disconnect()
    expect((await once(socket, 'close'))[0]).toBe(1006)
    expect(await (await subscribe()).close()).toEqual([])
  })

  test('is closed with the words of a node that stops', async () => {
    const socket = new WebSocket(served.wsUrl)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await served.close()
    const [code, reason] = await closed
    expect([code, String(reason)]).toEqual([1000, 'Shutting down'])
  })

  test('tells whoever comes without a handshake what is missing', async () => {
    const answer = await fetch(served.wsUrl.replace('ws:', 'http:'))
    expect(await answer.text()).toBe('The WebSocket handshake Connection field is missing')
  })
})
