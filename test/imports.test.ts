/** DESIGN.md's map as a table: which folder may import what. Imports point down, and a platform's own parts stay apart. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { ROOT } from './support/child.ts'

/**
 * What each folder of `src`, and each file beside them, may import: folders, files (with their extension), and packages
 * (`npm:`). A `#folder/name` counts as `folder/name`. Itself is always allowed.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  announce: [],
  'lru-cache': ['npm:lru-cache'],
  nano: [
    ...['errors', 'npm:blakejs', 'npm:tweetnacl', 'npm:@noble/hashes/hmac.js', 'npm:@noble/hashes/sha2.js'],
    ...['npm:@scure/bip39', 'npm:@scure/bip39/wordlists/english.js'],
  ],
  zod: ['npm:zod/mini'],
  x402: ['errors', 'zod'],
  core: ['x402', 'errors', 'lru-cache'],
  channel: ['core', 'nano', 'zod', 'errors', 'lru-cache', 'npm:tweetnacl'],
  wallet: ['rpc', 'nano', 'errors'],
  custody: ['wallet', 'core', 'rpc', 'nano', 'errors'],
  http: ['core/request.ts', 'errors'],
  rpc: ['nano', 'errors', 'lru-cache', 'npm:ws'],
  devnet: ['nano', 'rpc/node.ts', 'errors', 'npm:ws'],
  stores: ['core/store.ts', 'errors', 'npm:better-sqlite3', 'npm:libsql', 'npm:ioredis', 'npm:redis'],
  mechanisms: [
    ...['channel', 'custody', 'wallet/work.ts', 'issuer/ask.ts', 'issuer/request.ts'],
    ...['core', 'nano', 'rpc', 'x402', 'errors', 'lru-cache'],
  ],
  client: [
    'lru-cache',
    'channel',
    'wallet',
    'issuer/ask.ts',
    'issuer/request.ts',
    'issuer/views.ts',
    'core/bytes.ts',
    'rpc',
    'nano',
    'x402',
    'errors',
  ],
  sdk: ['client', 'facilitator', 'remote', 'mechanisms/names.ts', 'core', 'x402', 'errors'],
  testing: ['client', 'devnet', 'core', 'rpc', 'nano', 'x402', 'errors'],
  secret: ['core', 'nano', 'errors'],
  extensions: ['core', 'x402', 'errors'],
  access: ['core', 'x402', 'errors'],
  discovery: ['extensions', 'core', 'nano', 'x402'],
  arrivals: ['rpc', 'nano', 'lru-cache'],
  page: [
    ...[
      'arrivals',
      'remote',
      'core',
      'rpc',
      'nano',
      'x402',
      'errors',
      'zod',
      'lru-cache',
      'npm:lean-qr',
      'npm:lean-qr/extras/svg',
    ],
  ],
  options: [
    'access/options.ts',
    'page/page.ts',
    'extensions',
    'remote/ask.ts',
    'mechanisms/names.ts',
    'core',
    'rpc',
    'x402',
    'errors',
    'zod',
  ],
  'pay-to': ['core/bytes.ts', 'nano', 'errors'],
  pricing: ['options', 'pay-to', 'core', 'nano', 'errors'],
  rates: ['rpc/http.ts', 'rpc/wait.ts', 'errors'],
  observe: ['core', 'rpc'],
  deployment: [...['options', 'observe', 'secret', 'announce', 'rpc', 'stores', 'devnet'], ...['core', 'errors']],
  channels: ['deployment', 'mechanisms', 'options', 'pricing', 'core', 'nano', 'zod', 'errors'],
  backing: [
    'channels',
    'deployment',
    'secret',
    'mechanisms',
    'options',
    'remote',
    'rpc',
    'core',
    'nano',
    'x402',
    'errors',
  ],
  paywall: [
    ...['access', 'backing', 'deployment', 'discovery', 'extensions', 'options', 'page', 'pay-to', 'pricing', 'rpc'],
    ...['core', 'x402', 'nano', 'errors'],
  ],
  instance: ['paywall', 'options'],
  index: [
    ...[
      'access',
      'instance',
      'paywall',
      'deployment',
      'discovery',
      'extensions',
      'options',
      'pay-to',
      'mechanisms',
      'rpc',
      'http',
    ],
    ...['remote/ask.ts', 'core', 'x402', 'errors'],
  ],
  metrics: ['core', 'npm:prom-client'],
  otel: ['core', 'errors', 'npm:@opentelemetry/api'],
  reconcile: ['channel', 'custody/chain.ts', 'core', 'rpc', 'nano', 'errors'],
  remote: ['core', 'rpc', 'x402', 'errors', 'zod'],
  facilitator: [
    ...[
      'arrivals',
      'deployment',
      'mechanisms',
      'options',
      'pay-to',
      'pricing',
      'remote',
      'rpc',
      'core',
      'nano',
      'x402',
      'errors',
    ],
    ...['npm:hono'],
  ],
  issuer: [
    ...['channel', 'custody', 'wallet/work.ts', 'deployment', 'options', 'paywall', 'pricing', 'stores', 'rpc'],
    ...['core', 'x402', 'nano', 'errors', 'npm:hono', 'lru-cache'],
  ],
  proxy: ['index', 'page', 'rates', 'core/refresh.ts', 'zod', 'errors', 'npm:httpxy', 'npm:yaml'],
  cli: [
    ...['facilitator', 'issuer', 'proxy', 'metrics', 'mechanisms/names.ts'],
    ...['index', 'client', 'devnet', 'reconcile', 'rpc', 'stores', 'nano', 'x402', 'secret', 'errors'],
    'npm:@commander-js/extra-typings',
  ],
}

/** Files that may use what only Node has. */
const isForNode = (path: string) =>
  path.endsWith('.node.ts') || /^src\/(devnet\/server|stores\/sqlite)\.ts$|^src\/(cli|proxy)\//.test(path)

