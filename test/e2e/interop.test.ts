/** `npm run interop`, as it is started, with a part of its pairs. */
import { expect, test, vi } from 'vitest'
import type { PairResult } from '../interop/pair.ts'
import { startChild } from '../support/child.ts'
import { installOnce } from '../support/registry.ts'

vi.setConfig({ testTimeout: 120_000 }) // programs take a while to start where many do

const isInstalled = await installOnce('test/interop')

async function interop(...args: string[]) {
  await using child = startChild('npm', ['run', '--silent', 'interop', '--', ...args])
  return { status: await child.ended, output: child.output() }
}

test.skipIf(!isInstalled)('official clients pay us, and we pay official servers: a row for each pair', async () => {
  const [clients, servers] = ['@x402/fetch;nano402/client', '@x402/express;nano402 (Hono)']
  const { status, output } = await interop('--json', '--only', clients, '--against', servers)
  const { passed, failed, pairs }: { passed: number; failed: number; pairs: PairResult[] } = JSON.parse(output)
  expect([status, failed, passed], output).toEqual([0, 0, pairs.length])
  const rows = pairs.map(({ client, server, wire, mechanism }) => [client, server, wire, mechanism].join(' > '))
  const ways = ['session', 'signed-block', 'signature']
  const inX402 = (pair: string) => ways.map((way) => `${pair} > x402 > ${way}`)
  expect(rows).toEqual([
    ...inX402('@x402/fetch > @x402/express'),
    ...inX402('@x402/fetch > nano402 (Hono)'),
    '@x402/fetch > nano402 (Hono) > x402-v1 > session',
    ...inX402('nano402/client > @x402/express'),
    ...inX402('nano402/client > nano402 (Hono)'),
    'nano402/client > nano402 (Hono) > x402-v1 > session',
    'nano402/client > nano402 (Hono) > nanosession-3 > session',
    'nano402/client > nano402 (Hono) > nanosession-5 > session',
    ...ways.map((way) => `nano402/client > nano402 (Hono) > nanosession-7 > ${way}`),
  ])
  for (const pair of pairs) {
    expect(Object.keys(pair)).toEqual(['client', 'server', 'wire', 'mechanism', 'passed', 'detail'])
  }
})

test.skipIf(!isInstalled)('what there is not is said, and nothing passes', async () => {
  const { status, output } = await interop('--only', 'curl')
  expect([status, output]).toEqual([1, expect.stringContaining('--only curl: there are @x402/fetch')])
})
