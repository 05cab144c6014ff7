/** The issuer over HTTP: what clients and vendors can do, and what nobody can. After every test everything adds up. */

import { createPayer } from 'nano402/client'
import { createDevnet } from 'nano402/devnet'
import { createCertificateCheck, createIssuerClient, sessionSigner, signRelease } from 'nano402/issuer'
import { MAX_RAW } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ed25519Signer } from '#channel/ed25519'
import { randomBytes } from '../../src/core/bytes.ts'
import { authorizeRequest } from '../../src/issuer/request.ts'
import { bytesToHex } from '../../src/nano/hex.ts'
import { openStore } from '../../src/stores/open.node.ts'
import { hasRedis, type RedisServer, startRedis } from '../support/redis.ts'
import { buy, offerOf } from '../support/world.ts'
import { type Channel, HOUR, type IssuerWorld, OPERATOR, openIssuer, type Person, UNIT } from './world.ts'

const DEPOSIT = 10n ** 27n
const refusal = (reason: string) => expect.objectContaining({ code: 'ERR_ISSUER', reason })

const kinds = [{ kind: 'memory' }, ...(hasRedis ? [{ kind: 'redis' }] : [])]
let redis: RedisServer | undefined
beforeAll(async () => {
  if (hasRedis) redis = await startRedis()
})
afterAll(() => redis?.stop())

