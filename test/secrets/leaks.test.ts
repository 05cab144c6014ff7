/**
 * Whatever is printed, logged, exported or answered holds no secret: neither the operator's and the payer's, nor a proof,
 * nor a session id but in the 402 that offers it.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import Database from 'libsql'
import type { NodeRefusedError } from 'nano402'
import { derivePrivateKey, parseXno } from 'nano402/nano'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodePaymentRequired } from '../../src/x402/headers.ts'
import { startExample } from '../support/child.ts'
import { listen } from '../support/frameworks.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { buy, createWorld, freshAccount, proofHeader, SECRET, sessionIdOf, type World } from '../support/world.ts'
import type { PayerSettings, ShopSettings } from './settings.ts'

const SECRETS = {
  secret: `${SECRET}-that-nobody-may-see`,
  path: 'node-path-7c1f',
  query: 'node-query-2b9e',
  user: 'node-user-e0a4',
  password: 'node-password-51d8',
  header: 'node-header-9f36',
  key: 'node-key-b7c2',
} as const

/** How the node answers: as it should, or in a way that repeats all it was told. */
type Mood = 'fine' | 'echo' | 'refuse' | 'html' | 'hang up'

let world: World
let mood: Mood = 'fine'
let node: Awaited<ReturnType<typeof listen>>
beforeAll(async () => {
  world = await createWorld()
  node = await listen(answerAsNode)
})
afterAll(async () => {
  await node.close()
  world.close()
})

async function answerAsNode(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += chunk
  const told = `${request.url} ${JSON.stringify(request.headers)} ${body}`
  if (mood === 'hang up') return void response.destroy()
  if (mood === 'echo') return void response.writeHead(500).end(told)
  if (mood === 'html') return void response.end(`<html>${told}</html>`)
  const { action, key, ...parameters } = JSON.parse(body)
  const { authorization = '', 'x-api-token': token } = request.headers
  const basic = Buffer.from(`${SECRETS.user}:${SECRETS.password}`).toString('base64')
  const isAllowed = key === SECRETS.key && token === SECRETS.header && authorization === `Basic ${basic}`
  const error = mood === 'refuse' || !isAllowed ? `Not allowed: ${told}` : undefined
  const answer = error
    ? { error }
    : await world.devnet.call(action, parameters).catch(({ nodeError }: NodeRefusedError) => ({ error: nodeError }))
  response.end(JSON.stringify(answer))
}

