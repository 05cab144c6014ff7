import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Journal, type JournalEntry, memoryJournal } from 'nano402/client'
import type { Devnet } from 'nano402/devnet'
import { serveDevnet } from 'nano402/devnet/server'
import { type BlockHash, blockHash } from 'nano402/nano'
import type { NanoNode } from 'nano402/rpc'
import { describe, expect, onTestFinished, test } from 'vitest'
import { JournalError, NodeUnavailableError } from '../../src/errors.ts'
import { buyerFor, devnetForTest, OTHER, offerOf, openShop, sentBy } from './support.ts'

type Call = NanoNode['call']

/** A node of which one action can be made to behave differently. */
function nodeWith(
  devnet: Devnet,
  action: string,
  behave: (next: () => ReturnType<Call>) => ReturnType<Call>,
): NanoNode {
  return {
    call(name, parameters, signal) {
      const next = () => devnet.call(name, parameters, signal)
      return name === action ? behave(next) : next()
    },
  }
}

const down = () => Promise.reject(new NodeUnavailableError('down'))

/** The last entry of the only payment. */
const onlyEntry = async (journal: Journal): Promise<JournalEntry> => {
  const entries = await journal.load()
  expect(entries).toHaveLength(1)
  const [entry] = entries
  if (entry === undefined) throw new Error('unreachable')
  return entry
}

/** A shop and a payment that is signed and in the journal, but that the network never got. */
async function unpublished(expiresAtMs?: number) {
  const devnet = devnetForTest()
  const shop = await openShop(devnet)
  const { seed } = await devnet.fundedSeed()
  const journal = memoryJournal()
  const before = await buyerFor(devnet, { seed, journal, rpc: nodeWith(devnet, 'process', down) })
  await expect(before.payer.fetch(shop.url)).rejects.toMatchObject({
    code: 'ERR_REFUSED_AFTER_PAYMENT',
    refusal: 'unpublished',
    retryable: true,
  })
  const entry = await onlyEntry(journal)
  if (expiresAtMs !== undefined && entry.unfinished) {
    await journal.put({ ...entry, unfinished: { ...entry.unfinished, expiresAtMs } })
  }
  return { devnet, shop, seed, journal, entry, before }
}