describe.each(kinds)('on $kind', ({ kind }) => {
  let world: IssuerWorld
  let [client, vendor]: [Person, Person] = [] as never
  beforeAll(async () => {
    world = await openIssuer(kind === 'redis' && redis ? { store: await openStore(redis.url), overHttp: true } : {})
    client = await world.server()
    vendor = await world.server()
    expect((await client.deposit(20n * DEPOSIT)).status).toBe(200)
  })
  afterAll(() => world.close())
  afterEach(() => world.check())

  const balanceOf = async ({ ask }: Person) => BigInt((await ask.account()).balance)
  const open = async (channel: Channel, amount = 10n * UNIT) => client.ask.open(channel.config, amount)
  const settle = async (channel: Channel, amount: bigint, proved = amount) =>
    vendor.ask.settle(channel.id, { amount, proof: await channel.proof(proved) })

  describe('a deposit', () => {
    test('is paid for as any paid request, and credited to the last raw, tag included', async () => {
      const person = await world.person()
      const url = person.ask.depositUrl(DEPOSIT)
      const asked = await world.fetch(url, { method: 'POST' })
      const offer = offerOf(asked)
      expect([asked.status, offer.payTo]).toEqual([402, world.issuer.info.account])
      expect(BigInt(offer.amount) - DEPOSIT).toBeLessThan(10n ** 20n)
      const bought = await buy(person.purse, url, { method: 'POST' }, world.fetch)
      const answer = await world.fetch(url, { method: 'POST', headers: bought.headers })
      expect(await answer.json()).toEqual({ account: person.account, block: bought.hash, amount: bought.offer.amount })
      expect(await balanceOf(person)).toBe(BigInt(bought.offer.amount))
    })

    test('is one line for a payer', async () => {
      const person = await world.person()
      const payer = createPayer({
        ...{ privateKey: person.key, rpc: world.devnet, network: 'nano:devnet', work: 'cpu' },
        ...{ budget: { perRequest: '0.01', total: '0.01' }, fetch: (request) => world.fetch(request.url, request) },
      })
      const answer = await payer.fetch(person.ask.depositUrl(DEPOSIT), { method: 'POST' })
      const { amount } = (await answer.json()) as { amount: string }
      expect(await person.ask.account()).toMatchObject({ balance: amount })
      payer.close()
    })

    test('shown twice, or for another account or amount, is credited once', async () => {
      const person = await world.person()
      const url = person.ask.depositUrl(DEPOSIT)
      const { headers, offer } = await buy(person.purse, url, { method: 'POST' }, world.fetch)
      const shown = (to: string) => world.fetch(to, { method: 'POST', headers })
      expect((await shown(vendor.ask.depositUrl(DEPOSIT))).status).toBe(402)
      expect((await shown(person.ask.depositUrl(2n * DEPOSIT))).status).toBe(402)
      const all = await Promise.all([shown(url), shown(url), shown(url)])
      expect(all.filter(({ status }) => status === 200)).toHaveLength(1)
      expect((await shown(url)).status).toBe(402)
      expect(await balanceOf(person)).toBe(BigInt(offer.amount))
    })

    test.each(['0', '1', '-1', '1e27', '0x10', '', '1'.repeat(40), String(MAX_RAW)])(
      'of %j is not asked for',
      async (amount) => {
        const url = client.ask.depositUrl(0n).replace(/0$/, amount)
        expect((await world.fetch(url, { method: 'POST' })).status).toBe(400)
      },
    )
  })

  describe('an account', () => {
    test('registers twice with the same answer', async () => {
      const person = await world.person()
      const first = await person.ask.register()
      expect(first).toMatchObject({ account: person.account, balance: '0', locked: '0', keys: [], channels: [] })
      expect(await person.ask.register()).toEqual(first)
    })

    test('has keys that act for it until it says otherwise, and that cannot register others', async () => {
      const person = await world.person()
      const signer = await sessionSigner(person.account, randomBytes(32))
      const server = createIssuerClient({
        url: world.url,
        signer,
        now: () => world.clock.nowMs,
        fetch: world.fetch,
      })
      await expect(server.account()).rejects.toEqual(refusal('unauthorized'))
      const key = { key: signer.key, expiresAt: Math.floor(world.clock.nowMs / 1_000) + HOUR }
      expect((await person.ask.register([key])).keys).toEqual([key])
      expect((await server.account()).account).toBe(person.account)
      await expect(server.register([])).rejects.toEqual(refusal('own_key_required'))
      await person.ask.register([])
      await expect(server.account()).rejects.toEqual(refusal('unauthorized'))
    })

    test('is shown to nobody else, and a request is good once, for itself alone, for a minute', async () => {
      const { fetch, issuer, clock } = world
      const target = `/accounts/${client.account}`
      const now = () => clock.nowMs
      const sign = (person: Person, what: object = {}, at = now) =>
        authorizeRequest(
          issuer.info.issuer,
          { method: 'GET', target, body: '', ...what },
          { signer: person.signer, now: at },
        )
      const ask = async (authorization: string, to = target, init: RequestInit = {}) => {
        const answer = await fetch(`${world.url}${to}`, { ...init, headers: { authorization } })
        return [answer.status, ((await answer.json()) as { error?: string }).error]
      }
      const genuine = await sign(client)
      expect(await ask(genuine)).toEqual([200, undefined])
      expect(await ask(genuine)).toEqual([401, 'replayed_request'])
      expect(await ask(await sign(vendor))).toEqual([401, 'unauthorized'])
      for (const old of [-61_000, 61_000])
        expect(await ask(await sign(client, {}, () => now() + old))).toEqual([401, 'stale_request'])
      const wrong = [401, 'unauthorized']
      expect(await ask(await sign(client, { target: `${target}/statement` }))).toEqual(wrong)
      expect(await ask(await sign(client, { method: 'PUT' }))).toEqual(wrong)
      expect(await ask(await sign(client, { body: '{}' }))).toEqual(wrong)
      const other = { signer: client.signer, now }
      expect(await ask(await authorizeRequest('A'.repeat(64), { method: 'GET', target, body: '' }, other))).toEqual(
        wrong,
      )
      const fresh = await sign(client)
      const flipped = fresh.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
      const claimed = (await sign(vendor)).replace(vendor.account, client.account)
      for (const header of [flipped, claimed, '', 'Bearer x', fresh.toLowerCase()])
        expect(await ask(header)).toEqual(wrong)
      expect(await ask(fresh)).toEqual([200, undefined])
    })

    test('has a statement that says how each balance came about', async () => {
      const person = await world.person()
      await person.deposit(DEPOSIT)
      const { amount: sent } = (await person.ask.statement()).lines[0] ?? { amount: '' }
      const channel = await world.payword(person, vendor)
      await person.ask.open(channel.config, 10n * UNIT)
      await vendor.ask.settle(channel.id, { amount: 4n * UNIT, proof: await channel.proof(4n * UNIT) })
      const { lines, before } = await person.ask.statement()
      const balance = BigInt(sent)
      expect(before).toBeUndefined()
      expect(
        lines.map(({ number, kind, amount, balance, reference }) => [number, kind, amount, balance, reference]),
      ).toEqual([
        [0, 'deposit', sent, sent, expect.stringMatching(/^[0-9A-F]{64}$/)],
        [1, 'lock', String(-10n * UNIT), String(balance - 10n * UNIT), channel.id],
        [2, 'settle', String(6n * UNIT), String(balance - 4n * UNIT), channel.id],
      ])
    })
  })

  describe.each(['payword', 'voucher'] as const)('a channel by %s', (mode) => {
    let channel: Channel
    beforeEach(async () => {
      channel = await world[mode](client, vendor)
    })

    test('is locked, certified offline, redeemed for what was proved, and the rest is the payer’s again', async () => {
      const [before, earned] = [await balanceOf(client), await balanceOf(vendor).catch(() => 0n)]
      const certificate = await open(channel)
      const check = createCertificateCheck({ issuers: [world.issuer.info.issuer], minSettleSeconds: HOUR })
      expect(await check(channel.config, certificate)).toEqual({ amount: 10n * UNIT })
      expect(await client.ask.account()).toMatchObject({ balance: String(before - 10n * UNIT) })
      await world.check()
      const ended = await settle(channel, 3n * UNIT)
      expect(ended).toMatchObject({ state: 'settled', charged: String(3n * UNIT), amount: String(10n * UNIT) })
      expect(await client.ask.channel(channel.id)).toEqual(ended)
      expect([await balanceOf(client), await balanceOf(vendor)]).toEqual([before - 3n * UNIT, earned + 3n * UNIT])
    })

    test('of which the payee charges less than was authorised costs that', async () => {
      const before = await balanceOf(client)
      const authorized = async () => (await world.issuer.account({ ...client, key: '' }))?.authorized ?? 0n
      const known = await authorized()
      await open(channel)
      await settle(channel, 2n * UNIT, 7n * UNIT)
      expect(await balanceOf(client)).toBe(before - 2n * UNIT)
      expect(await authorized()).toBe(known + 7n * UNIT) // in the account's record: a restart forgets nothing of it
    })

    test('is settled once by eight settlements at once, and by one more', async () => {
      const earned = await balanceOf(vendor)
      await open(channel)
      const proof = await channel.proof(5n * UNIT)
      const all = await Promise.all(
        Array.from({ length: 8 }, () => vendor.ask.settle(channel.id, { amount: 5n * UNIT, proof })),
      )
      expect(new Set(all.map((one) => JSON.stringify(one))).size).toBe(1)
      expect(await settle(channel, 5n * UNIT)).toEqual(all[0])
      await expect(settle(channel, 6n * UNIT)).rejects.toEqual(refusal('channel_closed'))
      expect(await balanceOf(vendor)).toBe(earned + 5n * UNIT)
    })

    test('of eight different settlements at once has one that counts', async () => {
      const [before, earned] = [await balanceOf(client), await balanceOf(vendor)]
      await open(channel)
      const amounts = Array.from({ length: 8 }, (_, i) => BigInt(i + 1) * UNIT)
      const all = await Promise.allSettled(amounts.map((amount) => settle(channel, amount)))
      const won = all.flatMap((one) => (one.status === 'fulfilled' ? BigInt(one.value.charged) : []))
      expect(won).toHaveLength(1)
      expect([before - (await balanceOf(client)), (await balanceOf(vendor)) - earned]).toEqual([won[0], won[0]])
    })

    test('is opened once by the same open three times at once, and not again when it has ended', async () => {
      const before = await balanceOf(client)
      const certificates = await Promise.all([open(channel), open(channel), open(channel)])
      expect(new Set(certificates.map((one) => JSON.stringify(one))).size).toBe(1)
      expect(await balanceOf(client)).toBe(before - 10n * UNIT)
      await expect(open(channel, 9n * UNIT)).rejects.toEqual(refusal('channel_conflict'))
      await settle(channel, UNIT)
      await expect(open(channel)).rejects.toEqual(refusal('channel_closed'))
      expect(await balanceOf(client)).toBe(before - UNIT)
    })

    test('proves nothing by a proof of another mode, channel or amount, or one that was changed', async () => {
      await open(channel)
      const genuine = await channel.proof(3n * UNIT)
      const ask = (amount: bigint, proof: unknown) =>
        vendor.ask.settle(channel.id, { amount, proof: proof as typeof genuine })
      const other = await world[mode === 'payword' ? 'voucher' : 'payword'](client, vendor)
      await expect(ask(UNIT, await other.proof(UNIT))).rejects.toEqual(refusal('wrong_mode'))
      const same = await world[mode](client, vendor)
      await expect(ask(UNIT, await same.proof(UNIT))).rejects.toEqual(refusal('proof'))
      await expect(ask(4n * UNIT, genuine)).rejects.toEqual(refusal('proof'))
      await expect(ask(3n * UNIT, undefined)).rejects.toEqual(refusal('proof'))
      const turned = Object.fromEntries(
        Object.entries(genuine).map(([name, value]) => [
          name,
          /^(token|signature)$/.test(name)
            ? String(value).replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))
            : value,
        ]),
      )
      const raised = { ...genuine, ...('k' in genuine ? { k: 4 } : { cumulative: String(4n * UNIT) }) }
      const wrongs = [
        turned,
        raised,
        {},
        [],
        'x',
        { ...genuine, more: 1 },
        { ...genuine, k: 0 },
        { ...genuine, k: 1_001 },
      ]
      for (const wrong of wrongs) await expect(ask(UNIT, wrong)).rejects.toEqual(refusal('proof'))
      await expect(ask(11n * UNIT, await channel.proof(11n * UNIT))).rejects.toEqual(refusal('exceeds_lock'))
      await settle(channel, UNIT)
    })

    test('is settled by its payee alone, and seen by nobody else but its payer', async () => {
      await open(channel)
      const stranger = await world.person()
      const proof = await channel.proof(UNIT)
      for (const { ask } of [stranger, client]) {
        await expect(ask.settle(channel.id, { amount: UNIT, proof })).rejects.toEqual(refusal('channel_not_found'))
      }
      await expect(stranger.ask.channel(channel.id)).rejects.toEqual(refusal('channel_not_found'))
      await expect(stranger.ask.open(channel.config, UNIT)).rejects.toEqual(refusal('unauthorized'))
      await settle(channel, UNIT)
    })

    test('that was never used is given back in full by its payee', async () => {
      const before = await balanceOf(client)
      await open(channel)
      expect(await vendor.ask.settle(channel.id, { amount: 0n })).toMatchObject({ state: 'settled', charged: '0' })
      expect(await balanceOf(client)).toBe(before)
    })

    test('ends early for its payer only with what its payee signed, at exactly that', async () => {
      const [before, earned] = [await balanceOf(client), await balanceOf(vendor)]
      await open(channel)
      const { issuer } = world.issuer.info
      const terms = { issuer, channelId: channel.id, amount: 2n * UNIT }
      const release = await signRelease(vendor.signer, terms)
      const stranger = await world.person()
      const forged = [
        await signRelease(client.signer, terms),
        { ...release, amount: '0' },
        await signRelease(vendor.signer, { ...terms, issuer: 'A'.repeat(64) }),
        await signRelease(vendor.signer, { ...terms, channelId: 'A'.repeat(64) }),
        await signRelease(await sessionSigner(vendor.account, randomBytes(32)), terms),
      ]
      for (const one of forged) await expect(client.ask.close(channel.id, one)).rejects.toEqual(refusal('unauthorized'))
      await expect(stranger.ask.close(channel.id, release)).rejects.toEqual(refusal('channel_not_found'))
      expect(await client.ask.close(channel.id, release)).toMatchObject({
        state: 'settled',
        charged: terms.amount.toString(),
      })
      await expect(settle(channel, 3n * UNIT)).rejects.toEqual(refusal('channel_closed'))
      expect([await balanceOf(client), await balanceOf(vendor)]).toEqual([before - 2n * UNIT, earned + 2n * UNIT])
    })

    test('that nobody redeems in time is its payer’s again by itself, and cannot be redeemed', async () => {
      const before = await balanceOf(client)
      const { settleBy } = await open(channel)
      const { nowMs } = world.clock
      world.clock.nowMs = 1_000 * settleBy - 1
      expect(await client.ask.channel(channel.id)).toMatchObject({ state: 'open' })
      world.clock.nowMs = 1_000 * settleBy
      await expect(settle(channel, UNIT)).rejects.toEqual(refusal('settle_window'))
      expect(await balanceOf(client)).toBe(before)
      expect(await vendor.ask.channel(channel.id)).toMatchObject({ state: 'returned', charged: '0' })
      await expect(open(channel)).rejects.toEqual(refusal('invalid_config'))
      await expect(settle(channel, UNIT)).rejects.toEqual(refusal('settle_window'))
      world.clock.nowMs = nowMs
    })
  })

  describe('a lock', () => {
    test('comes out of the balance: of eight at once that together exceed it, as many as fit are opened', async () => {
      const person = await world.person()
      await person.deposit(100n * UNIT)
      const channels = await Promise.all(Array.from({ length: 8 }, () => world.voucher(person, vendor)))
      const all = await Promise.allSettled(channels.map(({ config }) => person.ask.open(config, 30n * UNIT)))
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
      for (const one of all) if (one.status === 'rejected') expect(one.reason).toEqual(refusal('insufficient_balance'))
      expect(await person.ask.account()).toMatchObject({ locked: String(90n * UNIT) })
    })

    test('cannot be withdrawn, and what is withdrawn cannot be locked', async () => {
      const person = await world.person()
      await person.deposit(100n * UNIT)
      const balance = await balanceOf(person)
      const channel = await world.voucher(person, vendor)
      const all = await Promise.allSettled([
        person.ask.open(channel.config, 60n * UNIT),
        person.ask.withdraw(balance - UNIT),
      ])
      expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      await expect(person.ask.withdraw(balance)).rejects.toEqual(refusal('insufficient_balance'))
      await world.issuer.payOut()
    })

    test.each([0n, MAX_RAW, 10n ** 38n, 2n ** 128n, -1n])('of %s raw is refused', async (amount) => {
      const { config } = await world.voucher(client, vendor)
      const reason = amount > 0n && amount <= MAX_RAW ? 'insufficient_balance' : 'invalid_amount'
      await expect(client.ask.open(config, amount)).rejects.toEqual(refusal(reason))
    })

    test('is for a channel of ours, between two, with an end', async () => {
      const seconds = Math.floor(world.clock.nowMs / 1_000)
      const changes = [
        { issuer: 'A'.repeat(64) },
        { network: 'nano:mainnet' },
        { custodian: 'payee' },
        { payee: client.account },
        { refundTo: vendor.account },
        { expiresAt: seconds },
        { expiresAt: seconds + 40 * 24 * HOUR },
        { closeGrace: 86_401 },
        { more: 1 },
      ]
      for (const change of changes) {
        const { config } = await world.voucher(client, vendor, change as object)
        await expect(client.ask.open(config, UNIT)).rejects.toEqual(refusal('invalid_config'))
      }
    })

    test('is refused for a root that another channel has: its tokens would pay for both', async () => {
      const first = await world.payword(client, vendor)
      await open(first)
      if (first.config.mode !== 'payword-sha256') throw new Error('unreachable')
      const second = { ...first.config, nonce: 'another' }
      await expect(client.ask.open(second, UNIT)).rejects.toEqual(refusal('root_used'))
      await settle(first, UNIT)
      await expect(client.ask.open(second, UNIT)).rejects.toEqual(refusal('root_used'))
    })
  })

  describe('a withdrawal', () => {
    test('is paid to the account itself on the ledger, once, however often it is asked for', async () => {
      const person = await world.person()
      await person.deposit(100n * UNIT)
      const before = await balanceOf(person)
      const asked = await Promise.all([1, 2, 3].map(() => person.ask.withdraw(40n * UNIT, 'my-withdrawal')))
      expect(asked.every(({ amount }) => amount === String(40n * UNIT))).toBe(true)
      await world.issuer.payOut()
      const paid = await person.ask.withdrawal('my-withdrawal')
      expect(paid).toMatchObject({ state: 'paid', block: expect.stringMatching(/^[0-9A-F]{64}$/) })
      expect(await person.ask.withdraw(40n * UNIT, 'my-withdrawal')).toEqual(paid)
      await expect(person.ask.withdraw(41n * UNIT, 'my-withdrawal')).rejects.toEqual(refusal('withdrawal_conflict'))
      expect(await balanceOf(person)).toBe(before - 40n * UNIT)
      expect((await person.ask.statement()).lines.map(({ kind }) => kind)).toEqual(['deposit', 'withdrawal', 'payout'])
      const waiting = await receivable(world.devnet, person.account, { count: 10 })
      expect(waiting).toEqual([{ hash: paid.block, amount: 40n * UNIT }])
    })

    test('of nothing, or of less than is worth a block, is refused; of all there is, it is not', async () => {
      const person = await world.person()
      await person.deposit(100n * UNIT)
      await expect(person.ask.withdraw(0n)).rejects.toEqual(refusal('invalid_amount'))
      await expect(person.ask.withdraw(1n)).rejects.toEqual(refusal('invalid_amount'))
      await expect(person.ask.withdraw(2n ** 128n)).rejects.toEqual(refusal('invalid_amount'))
      await expect(person.ask.withdraw(MAX_RAW)).rejects.toEqual(refusal('insufficient_balance'))
      await expect(client.ask.withdrawal('of-nobody')).rejects.toEqual(refusal('not_found'))
      await person.ask.withdraw((await balanceOf(person)) - 5n)
      await person.ask.withdraw(5n)
      await world.issuer.payOut()
      expect(await person.ask.account()).toMatchObject({ balance: '0', withdrawals: [] })
    })
  })

  describe('the operator', () => {
    test('alone sees the audit and the metrics, and neither says who has what', async () => {
      const ask = (path: string, token = '') =>
        world.fetch(`${world.url}${path}`, { headers: { authorization: `Bearer ${token}` } })
      for (const path of ['/audit', '/metrics']) expect((await ask(path, 'wrong-token-0123456')).status).toBe(401)
      const audit = await (await ask('/audit', OPERATOR)).json()
      expect(audit).toMatchObject({ ok: true, surplus: '0', wrong: [] })
      const metrics = await (await ask('/metrics', OPERATOR)).text()
      for (const name of ['locked_raw', 'charged_raw', 'refund_due_raw', 'authorized_raw', 'locks{state="open"}']) {
        expect(metrics).toContain(`nano402_issuer_${name} `)
      }
      expect(metrics).toContain('nano402_issuer_rejections_total{reason="unauthorized"}')
      expect(JSON.stringify(audit) + metrics).not.toContain(client.account)
      expect(await (await world.fetch(`${world.url}/health`)).json()).toMatchObject({ node: { ok: true } })
    })
  })

  test.each(['x', 'a'.repeat(64), '%00', `${'A'.repeat(64)}0`])(
    'an id that is none (%s) is looked up nowhere',
    async (id) => {
      await expect(vendor.ask.channel(id)).rejects.toEqual(refusal('channel_not_found'))
      await expect(vendor.ask.settle(id, { amount: 0n })).rejects.toEqual(refusal('channel_not_found'))
      await expect(vendor.ask.withdrawal(`${id}!`)).rejects.toEqual(refusal('not_found'))
    },
  )

  test('a body that is long, or no JSON, is refused, and an answer is never stored', async () => {
    const ask = (body: string, headers: HeadersInit = {}) =>
      world.fetch(`${world.url}/channels`, { method: 'POST', body, headers })
    expect((await ask('x'.repeat(10_000))).status).toBe(413)
    const body = '{"config":1,"config":2}'
    const signed = { signer: client.signer, now: () => world.clock.nowMs }
    const authorization = await authorizeRequest(
      world.issuer.info.issuer,
      { method: 'POST', target: '/channels', body },
      signed,
    )
    const answer = await ask(body, { authorization })
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([400, 'no-store'])
    expect((await world.fetch(`${world.url}/nothing`)).status).toBe(404)
  })
})