/** Everything that an HTTP client sees of an answer, headers decoded as well. */
async function everythingIn(response: Response): Promise<string> {
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value} ${decoded(value)}`)
  return [...headers, await response.text()].join('\n')
}

const decoded = (text: string) => Buffer.from(text, 'base64').toString('utf8')

test('no secret, no proof and no session id is printed, logged, exported or answered', async () => {
  const { host } = new URL(node.url)
  const url = `http://${SECRETS.user}:${SECRETS.password}@${host}/${SECRETS.path}?key=${SECRETS.query}`
  const rpc = { url, headers: { 'x-api-token': SECRETS.header }, key: SECRETS.key }
  const directory = temporaryDirectory()
  const path = join(directory, 'claims.sqlite')
  const seen = join(directory, 'seen')
  const { seed } = await world.devnet.fundedSeed(parseXno('1'))
  const start = (script: string, settings: ShopSettings | PayerSettings) =>
    startExample(script, { SETTINGS: JSON.stringify(settings) })

  const payTo = freshAccount()
  await using shop = start('test/secrets/shop.ts', { secret: SECRETS.secret, rpc, store: `sqlite:${path}`, payTo })
  const origin = `http://127.0.0.1:${(await shop.printed(/port: (\d+)/))[1]}`
  await using payer = start('test/secrets/payer.ts', { seed, rpc, shop: origin, seen })
  expect(await payer.ended, payer.output()).toBe(0)

  const texts: Record<string, string> = {}
  const proofs: string[] = []
  const ids: string[] = []
  /** Asks, and keeps what came; the session ids that it offers may be in it, and in nothing else. */
  async function ask(what: string, target: string, headers: Record<string, string> = {}): Promise<number> {
    const response = await fetch(`${origin}${target}`, { headers })
    if (headers['PAYMENT-SIGNATURE']) proofs.push(headers['PAYMENT-SIGNATURE'])
    const offered = idsIn(response.headers.get('PAYMENT-REQUIRED') ?? '')
    ids.push(...offered)
    const text = await everythingIn(response)
    texts[what] = offered.reduce((rest, id) => rest.replaceAll(id, '(its own)'), text)
    return response.status
  }

  const bought = await buy(world.buyer, `${origin}/report`)
  const other = await buy(world.buyer, `${origin}/report`)
  ids.push(sessionIdOf(bought.offer), sessionIdOf(other.offer))
  const statuses = [
    await ask('an offer', '/report'),
    await ask('another session', '/report', proofHeader(other.offer, bought.hash)),
    await ask('another URL', '/report?more', bought.headers),
    await ask('not base64', '/report', { 'PAYMENT-SIGNATURE': `${bought.headers['PAYMENT-SIGNATURE']}!` }),
    await ask('cut', '/report', { 'PAYMENT-SIGNATURE': bought.headers['PAYMENT-SIGNATURE'].slice(0, -8) }),
    await ask('two proofs', '/report', { ...bought.headers, 'X-PAYMENT': bought.headers['PAYMENT-SIGNATURE'] }),
    await ask('no such block', '/report', proofHeader(bought.offer, 'AB'.repeat(32))),
    await ask('paid', '/report', bought.headers),
    await ask('spent', '/report', bought.headers),
    await ask('no price', '/unpriced'),
  ]
  expect(statuses).toEqual([402, 402, 402, 400, 400, 400, 503, 200, 402, 503])

  for (mood of ['echo', 'refuse', 'html', 'hang up'] as const) {
    expect(await ask(`node: ${mood}`, '/report', other.headers)).toBe(503)
    await ask(`health, node: ${mood}`, '/health')
  }
  mood = 'fine'
  const broken = new Database(path)
  broken.exec('ALTER TABLE claims RENAME TO lost')
  broken.close()
  expect(await ask('store: no table', '/report', other.headers)).toBe(503)
  expect(await ask('metrics', '/metrics')).toBe(200)
  await shop.stop()
  expect(await shop.ended).toBe(0)

  for (const line of readFileSync(seen, 'utf8').trim().split('\n')) {
    const offered = idsIn(line)
    if (offered.length > 0) ids.push(...offered)
    else proofs.push(line)
  }
  texts['what the shop printed'] = shop.output()
  texts['what the payer printed'] = payer.output()

  expect(texts['what the shop printed'], 'that a fault is told').toMatch(/no such table/)
  expect(texts['what the shop printed'], 'that spans are exported').toMatch(/nano402 node blocks_info/)
  expect(texts['what the payer printed'], 'that a payment is refused').toMatch(/ERR_REFUSED_AFTER_PAYMENT/)
  expect([proofs.length, ids.length].every((count) => count > 5)).toBe(true)

  const keys = [0, 1].map((index) => derivePrivateKey(seed, index))
  const parts = [SECRETS.secret.slice(0, 31), seed.slice(1)] // of which some were given too short
  expect(leaks(texts, [...Object.values(SECRETS), ...parts, host, ...keys, ...proofs, ...ids])).toEqual([])
})

const idsIn = (header: string): readonly string[] =>
  decodePaymentRequired(header)?.accepts.map((offer) => sessionIdOf(offer)) ?? []

/** Where which text is, in whatever case. */
function leaks(texts: Readonly<Record<string, string>>, forbidden: readonly string[]): readonly string[] {
  return Object.entries(texts).flatMap(([where, text]) =>
    forbidden
      .filter((secret) => text.toLowerCase().includes(secret.toLowerCase()))
      .map((secret) => {
        const at = text.toLowerCase().indexOf(secret.toLowerCase())
        return `${where}: ${text.slice(Math.max(0, at - 200), at + 40)}`
      }),
  )
}
