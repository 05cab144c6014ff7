import type { ServerResponse } from 'node:http'
import fc from 'fast-check'
import { PaywallError } from 'nano402'
import { type BlockHash, type StateBlock, type Work, ZERO_HASH } from 'nano402/nano'
import {
  accountInfo,
  blocksInfo,
  createRpc,
  generateWorkRemotely,
  publish,
  type RpcClient,
  receivable,
} from 'nano402/rpc'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen } from '../support/frameworks.ts'
import { createWorld, type World } from '../support/world.ts'
import { bent, bentText, fuzz, type Json } from './fuzz.ts'

let world: World
let node: Awaited<ReturnType<typeof listen>>
let answer: (response: ServerResponse) => void
let block: StateBlock
let hash: BlockHash
let genuine: Readonly<Record<string, Json>>

beforeAll(async () => {
  world = await createWorld()
  const { devnet, buyer, seller } = world
  block = await buyer.sign(seller.account, 5n)
  hash = await buyer.send(seller.account, 5n)
  const ask = async (action: string, parameters: object) => (await devnet.call(action, { ...parameters })) as Json
  genuine = {
    blocks_info: await ask('blocks_info', { json_block: true, include_not_found: true, hashes: [hash] }),
    block_info: await ask('block_info', { json_block: true, hash }),
    account_info: await ask('account_info', { account: buyer.account, representative: true, include_confirmed: true }),
    receivable: await ask('receivable', { account: seller.account, count: '10', threshold: '1' }),
    process: { hash },
    work_generate: { work: '2b3d689bbcb21dca', difficulty: '0', hash: ZERO_HASH },
    refusal: { error: 'Account not found' },
  }
  node = await listen((req, res) => {
    req.resume()
    req.on('end', () => answer(res))
  })
})
afterAll(async () => {
  await node.close()
  world.close()
})

/** What our questions come to, each checked for what it promises. */
const questions: readonly ((rpc: RpcClient) => Promise<void>)[] = [
  async (rpc) => {
    const found = (await blocksInfo(rpc, [hash])).get(hash)
    if (found === undefined) return
    expect(found.block.hash).toBe(hash)
    expect(typeof found.confirmed).toBe('boolean')
    expect(['bigint', 'undefined']).toContain(typeof found.amount)
  },
  async (rpc) => {
    const info = await accountInfo(rpc, world.buyer.account)
    if (info === undefined) return
    expect(info.frontier).toMatch(/^[0-9A-F]{64}$/)
    expect(info.representative).toMatch(/^nano_[13][0-9a-z]{59}$/)
    expect(info.balance >= 0n && info.balance < 2n ** 128n).toBe(true)
  },
  async (rpc) => {
    for (const { hash, amount } of await receivable(rpc, world.seller.account, { count: 10 })) {
      expect(hash).toMatch(/^[0-9A-F]{64}$/)
      expect(amount >= 0n && amount < 2n ** 128n).toBe(true)
    }
  },
  async (rpc) => expect(await publish(rpc, block, 'send')).toBe(hash),
  async (rpc) => void (await generateWorkRemotely(rpc, ZERO_HASH, 'fe00000000000000' as Work)),
]

const bodies = () =>
  fc.constantFrom(...Object.values(genuine)).chain((json) =>
    fc.oneof(
      bent(json).map((bentJson) => JSON.stringify(bentJson)),
      bentText(JSON.stringify(json)),
      fc.uint8Array({ maxLength: 200 }),
      fc.integer({ min: 1, max: 20_000 }).map((depth) => '{"blocks":'.repeat(depth)),
      fc.integer({ min: 1, max: 300_000 }).map((length) => JSON.stringify({ blocks: 'x'.repeat(length) })),
    ),
  )

test('whatever a node answers over HTTP, a question has an answer of its form, or fails as a node that is down', async () => {
  const replies = fc.record({
    status: fc.oneof(
      { weight: 8, arbitrary: fc.constant(200) },
      { weight: 1, arbitrary: fc.integer({ min: 200, max: 599 }) },
    ),
    type: fc.constantFrom('application/json', 'text/html', 'application/octet-stream', ''),
    body: bodies(),
    breaksOff: fc.integer({ min: 0, max: 19 }).map((n) => n === 0),
    question: fc.constantFrom(...questions),
  })
  await fuzz(
    3,
    fc.asyncProperty(replies, async ({ status, type, body, breaksOff, question }) => {
      answer = (response) => {
        const headers = { ...(type !== '' && { 'Content-Type': type }), Location: '/elsewhere' }
        response.writeHead(status, headers)
        if (breaksOff) response.write(body, () => response.destroy())
        else response.end(body)
      }
      const rpc = createRpc({ endpoints: [node.url], timeoutMs: 5_000, maxBytes: 200_000 })
      try {
        await question(rpc)
      } catch (error) {
        if (!(error instanceof PaywallError)) throw error
        expect(['ERR_NODE_UNAVAILABLE', 'ERR_NODE_REFUSED', 'ERR_WORK']).toContain(error.code)
        expect(error.message.length).toBeLessThan(400)
        expect(error.message).not.toContain(node.url)
      } finally {
        rpc.close()
      }
    }),
  )
})