describe('killed with -9 after publishing and before presenting', () => {
  test('the next run presents the payment that was made, and makes no second one', async () => {
    const served = await serveDevnet({ confirmMs: 0 })
    onTestFinished(() => served.close())
    const { devnet } = served
    const shop = await openShop(devnet)
    const directory = await mkdtemp(join(tmpdir(), 'nano402-crash-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const { privateKey, account } = await devnet.fundedSeed()
    const run = (onLine: (line: string, kill: () => void) => void) =>
      new Promise<NodeJS.Signals | number | null>((resolve) => {
        const script = fileURLToPath(new URL('./crash-child.ts', import.meta.url))
        const child = spawn(process.execPath, ['--import', 'tsx', script], {
          stdio: ['ignore', 'pipe', 'inherit'],
          env: {
            ...process.env,
            NODE_URL: served.url,
            SHOP_URL: shop.url,
            PRIVATE_KEY: privateKey,
            JOURNAL: join(directory, 'payments.jsonl'),
          },
        })
        createInterface(child.stdout).on('line', (line) => onLine(line, () => child.kill('SIGKILL')))
        child.on('close', (code, signal) => resolve(signal ?? code))
      })

    devnet.hold()
    const killed = await run((line, kill) => line === 'published' && kill())
    expect(killed).toBe('SIGKILL')
    expect(shop.seen.map(({ proof }) => proof)).toEqual([undefined])
    devnet.release()
    const printed: string[] = []
    const ended = await run((line) => printed.push(line))

    expect(ended).toBe(0)
    expect(printed).toEqual(['resumed', 'presenting', 'paid', '200 paid POST /report report'])
    expect(shop.granted).toBe(1)
    expect(await sentBy(devnet, account)).toHaveLength(1)
  })
})

describe('the journal', () => {
  test('has the signed block before the network has it', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const journal = memoryJournal()
    const states: string[] = []
    const node = nodeWith(devnet, 'process', async (next) => {
      states.push((await onlyEntry(journal)).state)
      return next()
    })
    const { payer } = await buyerFor(devnet, { journal, rpc: node })
    await payer.fetch(shop.url)
    expect(states).toEqual(['signed'])
    const entry = await onlyEntry(journal)
    expect(entry.state).toBe('delivered')
    expect(entry.unfinished).toBeUndefined()
  })

  test('that cannot be written means that nothing is published or reserved', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    let isFull = true
    const journal: Journal = {
      load: async () => [],
      put: async () => {
        if (isFull) throw new JournalError('disk full')
      },
    }
    const { payer } = await buyerFor(devnet, { journal, budget: { perRequest: '0.01', total: '0.0015' } })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_JOURNAL' })
    expect(devnet.asked('process')).toBe(0)
    isFull = false
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('that fails after the payment does not cost the answer', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const journal: Journal = {
      load: async () => [],
      put: ({ state }) => (state === 'signed' ? Promise.resolve() : Promise.reject(new JournalError('disk full'))),
    }
    const { payer } = await buyerFor(devnet, { journal })
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('that cannot be read means that nothing is asked', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    let isBroken = true
    const memory = memoryJournal()
    const load = () => (isBroken ? Promise.reject(new JournalError('damaged')) : memory.load())
    const { payer } = await buyerFor(devnet, { journal: { ...memory, load } })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_JOURNAL' })
    expect(shop.seen).toEqual([])
    isBroken = false
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })

  test('of a payment that was answered does not answer the next one', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { seed } = await devnet.fundedSeed()
    const journal = memoryJournal()
    await (await buyerFor(devnet, { seed, journal })).payer.fetch(shop.url)
    const { payer } = await buyerFor(devnet, { seed, journal })
    await payer.fetch(shop.url)
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('remembers the account that an origin was first paid at', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const journal = memoryJournal()
    await (await buyerFor(devnet, { journal })).payer.fetch(shop.url)
    const { payer } = await buyerFor(devnet, { journal, pinPayTo: 'first-use' })
    shop.challenge = (required) => ({ ...required, accepts: [offerOf((10n ** 27n) as never, { payTo: OTHER })] })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ reasons: [expect.stringMatching(/pinned/)] })
  })
})

