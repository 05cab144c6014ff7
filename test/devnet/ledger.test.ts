import { createDevnet, DEVNET_GENESIS_HASH, DEVNET_GENESIS_KEY, type Devnet } from 'nano402/devnet'
import {
  addressToPublicKey,
  blockToJson,
  generateWork,
  parseBlock,
  raw,
  signBlock,
  signHash,
  WORK_THRESHOLDS,
  type Work,
  ZERO_HASH,
} from 'nano402/nano'
import { beforeEach, describe, expect, test } from 'vitest'
import { publish, walletOf } from './wallet.ts'

/** What every block needed before the second epoch. */
const OLD_WORK = 'fe00000000000000' as Work
const UNSIGNED = { work: '0'.repeat(16), signature: '0'.repeat(128) }
const genesis = walletOf(DEVNET_GENESIS_KEY, 'key')
const alice = walletOf('A'.repeat(64))
const bob = walletOf('B'.repeat(64))

let devnet: Devnet
beforeEach(() => {
  devnet = createDevnet({ confirmMs: 0, bareGenesis: true })
})

type Fields = Readonly<Record<string, string>>
const send = (block: object) => devnet.call('process', { json_block: true, block })
const hexBalance = (balance: bigint) => balance.toString(16).toUpperCase().padStart(32, '0')
const held = async (account: string) => (await devnet.call('account_balance', { account })).balance

/** Signs a block from before 2018, gives it work, and publishes it. */
async function publishLegacy(fields: Fields, key = alice.key, root = fields.previous): Promise<string> {
  const { hash } = parseBlock({ ...fields, ...UNSIGNED })
  const work = await generateWork(root ?? addressToPublicKey(alice.account), OLD_WORK)
  return String((await send({ ...fields, work, signature: signHash(hash, key) })).hash)
}

async function legacySend(previous: string, balance: bigint, destination: string): Promise<string> {
  return publishLegacy({ type: 'send', previous, destination, balance: hexBalance(balance) }, genesis.key)
}

async function publishEpoch(wallet: typeof alice, epoch: 1 | 2): Promise<string> {
  const info = await devnet.call('account_info', { account: wallet.account, representative: true })
  const link = Buffer.from(`epoch v${epoch} block`).toString('hex').toUpperCase().padEnd(64, '0')
  const content = { account: wallet.account, previous: info.frontier, representative: info.representative, link }
  const json = { type: 'state', ...content, balance: info.balance }
  const { hash } = parseBlock({ ...json, ...UNSIGNED })
  const work = await generateWork(String(info.frontier), OLD_WORK)
  return String((await send({ ...json, work, signature: signHash(hash, genesis.key) })).hash)
}

describe('blocks from before 2018', () => {
  const SUPPLY = 2n ** 128n - 1n
  let opened: string
  beforeEach(async () => {
    const source = await legacySend(DEVNET_GENESIS_HASH, SUPPLY - 100n, alice.account)
    const open = { type: 'open', source, representative: bob.account, account: alice.account }
    opened = await publishLegacy(open)
  })

  test('open, send, receive and change an account', async () => {
    expect(await held(alice.account)).toBe('100')
    const second = await legacySend((await frontier(genesis.account)) ?? '', SUPPLY - 105n, alice.account)
    const received = await publishLegacy({ type: 'receive', previous: opened, source: second })
    expect(await held(alice.account)).toBe('105')
    await publishLegacy({ type: 'change', previous: received, representative: genesis.account })
    expect(await devnet.call('account_info', { account: alice.account, representative: true })).toMatchObject({
      block_count: '3',
      representative: genesis.account,
      account_version: '0',
    })
    const { history } = await devnet.call('account_history', { account: alice.account, count: '9', raw: true })
    expect((history as Fields[]).map(({ type }) => type)).toEqual(['change', 'receive', 'open'])
  })

  test('cannot follow a state block', async () => {
    const change = await publishEpoch(alice, 1)
    const late = publishLegacy({ type: 'change', previous: change, representative: genesis.account })
    await expect(late).rejects.toMatchObject({ nodeError: 'This block cannot follow the previous block' })
  })

  test('cannot receive a send of a later epoch', async () => {
    await publishEpoch(genesis, 1)
    const source = await publish(devnet, genesis, { link: addressToPublicKey(alice.account), amount: 7n })
    const late = publishLegacy({ type: 'receive', previous: opened, source })
    await expect(late).rejects.toMatchObject({ nodeError: 'Unreceivable' })
  })

  test('have to be signed by their account', async () => {
    const forged = publishLegacy({ type: 'change', previous: opened, representative: bob.account }, bob.key)
    await expect(forged).rejects.toMatchObject({ nodeError: 'Bad signature' })
  })
})

describe('epochs', () => {
  test('come one after the other', async () => {
    await expect(publishEpoch(genesis, 2)).rejects.toMatchObject({
      nodeError: 'This block cannot follow the previous block',
    })
    await publishEpoch(genesis, 1)
    await publishEpoch(genesis, 2)
    expect(await devnet.call('account_info', { account: genesis.account })).toMatchObject({ account_version: '2' })
  })

  test('lower the work of a receive, also for an account that they reach with a payment', async () => {
    await publishEpoch(genesis, 1)
    await publishEpoch(genesis, 2)
    const hash = await publish(devnet, genesis, { link: addressToPublicKey(alice.account), amount: 9n })
    const content = {
      account: alice.account,
      previous: ZERO_HASH,
      representative: alice.account,
      balance: raw(9n),
      link: hash,
    }
    const work = await generateWork(addressToPublicKey(alice.account), WORK_THRESHOLDS['nano:devnet'].receive)
    await send(blockToJson(signBlock(content, alice.key, work)))
    expect(await devnet.call('account_info', { account: alice.account })).toMatchObject({ account_version: '2' })
  })
})

describe('the burn account', () => {
  const burn = 'nano_1111111111111111111111111111111111111111111111111111hifc8npp'
  test('can be sent to, and cannot be opened with a forged signature', async () => {
    const link = await publish(devnet, genesis, { link: ZERO_HASH, amount: 3n })
    expect(await devnet.call('receivable', { account: burn })).toEqual({ blocks: [link] })
    const block = { type: 'state', account: burn, previous: ZERO_HASH, representative: burn, balance: '3', link }
    const work = await generateWork(ZERO_HASH, WORK_THRESHOLDS['nano:devnet'].send)
    const forged = send({ ...block, work, signature: `01${'0'.repeat(126)}` })
    await expect(forged).rejects.toMatchObject({ code: 'ERR_NODE_REFUSED' })
  })
})

const frontier = async (account: string) => {
  const info = await devnet.call('account_info', { account })
  return typeof info.frontier === 'string' ? info.frontier : undefined
}
