import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NodeRefusedError } from 'nano402'
import { receivable } from 'nano402/rpc'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { encodePayload } from '../../src/channel/wire.ts'
import { type Channel, freshWallet, outcomeOf, prepareChannel } from '../channel/client.ts'
import { openChannelShop } from '../channel/shop.ts'
import { serve } from '../rpc/support.ts'
import { startExample } from '../support/child.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { openShop, purchase } from '../support/shop.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { createWorld, freshAccount, type World } from '../support/world.ts'
import { nano402 } from './support.ts'

let world: World
let account: string
let store: string
let rpc: string
beforeAll(async () => {
  world = await createWorld()
})
beforeEach(async () => {
  account = freshAccount()
  store = `sqlite:${join(temporaryDirectory(), 'claims.sqlite')}`
  const answer = ({ body: { action, ...parameters } }: { readonly body: Readonly<Record<string, unknown>> }) =>
    world.devnet.call(String(action), parameters).catch((error: NodeRefusedError) => ({ error: error.nodeError }))
  rpc = (await serve(answer)).url
})
afterAll(() => world.close())

const open = () => openShop({ ...world.options, store, payTo: account })
const run = (...args: readonly string[]) =>
  nano402(['reconcile', '--account', account, '--store', store, '--rpc', rpc, '--network', 'nano:devnet', ...args])

/** A day at a shop: one payment that bought, one lost to a crash, one with its digits cut. */
async function aDay() {
  const shop = open()
  const bought = await purchase(shop, world.buyer)
  await shop.ask(bought.headers)
  const lost = await purchase(shop, world.buyer)
  const env = { NODE_URL: rpc, STORE: store, SECRET: world.options.secret, PAY_TO: account }
  const crashed = startExample('test/reconcile/crash-child.ts', { ...env, HEADERS: JSON.stringify(lost.headers) })
  expect(await crashed.ended, crashed.output()).toBe(null) // killed
  const cut = await world.buyer.send(account, 2n * 10n ** 27n)
  await shop.paywall.close()
  return { bought: bought.hash, amount: bought.offer.amount, lost: lost.hash, cut }
}

describe('nano402 reconcile --channels', () => {
  test('shows a channel that a lost store knew, refuses a refund that may have been made, and has it made otherwise', async () => {
    const wallet = freshWallet()
    const before = openChannelShop(world, { wallet })
    const purse = await world.purse()
    const channel = await prepareChannel(before.ask, purse)
    await channel.open()
    const { channelState, receipt } = outcomeOf(await channel.state())
    await before.paywall.close({ timeoutMs: 1 })
    const after = openChannelShop(world, { wallet, store, channel: { sweepSeconds: 1 } })
    account = channel.offer.payTo
    const none = await run('--channels')
    expect(none).toMatchObject({ status: 0, out: expect.stringContaining('0 channels') })
    const acknowledged = { channelState, receipt }
    const at = channel.on(after.ask) as Channel
    await at.present({ ...encodePayload(await channel.opening()), acknowledged })
    const listed = await run('--channels')
    expect(listed).toMatchObject({ status: 3, err: '', out: expect.stringContaining(`${channel.id}: deposited 0.1`) })
    expect(await run('--refund', channel.id)).toMatchObject({ status: 2 })
    expect(await run('--channels', '--refund', 'A'.repeat(64))).toMatchObject({ status: 2 })
    const decided = await run('--channels', '--refund', channel.id, '--charged', '0.05', '--json')
    expect({ ...decided, out: JSON.parse(decided.out) }).toMatchObject({ status: 0, out: { recovering: [] } })
    const due = () => receivable(world.devnet, purse.account, { count: 5 })
    await expect.poll(due, { timeout: 10_000 }).toMatchObject([{ amount: 5n * 10n ** 28n + channel.tag }])
  })
})