describe('a block that the node may not have got', () => {
  test('is found on the ledger when only the answer got lost, and the call goes on', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const node = nodeWith(devnet, 'process', async (next) => {
      await next()
      return down()
    })
    const { payer } = await buyerFor(devnet, { rpc: node })
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is published by the next run, the very same one', async () => {
    const { devnet, shop, seed, journal, entry } = await unpublished()
    expect(await sentBy(devnet, (await buyerFor(devnet, { seed })).payer.address)).toEqual([])

    const { payer, events } = await buyerFor(devnet, { seed, journal, budget: { perRequest: '0.01', total: '0.0015' } })
    expect((await payer.fetch(shop.url)).status).toBe(200)

    expect(events.at(-1)).toMatchObject({ type: 'paid', hash: entry.hash })
    expect(await sentBy(devnet, payer.address)).toEqual([BigInt(entry.amount)])
  })

  test('is published by the next call of the same payer as well', async () => {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    let isDown = true
    const node = nodeWith(devnet, 'process', (next) => (isDown ? down() : next()))
    const { payer } = await buyerFor(devnet, { rpc: node })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ refusal: 'unpublished' })
    isDown = false
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is not published any more when its offer has expired: a new payment takes its place and its budget', async () => {
    const { devnet, shop, seed, journal, entry } = await unpublished(Date.now() - 1)
    const budget = { perRequest: '0.01', total: '0.0025' }
    const { payer, events, types } = await buyerFor(devnet, { seed, journal, budget })

    expect((await payer.fetch(shop.url)).status).toBe(200)

    expect(events.at(-2)).toMatchObject({ type: 'paid', hash: expect.not.stringMatching(entry.hash) })
    expect(types().at(-1)).toBe('void')
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('is not replaced when the network turns out to have it after all', async () => {
    const { devnet, shop, seed, journal, entry } = await unpublished(Date.now() - 1)
    const { payer, types } = await buyerFor(devnet, { seed, journal })
    // It arrives late: after the ledger was asked for it, and before the new payment is signed.
    shop.intercept = async ({ proof }) => {
      const block = entry.unfinished?.block
      if (proof === undefined) await devnet.call('process', { json_block: true, subtype: 'send', block })
      return false
    }
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({
      refusal: 'unpublished',
      proof: { blockHash: entry.hash },
    })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(types()).toContain('resumed')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('is void once another block is confirmed in its place, and its budget is free again', async () => {
    const { devnet, shop, seed, journal, entry } = await unpublished()
    await (await buyerFor(devnet, { seed })).payer.fetch(`${shop.origin}/other`)
    const budget = { perRequest: '0.01', total: '0.0015' }
    const { payer, events } = await buyerFor(devnet, { seed, journal, budget })

    expect((await payer.fetch(shop.url)).status).toBe(200)

    expect(events[0]).toEqual({ type: 'void', hash: entry.hash })
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('is neither used nor replaced while the block in its place is not confirmed', async () => {
    const { devnet, shop, seed, journal } = await unpublished()
    devnet.hold()
    const rival = await buyerFor(devnet, { seed, confirmTimeoutMs: 1, retryForMs: 0 })
    await rival.payer.fetch(`${shop.origin}/other`).catch(() => {})
    const hasty = await buyerFor(devnet, { seed, journal, confirmTimeoutMs: 1 })
    const asked = shop.seen.length

    await expect(hasty.payer.fetch(shop.url)).rejects.toMatchObject({ refusal: 'unpublished', retryable: true })

    expect(shop.seen).toHaveLength(asked)
    expect(await sentBy(devnet, hasty.payer.address)).toHaveLength(1)
    const { payer } = await buyerFor(devnet, { seed, journal })
    const response = payer.fetch(shop.url)
    devnet.release()
    expect((await response).status).toBe(200)
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('waits for a node: nothing is asked and nothing is paid while it cannot be looked up', async () => {
    const { devnet, shop, seed, journal } = await unpublished()
    const asked = shop.seen.length
    devnet.faults.down = 'reset'
    const { payer } = await buyerFor(devnet, { seed, journal })
    await expect(payer.fetch(shop.url)).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(shop.seen).toHaveLength(asked)
  })
})

describe('a published block', () => {
  /** A payment that the network has, and that the server did not answer. */
  async function unanswered() {
    const devnet = devnetForTest()
    const shop = await openShop(devnet)
    const { seed } = await devnet.fundedSeed()
    const journal = memoryJournal()
    devnet.hold()
    const before = await buyerFor(devnet, { seed, journal, confirmTimeoutMs: 1, retryForMs: 0 })
    await expect(before.payer.fetch(shop.url)).rejects.toMatchObject({ refusal: 'settlement_pending', retryable: true })
    const { hash, state } = await onlyEntry(journal)
    expect(state).toBe('published')
    return { devnet, shop, seed, journal, hash: blockHash(hash) }
  }

  test('that the network forgot is published again', async () => {
    const { devnet, shop, seed, journal, hash } = await unanswered()
    expect(devnet.vanish(hash as BlockHash)).toBe(true)
    devnet.release()
    const { payer, events } = await buyerFor(devnet, { seed, journal })
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(events.at(-1)).toMatchObject({ type: 'paid', hash })
  })

  test('that lost its place to another one is void, and the request is paid anew', async () => {
    const { devnet, shop, seed, journal, hash } = await unanswered()
    devnet.vanish(hash)
    devnet.release()
    await (await buyerFor(devnet, { seed })).payer.fetch(`${shop.origin}/other`)
    const { payer, types } = await buyerFor(devnet, { seed, journal })
    expect((await payer.fetch(shop.url)).status).toBe(200)
    expect(types()[0]).toBe('void')
    expect(await sentBy(devnet, payer.address)).toHaveLength(2)
  })

  test('is presented even while no node can be asked: the server knows as well', async () => {
    const { devnet, shop, seed, journal } = await unanswered()
    devnet.release()
    devnet.confirm((await onlyEntry(journal)).hash as BlockHash)
    const { payer } = await buyerFor(devnet, { seed, journal, rpc: { call: down } })
    expect((await payer.fetch(shop.url)).status).toBe(200)
  })
})
