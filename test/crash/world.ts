/** What outlives the servers that are killed: a devnet, a store, and a file that says what their handlers did. */
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { Store } from 'nano402'
import type { Devnet } from 'nano402/devnet'
import { serveDevnet } from 'nano402/devnet/server'
import type { NanoAddress } from 'nano402/nano'
import { openStore } from '../../src/stores/open.node.ts'
import { type Child, ROOT, startChild } from '../support/child.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { freshAccount, SECRET } from '../support/world.ts'
import type { Settings } from './settings.ts'

/** The stores that processes share, each with a way to begin one in a directory. */
export const SHARED_STORES = [
  {
    name: 'SQLite',
    isHere: true,
    begin: async (directory: string) => ({ url: `sqlite:${join(directory, 'claims.sqlite')}`, stop: async () => {} }),
  },
  { name: 'Redis', isHere: hasRedis, begin: async (_directory: string) => startRedis() },
] as const

export interface Server {
  readonly url: string
  readonly port: number
  /** Resolves when it has stopped at its step. */
  readonly stopped: () => Promise<unknown>
  /** Kills it with -9. */
  kill(): Promise<void>
}

export interface CrashWorld {
  readonly devnet: Devnet
  /** Of the devnet. */
  readonly nodeUrl: string
  /** The account that is paid. It pockets nothing, so that everything it was ever paid is receivable. */
  readonly payTo: NanoAddress
  /** For files that go with the world. */
  readonly directory: string
  /** The test's own connection to the store. */
  readonly store: Store
  start(
    settings?: Partial<Omit<Settings, 'options'>> & { readonly options?: Partial<Settings['options']> },
  ): Promise<Server>
  /** Starts another program of this folder. */
  run(program: string, argument: unknown): Child
  /** How often each block was noted so. */
  noted(what: 'ran' | 'left'): ReadonlyMap<string, number>
  close(): Promise<void>
}

export async function createCrashWorld(
  shared: (typeof SHARED_STORES)[number],
  { leaseMs = 2_000, attempts = 3, confirmMs = 0 } = {},
): Promise<CrashWorld> {
  await mkdir(join(ROOT, 'test-artifacts'), { recursive: true })
  // Within the repository, because what a bundle leaves out is looked for from where it is.
  const directory = await mkdtemp(join(ROOT, 'test-artifacts', 'crash-'))
  await bundle(directory)
  const served = await serveDevnet({ confirmMs })
  const kept = await shared.begin(directory)
  const store = await openStore(kept.url)
  const payTo = freshAccount()
  const log = join(directory, 'handlers.log')
  const running = new Set<Child>()
  const run: CrashWorld['run'] = (program, argument) => {
    const child = startChild(process.execPath, [join(directory, `${program}.js`), JSON.stringify(argument)])
    running.add(child)
    void child.ended.then(() => running.delete(child))
    return child
  }
  const options: Settings['options'] = {
    ...{ network: 'nano:devnet', rpc: served.url, payTo, price: '0.001', secret: SECRET },
    ...{ leaseMs, attempts },
  }
  const defaults = { framework: 'express', store: kept.url, log, port: 0, handlerMs: 0, isFailing: false } as const
  return {
    devnet: served.devnet,
    nodeUrl: served.url,
    payTo,
    directory,
    store,
    run,
    async start({ options: more, ...settings } = {}) {
      const child = run('server', { ...defaults, ...settings, options: { ...options, ...more } } satisfies Settings)
      const port = Number((await child.printed(/listening on (\d+)\n/))[1])
      return { url: `http://127.0.0.1:${port}`, port, stopped: () => child.printed(/stopped/), kill: child.kill }
    },
    noted(what) {
      const counts = new Map<string, number>()
      for (const line of readFileSync(log, { encoding: 'utf8', flag: 'a+' }).split('\n')) {
        const [did, hash] = line.split(' ')
        if (did === what && hash !== undefined) counts.set(hash, (counts.get(hash) ?? 0) + 1)
      }
      return counts
    },
    async close() {
      await Promise.all([...running].map((child) => child.kill()))
      await store.close()
      await kept.stop()
      await served.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** Each program in one file: many are started, and most of their time would go into finding a hundred small files. */
const bundle = (directory: string) =>
  build({
    entryPoints: ['server', 'load-client'].map((program) => join(ROOT, `test/crash/${program}.ts`)),
    outdir: directory,
    bundle: true,
    format: 'esm',
    platform: 'node',
    // What is chosen at run time, and what has parts that are no JavaScript.
    external: ['better-sqlite3', 'libsql', 'ioredis', 'redis', 'bufferutil', 'utf-8-validate'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  })