describe('patience', () => {
  test('with tokens that are wrong ends, before they cost more than a second in a minute', async () => {
    const world = await openIssuer()
    const [client, vendor] = [await world.person(), await world.person()]
    await client.deposit(DEPOSIT)
    const channel = await world.payword(client, vendor)
    await client.ask.open(channel.config, 10n * UNIT)
    const rubbish = { k: 2 ** 20, token: 'A'.repeat(64) }
    const settle = (proof = rubbish) => vendor.ask.settle(channel.id, { amount: UNIT, proof })
    for (let i = 0; i < 4; i++) await expect(settle()).rejects.toEqual(refusal('proof'))
    await expect(settle()).rejects.toEqual(refusal('busy'))
    world.clock.nowMs += 60_000
    expect(await vendor.ask.settle(channel.id, { amount: UNIT, proof: await channel.proof(UNIT) })).toMatchObject({
      charged: String(UNIT),
    })
    await world.check()
    await world.close()
  })

  test('with false signatures ends as well, and holds up nobody who has a session key', async () => {
    const world = await openIssuer({ more: { falseSignaturesPerMinute: 3 } })
    const [person, server] = [await world.person(), await world.server()]
    const false_ = { ...person.signer, sign: async () => '0'.repeat(128) }
    const stranger = createIssuerClient({
      url: world.url,
      signer: false_,
      now: () => world.clock.nowMs,
      fetch: world.fetch,
    })
    for (let i = 0; i < 3; i++) await expect(stranger.account()).rejects.toEqual(refusal('unauthorized'))
    for (const { ask } of [{ ask: stranger }, person]) await expect(ask.register()).rejects.toEqual(refusal('busy'))
    expect(await server.ask.account()).toMatchObject({ account: server.account })
    world.clock.nowMs += 60_000
    expect(await person.ask.register()).toMatchObject({ account: person.account })
    await world.close()
  })

  test('with new accounts and with openings ends, too', async () => {
    const world = await openIssuer({ more: { newAccountsPerMinute: 2 } })
    const [first, second, third] = [await world.person(), await world.person(), await world.person()]
    for (const { ask } of [first, second, first]) await ask.register()
    await expect(third.ask.register()).rejects.toEqual(refusal('too_many_accounts'))
    await third.deposit(DEPOSIT) // who pays is welcome
    await third.ask.register()
    const { config } = await world.voucher(third, first)
    for (let i = 0; i < 64; i++) await third.ask.open({ ...config, nonce: String(i) }, 1n)
    await expect(third.ask.open({ ...config, nonce: '64' }, 1n)).rejects.toEqual(refusal('too_many_channels'))
    await world.check()
    await world.close()
  })
})

