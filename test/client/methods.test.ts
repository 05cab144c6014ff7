/** The ways to pay, against our own paywall on a socket: what is chosen, who publishes, and what is never paid twice. */
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createPaywall, type MechanismName, type PaywallOptions } from 'nano402'
import { type Journal, memoryJournal, type PayerOptions } from 'nano402/client'
import { createDevnet } from 'nano402/devnet'
import { paywall } from 'nano402/express'
import { blockHash } from 'nano402/nano'
import type { NanoNode } from 'nano402/rpc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NodeUnavailableError } from '../../src/errors.ts'
import { decodePaymentPayload } from '../../src/x402/headers.ts'
import { buyerFor, SHOP, sentBy } from './support.ts'

const ALL: readonly MechanismName[] = ['session', 'signature', 'signed-block']

/** A paywall that offers these, a payer, and what either asked its node to publish. */
async function open(
  mechanisms: readonly MechanismName[],
  {
    payer: payerOptions = {},
    shop = {},
    confirmMs = 0,
    handler = (_, res) => void res.send('the report'),
  }: {
    readonly payer?: Partial<PayerOptions>
    readonly shop?: PaywallOptions
    readonly confirmMs?: number
    readonly handler?: express.Handler
  } = {},
) {
  const devnet = createDevnet({ confirmMs })
  onTestFinished(() => devnet.close())
  const options = {
    ...({ network: 'nano:devnet', rpc: devnet, payTo: SHOP, price: '0.001', mechanisms } as const),
    secret: 'a secret of the payer tests, 0123456789abcdef',
    ...shop,
  }
  const instance = createPaywall(options)
  const app = express()
  app.all('/report', paywall(instance), handler)
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await instance.close()
  })
  const presented: (readonly string[])[] = []
  const published = { count: 0 }
  /** The payer's view of the network, which counts what it publishes. */
  const rpc: NanoNode = {
    call(action, parameters, signal) {
      if (action === 'process') published.count++
      return devnet.call(action, parameters, signal)
    },
  }
  const { privateKey } = await devnet.fundedSeed()
  const listen = (request: Request) => {
    const payment = decodePaymentPayload(request.headers.get('PAYMENT-SIGNATURE') ?? '')
    if (typeof payment !== 'string') presented.push(Object.keys(payment.payload).sort())
  }
  const pay = (more: Partial<PayerOptions> = {}) =>
    buyerFor(devnet, {
      privateKey,
      rpc,
      fetch(request) {
        listen(request)
        return fetch(request)
      },
      ...payerOptions,
      ...more,
    })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`
  return { devnet, url, presented, published, rpc, listen, pay, ...(await pay()) }
}

const text = async (response: Promise<Response>) => (await response).text()
const BLOCK = ['block']
const SESSION = ['proof', 'sessionId']
const SIGNATURE = ['account', 'blockHash', 'signature']

describe('what is presented', () => {
  test.each([
    [['signed-block'], BLOCK],
    [['session'], SESSION],
    [['signature'], SIGNATURE],
    [['signature', 'session'], SESSION],
    [['signature', 'signed-block'], BLOCK],
    [ALL, BLOCK],
  ] as const)('where %j is offered: %j', async (mechanisms, fields) => {
    const { devnet, url, payer, presented } = await open(mechanisms)
    expect(await text(payer.fetch(url))).toBe('the report')
    expect(presented).toEqual([fields])
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('a signed block is not published by the payer, and is in the journal before it leaves', async () => {
    const journal = memoryJournal()
    const states: string[] = []
    const { url, payer, published, listen } = await open(ALL, {
      payer: {
        journal,
        async fetch(request) {
          if (request.headers.has('PAYMENT-SIGNATURE')) states.push(...(await journal.load()).map(({ state }) => state))
          listen(request)
          return fetch(request)
        },
      },
    })
    expect(await text(payer.fetch(url))).toBe('the report')
    expect(published.count).toBe(0)
    expect(states).toEqual(['signed'])
    expect(await journal.load()).toMatchObject([{ state: 'delivered' }])
  })
})

describe('several requests of one account', () => {
  test('one after the other, each follows the block of the one before', async () => {
    const { devnet, url, payer } = await open(ALL, { confirmMs: 20 })
    for (let i = 0; i < 4; i++) expect(await text(payer.fetch(`${url}?n=${i}`))).toBe('the report')
    expect(await sentBy(devnet, payer.address)).toHaveLength(4)
  })

  test('side by side, they are sessions where that can be, and do not wait for each other', async () => {
    const { devnet, url, payer, presented } = await open(ALL)
    await Promise.all(Array.from({ length: 8 }, (_, n) => text(payer.fetch(`${url}?n=${n}`))))
    expect(presented).toEqual(Array.from({ length: 8 }, () => SESSION))
    expect(await sentBy(devnet, payer.address)).toHaveLength(8)
  })

  test('side by side, signed blocks take turns, and none loses its place', async () => {
    const { devnet, url, payer, types } = await open(['signed-block'], { confirmMs: 20 })
    const answers = await Promise.all(Array.from({ length: 5 }, (_, n) => text(payer.fetch(`${url}?n=${n}`))))
    expect(answers).toEqual(Array.from({ length: 5 }, () => 'the report'))
    expect(types()).not.toContain('void')
    expect(await sentBy(devnet, payer.address)).toHaveLength(5)
  })

  test('a block goes on an unconfirmed one only when that is confirmed', async () => {
    const { devnet, url, payer, presented } = await open(['signed-block'])
    devnet.hold()
    const other = await devnet.faucet(payer.address, (10n ** 27n) as never)
    devnet.confirm(other)
    await payer.receive()
    const answer = text(payer.fetch(url))
    while (devnet.asked('blocks_info') < 6) await new Promise(setImmediate)
    expect(presented).toEqual([])
    devnet.release()
    expect(await answer).toBe('the report')
    expect(presented).toEqual([BLOCK])
  })
})

describe('a block that was handed over', () => {
  const REFUSE = { status: 402 }

  /** A server that keeps the block for itself, and says no. */
  async function refused(journal: Journal) {
    let isRefusing = true
    const kept: string[] = []
    const world = await open(['signed-block'], {
      payer: {
        journal,
        budget: { perRequest: '0.01', total: '0.0025' },
        fetch(request) {
          const header = request.headers.get('PAYMENT-SIGNATURE')
          if (!isRefusing || header === null) return fetch(request)
          kept.push(header)
          return Promise.resolve(new Response(null, REFUSE))
        },
      },
    })
    await expect(world.payer.fetch(world.url)).rejects.toMatchObject({ retryable: false })
    const [header = ''] = kept
    const stolen = () => {
      const payment = decodePaymentPayload(header)
      const block = typeof payment === 'string' ? undefined : payment.payload.block
      return world.devnet.call('process', { json_block: true, block })
    }
    isRefusing = false
    return { ...world, header, stolen }
  }

  test('and refused counts as spent until another is confirmed in its place, also for the next process', async () => {
    const journal = memoryJournal()
    const { devnet, url, pay, payer } = await refused(journal)
    expect(await sentBy(devnet, payer.address)).toEqual([])
    const next = await pay()
    expect(await text(next.payer.fetch(`${url}?n=1`))).toBe('the report')
    // 0.0025 is not enough for three: the first is free again because the second took its place.
    const third = await pay()
    expect(await text(third.payer.fetch(`${url}?n=2`))).toBe('the report')
    expect(third.types()).toContain('void')
    await expect(third.payer.fetch(`${url}?n=3`)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('and refused, and published by whoever has it, stays spent', async () => {
    const journal = memoryJournal()
    const { devnet, url, pay, payer, stolen } = await refused(journal)
    await stolen()
    const next = await pay()
    expect(await text(next.payer.fetch(`${url}?n=1`))).toBe('the report')
    await expect(next.payer.fetch(`${url}?n=2`)).rejects.toMatchObject({ code: 'ERR_OVER_BUDGET' })
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('and refused is not shown again for the same request: a new one takes its place', async () => {
    const { devnet, url, payer, header } = await refused(memoryJournal())
    expect(await payer.unfinished()).toEqual([])
    expect(await text(payer.fetch(url))).toBe('the report')
    const sent = await sentBy(devnet, payer.address)
    expect(sent).toHaveLength(1)
    expect(header).not.toBe('')
  })

  test('and published, but not answered, is presented by the next process, and not paid again', async () => {
    const journal = memoryJournal()
    const { devnet, url, pay, payer } = await open(['signed-block'], {
      payer: { journal, retryForMs: 0 },
      shop: { confirmTimeoutMs: 1 },
    })
    devnet.hold()
    await expect(payer.fetch(url)).rejects.toMatchObject({ retryable: true, refusal: 'settlement_pending' })
    devnet.release()
    devnet.confirm(blockHash((await journal.load())[0]?.hash))
    const next = await pay()
    expect(await text(next.payer.fetch(url))).toBe('the report')
    expect(next.types()).toContain('resumed')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('and never arrived is published by the next process, and presented', async () => {
    const journal = memoryJournal()
    const { devnet, url, pay, payer } = await open(['signed-block'], {
      payer: {
        journal,
        retryForMs: 0,
        fetch: (request) =>
          request.headers.has('PAYMENT-SIGNATURE') ? Promise.reject(new TypeError('cut')) : fetch(request),
      },
    })
    await expect(payer.fetch(url)).rejects.toMatchObject({ retryable: true, refusal: 'no_answer' })
    const next = await pay({ fetch: (request) => fetch(request) })
    expect(await text(next.payer.fetch(url))).toBe('the report')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('and served for, but never published, holds up the account for no longer than a confirmation may take', async () => {
    let isGenerous = true
    const { devnet, url, payer } = await open(['signed-block'], {
      payer: {
        confirmTimeoutMs: 30,
        fetch: (request) =>
          isGenerous && request.headers.has('PAYMENT-SIGNATURE')
            ? Promise.resolve(new Response('a gift'))
            : fetch(request),
      },
    })
    expect(await text(payer.fetch(url))).toBe('a gift')
    isGenerous = false
    expect(await text(payer.fetch(url))).toBe('the report')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('whose handler fails is presented again', async () => {
    let runs = 0
    const { devnet, url, payer } = await open(['signed-block'], {
      handler: (_, res) => void (++runs === 1 ? res.status(500).send('oh') : res.send('the report')),
    })
    expect((await payer.fetch(url)).status).toBe(500)
    expect(await text(payer.fetch(url))).toBe('the report')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('cannot be made while the node is down, and nothing is counted', async () => {
    let isDown = true
    const { devnet, url, payer } = await open(['signed-block'], {
      payer: { budget: { perRequest: '0.01', total: '0.0015' } },
    })
    devnet.faults.lie = (action, answer) => {
      if (isDown && action === 'account_info') throw new NodeUnavailableError('down')
      return answer
    }
    await expect(payer.fetch(url)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    isDown = false
    expect(await text(payer.fetch(url))).toBe('the report')
  })
})

test('an offer that is paid for another client is published here, whichever way it is to be presented', async () => {
  const { devnet, url, payer, published } = await open(['signed-block'])
  const answer = await fetch(url)
  const [offer] = ((await answer.json()) as { accepts: Parameters<typeof payer.pay>[0][] }).accepts
  if (!offer) throw new Error('No offer.')
  const { proof, payload } = await payer.pay(offer, { url })
  expect(Object.keys(payload)).toEqual(BLOCK)
  expect(published.count).toBe(1)
  expect((await fetch(url, { headers: proof.headers })).status).toBe(200)
  expect(await sentBy(devnet, payer.address)).toHaveLength(1)
})
