/** `nano402 vendor` and `nano402 client`: channels for people who have nothing but the command. */
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { parseXno } from 'nano402/nano'
import { expect, onTestFinished, test } from 'vitest'
import { openIssuer } from '../issuer/world.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { ran, start } from './support.ts'

const NETWORK = ['--network', 'nano:devnet', '--work', 'cpu']
const VENDOR_SEED = '7'.repeat(64)

async function openVendor(more: readonly string[] = []) {
  const served = disposable(await serveDevnet({ confirmMs: 0 }))
  const common = [...NETWORK, '--rpc', served.url, '--json']
  const vendor = start(['vendor', ...common, '--port', '0', ...more], { env: { NANO402_SEED: VENDOR_SEED } })
  const said = JSON.parse((await vendor.printed(/.*\n/))[0])
  const { seed } = await served.devnet.fundedSeed(parseXno('2'))
  return { ...served, common, vendor, said, env: { NANO402_SEED: seed } }
}

test.each(['payword', 'voucher'])(
  'a client pays a vendor a hundred times by %s, and all the rest comes back',
  async (mode) => {
    await using world = await openVendor()
    const { common, vendor, said, env } = world
    const url = `${said.url}/paid`
    const { status, out, err } = await ran(
      ['client', url, ...common, '--requests', '100', '--mode', mode, '--no-journal'],
      { env },
    )
    expect({ status, err }).toEqual({ status: 0, err: '' })
    const result = JSON.parse(out)
    const charged = parseXno('0.001')
    expect(result).toMatchObject({
      ...{ url, requests: 100, served: 100, failed: {}, charged: String(charged), conserved: true },
      mode: mode === 'payword' ? 'payword-sha256' : 'voucher-ed25519',
    })
    expect(BigInt(result.deposited)).toBe(charged + BigInt(result.refunded))
    for (const part of ['p50', 'p95', 'p99']) expect(result.latencyMs[part]).toBeGreaterThan(0)

    expect(await (await fetch(`${said.url}/health`)).json()).toMatchObject({ node: { ok: true }, store: { ok: true } })
    expect(await (await fetch(`${said.url}/`)).json()).toMatchObject({ paid: '/paid', schemes: ['batch-settlement'] })
    expect(await (await fetch(`${said.url}/metrics`)).text()).toContain(
      `nano402_channels_opened_total{mode="${result.mode}"} 1`,
    )
    expect((await fetch(`${said.url}/nothing`)).status).toBe(404)
    vendor.interrupt()
    expect(await vendor.ended).toMatchObject({ status: 0, err: '' })
  },
)

test('with an issuer the vendor takes no deposit, and the client pays only where it trusts that issuer', async () => {
  await using node = disposable(await serveDevnet({ confirmMs: 0 }))
  const bank = await openIssuer({ devnet: node.devnet, overHttp: true })
  onTestFinished(() => bank.close())
  const common = [...NETWORK, '--rpc', node.url, '--json']
  const vendor = start(
    [
      'vendor',
      ...common,
      '--port',
      '0',
      '--issuer',
      bank.url,
      '--min-settle-seconds',
      '60',
      '--withdraw-from',
      '0.00001',
    ],
    { env: { NANO402_SEED: VENDOR_SEED } },
  )
  const said = JSON.parse((await vendor.printed(/.*\n/))[0])
  expect(said).toMatchObject({ custodian: 'issuer' })
  const { seed } = await bank.devnet.fundedSeed(parseXno('2'))
  const env = { NANO402_SEED: seed }
  const run = ['client', `${said.url}/paid`, ...common, '--no-journal', '--requests', '20']
  expect(await ran(run, { env })).toMatchObject({ status: 4, err: expect.stringContaining('custodian') })
  const { status, out } = await ran([...run, '--issuer', `${bank.url}#${bank.issuer.info.issuer}`], { env })
  expect([status, JSON.parse(out)]).toEqual([
    0,
    expect.objectContaining({ custodian: 'issuer', served: 20, charged: String(parseXno('0.0002')), conserved: true }),
  ])
  vendor.interrupt()
  expect(await vendor.ended).toMatchObject({ status: 0 })
  await bank.check()
  expect(
    await ran(['vendor', ...common, '--issuer', 'http://127.0.0.1:1'], { env: { NANO402_SEED: VENDOR_SEED } }),
  ).toMatchObject({
    ...{ status: 1, err: expect.stringContaining('does not answer') },
  })
})

test('a channel that is kept is gone on with by the next run, and closed by the last', async () => {
  await using world = await openVendor()
  const { common, said, env } = world
  const journal = ['--journal', join(temporaryDirectory(), 'journal.jsonl')]
  const run = ['client', `${said.url}/paid`, ...common, ...journal, '--requests', '5']
  const first = JSON.parse((await ran([...run, '--keep'], { env })).out)
  expect(first).toMatchObject({ served: 5, charged: String(parseXno('0.00005')) })
  expect(first).not.toHaveProperty('refunded')
  const last = JSON.parse((await ran(run, { env })).out)
  expect(last).toMatchObject({ served: 5, charged: String(parseXno('0.0001')), conserved: true })
  expect(last.deposited).toBe(first.deposited)
})

test('where no channel may be opened nothing is paid, and it ends with 4', async () => {
  await using world = await openVendor()
  const { common, said, env } = world
  const run = ['client', `${said.url}/paid`, ...common, '--no-journal', '--requests', '3']
  expect(await ran([...run, '--deposit', '0.0000001'], { env })).toMatchObject({
    ...{ status: 4, err: expect.stringContaining('budget') },
  })
  expect(await ran([...run, '--max', '0.000001'], { env })).toMatchObject({ status: 4 })
  expect(await ran(['client', 'http://127.0.0.1:1/paid', ...common, '--no-journal'], { env })).toMatchObject({
    ...{ status: 1, err: expect.stringContaining('does not answer') },
  })
})

test.each([
  ['no seed', ['vendor', '--rpc', 'http://127.0.0.1:1'], {}, 'NANO402_SEED'],
  ['no node', ['vendor'], { NANO402_SEED: VENDOR_SEED }, '--rpc'],
  ['a price that is none', ['vendor', '--price', '-1'], {}, '--price'],
  ['no request', ['client', '--requests', '0'], {}, 'at least 1'],
  ['another mode', ['client', '--mode', 'cash'], {}, '--mode'],
])('%s ends it with 2 and one sentence', async (_, args, env, sentence) => {
  const { status, err } = await ran(args as string[], { env: env as Record<string, string> })
  expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(sentence) })
  expect(err.trim().split('\n')).toHaveLength(1)
})
