/**
 * Every fenced block of every page, by its language. TypeScript is compiled elsewhere: `ts` by examples.test.ts, and
 * `typescript`, which needs the packages of others, by test/interop/docs.test.ts.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DEVNET_GENESIS_ACCOUNT } from 'nano402/devnet'
import { createProxy } from 'nano402/proxy'
import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { readProxyFile } from '../../src/proxy/file.ts'
import { ROOT } from '../support/child.ts'
import { SECRET } from '../support/world.ts'
import { faultsOf } from './commands.ts'
import { type Fenced, fencedIn, PAGES } from './pages.ts'

const { services } = parseYaml(readFileSync(join(ROOT, 'deploy/compose.yaml'), 'utf8'), { merge: true })
const redisSettings: string = services['redis-vendor'].command.join(' ')

/** What a page leaves to the command line and the environment. */
const ELSEWHERE = { upstream: 'http://127.0.0.1:1', rpc: 'http://127.0.0.1:1', payTo: DEVNET_GENESIS_ACCOUNT }

/** What is wrong with a block: nothing, or sentences. */
const CHECKS: Readonly<Record<string, (block: Fenced) => readonly string[] | Promise<readonly string[]>>> = {
  ts: () => [],
  'ts run': () => [],
  typescript: ({ page }) => (page === 'docs/x402.md' ? [] : ['Nothing compiles this: write ts.']),
  text: () => [],
  json: ({ code }) => faultsOfParsing(() => JSON.parse(code)),
  /** The file of a proxy, which is made as the command makes it. */
  yaml: ({ code }) =>
    faultsOfParsing(async () => {
      const { options } = readProxyFile(code, { name: 'yaml', environment: { NANO402_SECRET: SECRET } })
      await createProxy({ ...ELSEWHERE, ...options, store: 'memory' }).close()
    }),
  sh: ({ code }) => faultsOf(code),
  /** Compared with what the code writes by protocol.test.ts. */
  http: ({ comment = '' }) => (comment.startsWith('exchange in ') ? [] : ['No test writes this.']),
  /** Settings of Redis, as those of deploy/, which a test starts. */
  ini: ({ code }) =>
    code
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !redisSettings.includes(`--${line}`))
      .map((line) => `deploy/compose.yaml does not set ${line}.`),
}

async function faultsOfParsing(parse: () => unknown): Promise<readonly string[]> {
  try {
    await parse()
    return []
  } catch (error) {
    return [String(error)]
  }
}

test.each(PAGES)('each block in %s is what its language says, and its commands are there', async (page) => {
  for (const block of fencedIn(page)) {
    const check = CHECKS[block.language] ?? (() => [`No test knows the language '${block.language}'.`])
    expect(await check(block), block.where).toEqual([])
  }
})

test('a command that is not there is found', () => {
  expect(faultsOf('npx nano402 pay --frobnicate https://a.example')).not.toEqual([])
  expect(faultsOf('npx nano402 pay')).not.toEqual([])
  expect(faultsOf('npx nano402 wallets create')).not.toEqual([])
  expect(faultsOf('npm run docs:biuld')).not.toEqual([])
  expect(faultsOf('npm run attack -- --onyl R2')).not.toEqual([])
  expect(faultsOf('NANO402_STROE=memory npx nano402 doctor')).not.toEqual([])
  expect(faultsOf('openssl rand -hex 32 | nano403 doctor')).not.toEqual([])
  expect(faultsOf('A=$(nano402 nothing) npm start')).not.toEqual([])
})