test('the next process pays out what the node would not take, and returns what nobody redeemed, unasked', async () => {
  const store = memoryStore()
  const devnet = createDevnet({ confirmMs: 0 })
  const world = await openIssuer({ store, devnet })
  const [client, vendor] = [await world.person(), await world.person()]
  await client.deposit(DEPOSIT)
  const channel = await world.voucher(client, vendor)
  await client.ask.open(channel.config, 10n * UNIT)
  devnet.faults.down = 'reset'
  expect(await client.ask.withdraw(20n * UNIT, 'withdrawal')).toMatchObject({ state: 'pending' })
  await world.issuer.payOut()
  await world.issuer.drain()
  devnet.faults.down = undefined

  const next = await openIssuer({ store, devnet })
  next.clock.nowMs += 3 * HOUR * 1_000
  await next.issuer.sweep()
  const account = await next.issuer.account({ account: client.account, key: 'nano' })
  expect(account).toMatchObject({ withdrawals: [], locks: [], withdrawn: 20n * UNIT })
  await next.check()
  const { withdrawals } = (await next.issuer.totals()).owed
  expect(withdrawals).toBe(0n)
  await next.close()
})

test('a certificate that was changed, or is of an issuer that nobody trusts, is worth nothing', async () => {
  const world = await openIssuer()
  const [client, vendor] = [await world.person(), await world.person()]
  await client.deposit(DEPOSIT)
  const { config } = await world.payword(client, vendor)
  const certificate = await client.ask.open(config, UNIT)
  const rules = { issuers: [world.issuer.info.issuer], minSettleSeconds: HOUR }
  const check = createCertificateCheck(rules)
  expect(await check(config, certificate)).toEqual({ amount: UNIT })
  const changes = [
    { amount: String(2n * UNIT) },
    { settleBy: certificate.settleBy + 1 },
    { channelId: 'A'.repeat(64) },
    { payee: client.account },
    { signature: certificate.signature.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')) },
  ]
  for (const change of changes) expect(await check(config, { ...certificate, ...change })).toBe('certificate')
  expect(await check({ ...config, nonce: 'another' }, certificate)).toBe('certificate')
  const { publicKey } = await ed25519Signer(randomBytes(32))
  expect(await createCertificateCheck({ ...rules, issuers: [bytesToHex(publicKey)] })(config, certificate)).toBe(
    'certificate',
  )
  expect(await createCertificateCheck({ ...rules, minSettleSeconds: HOUR + 1 })(config, certificate)).toBe(
    'settle_window',
  )
  const late = { ...rules, now: () => 1_000 * certificate.settleBy }
  expect(await createCertificateCheck(late)(config, certificate)).toBe('settle_window')
  await world.check()
  await world.close()
})
