import {
  createDevnet,
  DEVNET_GENESIS_ACCOUNT,
  DEVNET_GENESIS_HASH,
  DEVNET_GENESIS_KEY,
  type Devnet,
} from 'nano402/devnet'
import { addressToPublicKey, blockHash, formatXno, nanoAddress, parseXno, raw } from 'nano402/nano'
import { afterEach, describe, expect, test } from 'vitest'
import { publish, type Wallet, walletOf } from './wallet.ts'

const open: Devnet[] = []
const devnet = (options: Parameters<typeof createDevnet>[0] = { confirmMs: 0 }) => {
  const created = createDevnet(options)
  open.push(created)
  return created
}
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

const info = (node: Devnet, hash: string) => node.call('block_info', { hash, json_block: true })

describe('a devnet', () => {
  test('begins at the genesis of the dev network, with the upgrades that every account of today has', async () => {
    const node = devnet()
    expect(node.genesisHash).toBe(DEVNET_GENESIS_HASH)
    expect(await node.call('version', {})).toMatchObject({ network_identifier: DEVNET_GENESIS_HASH })
    expect(await node.call('account_info', { account: DEVNET_GENESIS_ACCOUNT })).toMatchObject({
      open_block: DEVNET_GENESIS_HASH,
      account_version: '2',
      block_count: '3',
      confirmation_height: '3',
    })
  })

  test('refuses in process as a node refuses over HTTP', async () => {
    const refusal = { code: 'ERR_NODE_REFUSED', nodeError: 'Block not found' }
    await expect(info(devnet(), 'AB'.repeat(32))).rejects.toMatchObject(refusal)
  })

  test('answers nobody once it is closed', async () => {
    const node = devnet()
    node.close()
    await expect(node.call('version', {})).rejects.toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('counts what it was asked', async () => {
    const node = devnet()
    await node.call('version', {})
    await node.call('account_info', { account: 'nano_bad' }).catch(() => {})
    expect([node.asked(), node.asked('version'), node.asked('process')]).toEqual([2, 1, 0])
    expect(node.calls.map(({ action }) => action)).toEqual(['version', 'account_info'])
  })
})

describe('the faucet', () => {
  test('sends what it is asked for, and the send is confirmed', async () => {
    const node = devnet({ confirmMs: 60_000 })
    const { account } = walletOf('0'.repeat(64))
    const hash = await node.faucet(account, parseXno('1.5'))
    expect(await info(node, hash)).toMatchObject({
      amount: parseXno('1.5').toString(),
      confirmed: 'true',
      subtype: 'send',
    })
    expect(await node.call('receivable', { account })).toEqual({ blocks: [hash] })
  })

  test('serves many at once without a fork', async () => {
    const node = devnet()
    const { account } = walletOf('0'.repeat(64))
    const hashes = await Promise.all(Array.from({ length: 8 }, (_, i) => node.faucet(account, raw(BigInt(i + 1)))))
    expect(new Set(hashes).size).toBe(8)
    expect(await node.call('account_balance', { account })).toMatchObject({ receivable: '36' })
  })

  test('goes on after a request that it could not serve', async () => {
    const node = devnet()
    const { account } = walletOf('0'.repeat(64))
    await expect(node.faucet(account, raw(2n ** 128n - 1n))).resolves.toBeTypeOf('string')
    await expect(node.faucet(account, raw(1n))).rejects.toMatchObject({ code: 'ERR_AMOUNT' })
    await expect(node.faucet('nano_bad', raw(1n))).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
  })

  test('opens a fresh seed with the amount in its first account', async () => {
    const node = devnet({ confirmMs: 60_000 })
    const [one, two] = [await node.fundedSeed(), await node.fundedSeed(parseXno('3'))]
    expect(one.seed).not.toBe(two.seed)
    expect(walletOf(two.seed)).toMatchObject({ account: two.account, key: two.privateKey })
    const { balance } = await node.call('account_balance', { account: two.account })
    expect(formatXno(raw(BigInt(String(balance))))).toBe('3')
  })
})

describe('confirmation', () => {
  /** A devnet and somebody who has coins there. */
  async function setUp(confirmMs: number): Promise<{ node: Devnet; payer: Wallet }> {
    const node = devnet({ confirmMs })
    return { node, payer: walletOf((await node.fundedSeed()).seed) }
  }
  const TO = { link: addressToPublicKey(DEVNET_GENESIS_ACCOUNT) }

  test('comes after the delay, and is told', async () => {
    const { node, payer } = await setUp(20)
    const told = new Promise<{ hash: string; type: string }>((resolve) => {
      node.onConfirmation(({ entry, type }) => resolve({ hash: entry.hash, type }))
    })
    const hash = await publish(node, payer, { ...TO, amount: 5n })
    expect(await info(node, hash)).toMatchObject({ confirmed: 'false' })
    expect(await told).toEqual({ hash, type: 'active_quorum' })
    expect(await info(node, hash)).toMatchObject({ confirmed: 'true' })
  })

  test('comes before process answers, where the delay is 0', async () => {
    const { node, payer } = await setUp(0)
    const hash = await publish(node, payer, { ...TO, amount: 5n })
    expect(await info(node, hash)).toMatchObject({ confirmed: 'true' })
  })

  test('waits while it is held, and comes in order when it is released', async () => {
    const { node, payer } = await setUp(0)
    node.hold()
    const hashes = [
      await publish(node, payer, { ...TO, amount: 5n }),
      await publish(node, payer, { ...TO, amount: 6n }),
    ]
    const told: string[] = []
    node.onConfirmation(({ entry }) => told.push(entry.hash))
    // A timer of the same length that was set later ends later.
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(told).toEqual([])
    node.release()
    expect(told).toEqual(hashes)
  })

  test('of a block confirms what it builds on', async () => {
    const { node, payer } = await setUp(60_000)
    const first = await publish(node, payer, { ...TO, amount: 5n })
    const second = await publish(node, payer, { ...TO, amount: 6n })
    node.confirm(second)
    expect(await info(node, first)).toMatchObject({ confirmed: 'true' })
  })

  test('a block that lost to a fork is gone, with what built on it; a confirmed one stays', async () => {
    const { node, payer } = await setUp(60_000)
    const to = walletOf('1'.repeat(64))
    const before = await node.call('account_info', { account: payer.account })
    const hash = await publish(node, payer, { link: addressToPublicKey(to.account), amount: 5n })
    const received = await publish(node, to, { link: hash, amount: -5n })
    expect(node.vanish(hash)).toBe(true)
    await expect(info(node, hash)).rejects.toMatchObject({ nodeError: 'Block not found' })
    await expect(info(node, received)).rejects.toMatchObject({ nodeError: 'Block not found' })
    expect(await node.call('account_info', { account: payer.account })).toMatchObject({ frontier: before.frontier })
    expect(node.vanish(blockHash(before.frontier))).toBe(false)
  })

  test('of two blocks on one frontier the first stays, until the second is forced', async () => {
    const { node, payer } = await setUp(60_000)
    const { frontier } = await node.call('account_info', { account: payer.account })
    const first = await publish(node, payer, { ...TO, amount: 5n })
    const fork = { ...TO, amount: 6n, previous: blockHash(frontier) }
    await expect(publish(node, payer, fork)).rejects.toMatchObject({ nodeError: 'Fork' })
    const second = await publish(node, payer, { ...fork, force: true })
    await expect(info(node, first)).rejects.toMatchObject({ nodeError: 'Block not found' })
    expect(await info(node, second)).toMatchObject({ amount: '6' })
  })
})

test('genesis can be left as it was, for whoever replays history', async () => {
  const node = devnet({ confirmMs: 0, bareGenesis: true })
  expect(await node.call('block_count', {})).toEqual({ count: '1', unchecked: '0', cemented: '1' })
  expect(walletOf(DEVNET_GENESIS_KEY, 'key').account).toBe(nanoAddress(DEVNET_GENESIS_ACCOUNT))
})