describe('nano402 reconcile', () => {
  test('shows a table with what became of each payment, says how many, and ends with 3 when some are not matched', async () => {
    const { bought, lost, cut } = await aDay()
    const { status, out, err } = await run('--price', '0.001')
    expect({ status, err }).toEqual({ status: 3, err: '' })
    const [head = '', ...rows] = out.split('\n\n')[0]?.split('\n') ?? []
    const stateOf = (hash: string) =>
      rows
        .find((row) => row.includes(hash))
        ?.slice(head.indexOf('STATE'))
        .split(' ')[0]
    expect([bought, lost, cut].map(stateOf)).toEqual(['matched', 'undelivered', 'unmatched'])
    expect(rows.find((row) => row.includes(cut))).toMatch(/ {2}0\.002 .* {2}0 {6}cut digits, overpaid$/)
    expect(rows.every((row) => row.indexOf('nano_') === head.indexOf('PAYER'))).toBe(true)
    expect(out).toMatch(/^3 sends since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: 1 matched, 1 undelivered, 1 unmatched$/m)
  })

  test('writes CSV and JSON for programs, amounts as text, and the summary beside them', async () => {
    const { bought, amount, cut } = await aDay()
    const [csv, json] = await Promise.all([run('--csv'), run('--json')])
    const [head, ...rows] = csv.out.trim().split('\n')
    expect(head).toBe('time,state,amount_raw,amount_xno,payer,hash,attempts,notes,account')
    expect(rows).toHaveLength(3)
    const xno = `0.${amount.padStart(30, '0')}`.replace(/0+$/, '')
    const line = new RegExp(`^20[-\\dT:]+Z,matched,${amount},${xno},${world.buyer.account},${bought},1,,${account}$`)
    expect(rows).toContainEqual(expect.stringMatching(line))
    expect(
      json.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toContainEqual({
      time: expect.stringMatching(/^20.*Z$/),
      state: 'unmatched',
      amount: '2000000000000000000000000000',
      xno: '0.002',
      payer: world.buyer.account,
      account,
      hash: cut,
      attempts: 0,
      notes: ['cut digits'],
    })
    for (const { status, err } of [csv, json])
      expect([status, err]).toEqual([3, expect.stringMatching(/^3 sends since /)])
  })

  test('looks at every account of a pool, repeated or listed, and says which one was paid', async () => {
    const [other, unpaid] = [freshAccount(), freshAccount()]
    const first = open()
    const bought = await purchase(first, world.buyer)
    await first.ask(bought.headers)
    await first.paywall.close()
    const shop = openShop({ ...world.options, store, payTo: other })
    await shop.paywall.health()
    const astray = (await purchase(shop, world.buyer)).hash
    await shop.paywall.close()
    const { out, status } = await run('--account', `${other},${unpaid}`, '--account', account)
    expect(status).toBe(3)
    const [head = '', ...rows] = out.split('\n')
    const cell = (hash: string, name: string) =>
      rows
        .find((row) => row.includes(hash))
        ?.slice(head.indexOf(name))
        .split(' ')[0]
    for (const [hash, state, paid] of [
      [bought.hash, 'matched', account],
      [astray, 'unmatched', other],
    ] as const)
      expect([cell(hash, 'STATE'), cell(hash, 'ACCOUNT')]).toEqual([state, paid])
    expect(out).toMatch(/^2 sends since .*: 1 matched, 1 unmatched$/m)
    expect(await run('--account', other, '--channels')).toMatchObject({
      status: 2,
      err: expect.stringContaining('names one account'),
    })
  })

  test('ends with 0 when there is no payment, and when every payment is matched', async () => {
    const shop = open()
    await shop.paywall.health()
    expect(await run()).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^0 sends since [^:]+:[^:]+:\d\dZ\n$/),
    })
    await shop.ask((await purchase(shop, world.buyer)).headers)
    await shop.paywall.close()
    expect(await run()).toMatchObject({ status: 0, out: expect.stringContaining('1 send since') })
  })

  test.skipIf(!hasRedis)('asks a Redis as well', async () => {
    const redis = await startRedis()
    try {
      store = redis.url
      const shop = open()
      await shop.ask((await purchase(shop, world.buyer)).headers)
      await shop.paywall.close()
      expect(await run()).toMatchObject({ status: 0, err: '', out: expect.stringContaining(': 1 matched') })
    } finally {
      await redis.stop()
    }
  })

  test('takes from the environment what the paywall takes from it', async () => {
    const shop = open()
    await shop.ask((await purchase(shop, world.buyer)).headers)
    await shop.paywall.close()
    const env = { NANO402_PAY_TO: account, NANO402_STORE: store, NANO402_RPC_URL: `http://127.0.0.1:1, ${rpc}` }
    const ran = await nano402(['reconcile', '--since', '2020-01-01'], {
      env: { ...env, NANO402_NETWORK: 'nano:devnet' },
    })
    expect(ran).toMatchObject({
      status: 0,
      out: expect.stringContaining('1 send since 2020-01-01T00:00:00Z: 1 matched'),
    })
  })

  test('a node that does not answer ends it with 1, and its address is not told', async () => {
    await open().paywall.health()
    const down = ['--rpc', 'http://user:hidden@127.0.0.1:1/hidden?key=hidden']
    expect(await nano402(['reconcile', '--account', account, '--store', store, ...down])).toEqual({
      status: 1,
      out: '',
      err: 'nano402: Nano node 1 of 1 gave no usable answer: the connection failed. Is it running, and does --rpc (NANO402_RPC_URL) have its URL?\n',
    })
  })

  test('a wrong command line ends with 2 and one sentence, and makes no store', async () => {
    const other = temporaryDirectory()
    writeFileSync(join(other, 'no-database'), 'text')
    const wrong = (...args: readonly string[]) => nano402(['reconcile', ...args])
    const all = ['--account', account, '--rpc', rpc]
    const ran = await Promise.all([
      wrong(),
      wrong('--account', 'nano_1'),
      wrong('--account', account),
      wrong(...all),
      wrong(...all, '--store', `sqlite:${other}/none`),
      wrong(...all, '--store', `sqlite:${other}/no-database`),
      wrong(...all, '--store', 'memory'),
      wrong(...all, '--since', 'yesterday'),
      wrong(...all, '--price', '$1'),
      wrong(...all, '--network', 'nano:test'),
      wrong(...all, '--csv', '--json'),
    ])
    expect(ran.map(({ status }) => status)).toEqual(Array(11).fill(2))
    expect(ran.slice(0, 10).map(({ out }) => out)).toEqual(Array(10).fill(''))
    expect(ran.map(({ err }) => err)).toEqual([
      expect.stringMatching(/^nano402: --account \(or NANO402_PAY_TO\).*\n$/),
      expect.stringMatching(
        /^nano402: Option '--account <account>' argument 'nano_1' is invalid\. Not a Nano account.*\n$/,
      ),
      expect.stringMatching(/^nano402: --rpc \(or NANO402_RPC_URL\).*\n$/),
      expect.stringMatching(/^nano402: --store \(or NANO402_STORE\).*\n$/),
      'nano402: --store: there is no such file.\n',
      expect.stringMatching(/^nano402: The SQLite file .* cannot be opened.*\n$/),
      expect.stringMatching(/^nano402: A store in memory .*\n$/),
      expect.stringMatching(/^nano402: Option '--since <time>' argument 'yesterday' is invalid\. Expected .*\n$/),
      expect.stringMatching(/^nano402: Option '--price <xno>' argument '\$1' is invalid\. Not an amount in XNO.*\n$/),
      expect.stringMatching(
        /^nano402: .*'nano:test' is invalid\. Allowed choices are nano:mainnet, nano:devnet\..*\n$/,
      ),
      expect.stringMatching(/^nano402: Option '--json' cannot be used with option '--csv'\..*\n$/),
    ])
  })
})