const listFiles = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => `${folder}/${path}`)

/** The code without comments, whose examples import as well. */
const codeOf = (path: string): string =>
  readFileSync(join(ROOT, path), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')

interface Import {
  readonly specifier: string
  readonly isTypeOnly: boolean
}

/** Every module that a file names, in whatever kind of import or re-export. */
function importsOf(path: string): readonly Import[] {
  const statements = codeOf(path).matchAll(
    /\b(?:(import|export)\s+(type\s)?[^'"()]*?from\s*|import\s*\(\s*|import\s*)(['"])([^'"]+)\3/g,
  )
  return [...statements].map(([, , type, , specifier = '']) => ({ specifier, isTypeOnly: type !== undefined }))
}

/** The row of the table that a file of `src` belongs to: its folder, or its own name without the platform. */
function rowOf(path: string): string {
  const [first = '', ...below] = relative('src', path).split('/')
  return below.length > 0 ? first : first.replace(/(\.(node|web))?\.ts$/, '')
}

/** What a file imports, in the words of the table. */
function targetOf(path: string, specifier: string): { readonly row: string; readonly file: string } {
  if (specifier.startsWith('#')) return targetOf('src/x.ts', `./${specifier.slice(1)}.ts`)
  if (!specifier.startsWith('.')) return { row: `npm:${specifier}`, file: specifier }
  const target = join(dirname(path), specifier)
  return { row: rowOf(target), file: relative('src', target) }
}

const sources = listFiles('src')
const adapters = listFiles('adapters')

/** Every import of these files that breaks a rule, as `file: import`. */
const offences = (files: readonly string[], isWrong: (found: Import, path: string) => boolean): readonly string[] =>
  files.flatMap((path) =>
    importsOf(path)
      .filter((found) => isWrong(found, path))
      .map(({ specifier }) => `${path}: ${specifier}`),
  )

test('every kind of import is found', () => {
  const kinds = offences(
    ['src/client/index.ts', 'src/client/file-journal.ts', 'src/rpc/websocket.node.ts', 'src/devnet/embed.node.ts'],
    () => true,
  )
  for (const one of [
    'src/client/file-journal.ts: #client/file-journal',
    'src/client/index.ts: ./journal.ts',
    'src/rpc/websocket.node.ts: ws',
    'src/devnet/embed.node.ts: ./server.ts',
    'src/devnet/embed.node.ts: ../nano/index.ts',
  ]) {
    expect(kinds).toContain(one)
  }
})

test('a file of src imports only what lies below it', () => {
  const upwards = offences(sources, ({ specifier }, path) => {
    if (specifier.startsWith('node:')) return false
    const target = targetOf(path, specifier)
    const allowed = MAY_IMPORT[rowOf(path)] ?? []
    return target.row !== rowOf(path) && !allowed.includes(target.row) && !allowed.includes(target.file)
  })
  expect(upwards).toEqual([])
})

test('the table is about the folders that there are', () => {
  expect([...new Set(sources.map(rowOf))].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
})

test('an adapter imports the public door, and nothing of its framework but types', () => {
  const wrong = ({ specifier, isTypeOnly }: Import) =>
    specifier !== '../src/index.ts' && (!isTypeOnly || specifier.startsWith('.'))
  expect(offences(adapters, wrong)).toEqual([])
})

test('an adapter is too short to hold a rule about money', () => {
  const isCode = (line: string) => !/^\s*(\/?\*|\/\/|$)/.test(line)
  const isLong = (path: string) => readFileSync(join(ROOT, path), 'utf8').split('\n').filter(isCode).length >= 45
  expect(adapters.filter(isLong)).toEqual([])
})

test('only the files made for it use what Node alone has', () => {
  const portable = [...sources, ...adapters].filter((path) => !isForNode(path))
  expect(offences(portable, ({ specifier }) => /^(node:|ws$)/.test(specifier))).toEqual([])
  const globals = /\b(Buffer|setImmediate|__dirname|__filename|require)\b/
  expect(portable.filter((path) => globals.test(codeOf(path)))).toEqual([])
})

test('relative imports say their extension', () => {
  expect(offences([...sources, ...adapters], ({ specifier }) => /^\..*(?<!\.ts)$/.test(specifier))).toEqual([])
})

test('what is imported for whatever platform there is exists for Node and for others, with the same exports', async () => {
  const named = new Set(
    sources.flatMap((path) =>
      importsOf(path).flatMap(({ specifier }) => (specifier.startsWith('#') ? specifier.slice(1) : [])),
    ),
  )
  expect(named.size).toBeGreaterThan(0)
  for (const name of named) {
    const [node, web] = await Promise.all(
      ['node', 'web'].map((platform) => import(pathToFileURL(join(ROOT, `src/${name}.${platform}.ts`)).href)),
    )
    expect(Object.keys(web).sort(), name).toEqual(Object.keys(node).sort())
  }
})
