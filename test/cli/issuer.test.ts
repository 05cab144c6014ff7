/** `nano402 issuer`: an issuer for clients that have nothing but its URL, and whether it adds up. */
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { accountSigner, createIssuerClient } from 'nano402/issuer'
import { expect, test } from 'vitest'
import { ISSUER_SEED } from '../issuer/support.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { buy, createWorld } from '../support/world.ts'
import { ran, start } from './support.ts'

const NETWORK = ['--network', 'nano:devnet', '--work', 'cpu']
const TOKEN = 'a-token-of-the-operator-01'

test('it takes deposits, ends on a signal, and another one on its store says that everything adds up', async () => {
  await using served = disposable(await serveDevnet({ confirmMs: 0 }))
  const { buyer } = await createWorld({ devnet: served.devnet })
  const store = ['--store', `sqlite:${join(temporaryDirectory(), 'issuer.sqlite')}`]
  const common = ['issuer', ...NETWORK, ...store, '--rpc', served.url, '--json']
  const env = { NANO402_SEED: ISSUER_SEED, NANO402_ISSUER_TOKEN: TOKEN }
  const issuer = start([...common, '--port', '0'], { env })
  const { url, network, account } = JSON.parse((await issuer.printed(/.*\n/))[0])
  expect(network).toBe('nano:devnet')

  const client = createIssuerClient({ url, signer: accountSigner(buyer.key) })
  const deposit = client.depositUrl(10n ** 27n)
  const { headers, offer } = await buy(buyer, deposit, { method: 'POST' })
  expect(offer.payTo).toBe(account)
  expect((await fetch(deposit, { method: 'POST', headers })).status).toBe(200)
  expect(await client.account()).toMatchObject({ balance: offer.amount })
  const metrics = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const text = await metrics.text()
  for (const name of ['nano402_issuer_accounts 1', 'nano402_claims_total{route="deposit"']) expect(text).toContain(name)
  issuer.interrupt()
  expect(await issuer.ended).toMatchObject({ status: 0, err: '' })

  const right = await ran([...common, '--audit'], { env })
  expect([right.status, JSON.parse(right.out)]).toEqual([
    0,
    expect.objectContaining({ ok: true, owed: offer.amount, held: offer.amount, surplus: '0' }),
  ])
  // With another key it is another account, which has nothing of what is owed.
  const wrong = await ran(['issuer', ...NETWORK, ...store, '--rpc', served.url, '--audit'], {
    env: { NANO402_SEED: '8'.repeat(64) },
  })
  expect(wrong).toMatchObject({
    status: 3,
    out: expect.stringMatching(/missing +0\.00100.*\nIt does not add up\.\n$/s),
  })
})

test.each([
  ['no node', [], { NANO402_SEED: ISSUER_SEED }, '--rpc'],
  ['no seed', ['--rpc', 'http://127.0.0.1:1'], {}, 'NANO402_SEED'],
  [
    'a store in memory in production',
    ['--rpc', 'http://127.0.0.1:1'],
    { NANO402_SEED: ISSUER_SEED, NODE_ENV: 'production' },
    'memory store',
  ],
  [
    'a token that can be guessed',
    ['--rpc', 'http://127.0.0.1:1', '--port', '0'],
    { NANO402_SEED: ISSUER_SEED, NANO402_ISSUER_TOKEN: 'short' },
    'at least 16 characters',
  ],
])('%s ends it with 2 and one sentence, which quotes no secret', async (_, args, env, sentence) => {
  const { status, err } = await ran(['issuer', ...NETWORK, ...args], { env: env as Record<string, string> })
  expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(sentence) })
  expect(err).not.toContain(ISSUER_SEED)
})
