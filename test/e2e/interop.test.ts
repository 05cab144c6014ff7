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
  const { status, output } = await interop('--json', '--only', '@x402/fetch,nano402/client')
  const { passed, failed, pairs }: { passed: number; failed: number; pairs: PairResult[] } = JSON.parse(output)
  expect([status, failed, passed], output).toEqual([0, 0, pairs.length])
  const names = pairs.map(({ client, server }) => `${client} > ${server}`)
  expect(names).toEqual(
    expect.arrayContaining([
      '@x402/fetch > nano402 (Express 5)',
      '@x402/fetch > nano402 (Hono)',
      '@x402/fetch > @x402/express',
      'nano402/client > @x402/express, HTTP facilitator',
      'nano402/client > @x402/hono, x402Facilitator',
      'nano402/client > @x402/next',
      'nano402/client > @faremeter/middleware (Hono)',
    ]),
  )
  for (const pair of pairs) {
    expect(Object.keys(pair)).toEqual(['client', 'server', 'wire', 'mechanism', 'passed', 'detail'])
  }
})

test.skipIf(!isInstalled)('what there is not is said, and nothing passes', async () => {
  const { status, output } = await interop('--only', 'curl')
  expect([status, output]).toEqual([1, expect.stringContaining('--only curl: there are @x402/fetch')])
})
