/** An application that Next.js has built, with `@x402/next` in it: a process of its own, that charges through our facilitator over HTTP. */
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { createFacilitator, facilitatorApp } from 'nano402/facilitator'
import { type Child, ROOT, startChild } from '../support/child.ts'
import { listenFetch } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'
import { MECHANISMS, type Server } from './pair.ts'

const FOLDER = join(ROOT, 'test/interop')

/** Builds the application of next/ in a folder of its own, and starts it. */
async function startApp({ options }: World) {
  const facilitator = createFacilitator({
    ...{ rpc: options.rpc, network: options.network, secret: options.secret, store: 'memory' },
    mechanisms: MECHANISMS,
  })
  const service = await listenFetch(facilitatorApp(facilitator).fetch)
  await mkdir(join(FOLDER, 'test-artifacts'), { recursive: true })
  const cwd = await mkdtemp(join(FOLDER, 'test-artifacts/next-'))
  const next = (args: readonly string[]): Child =>
    startChild(process.execPath, [join(FOLDER, 'node_modules/next/dist/bin/next'), ...args], {
      cwd,
      env: { NEXT_TELEMETRY_DISABLED: '1', FACILITATOR_URL: service.url, PAY_TO: options.payTo },
    })
  let app: Child | undefined
  const close = async () => {
    await app?.stop()
    await rm(cwd, { recursive: true })
    await service.close()
    await facilitator.close()
  }
  try {
    await cp(join(FOLDER, 'next'), cwd, { recursive: true })
    await mkdir(join(cwd, 'node_modules'))
    await symlink(ROOT, join(cwd, 'node_modules/nano402')) // as it is published: dist
    const building = next(['build'])
    if ((await building.ended) !== 0) throw new Error(`next build failed:\n${building.output()}`)
    app = next(['start', '-H', '127.0.0.1', '-p', '0'])
    const [, port = ''] = await app.printed(/Local: +http:\/\/127\.0\.0\.1:(\d+)[\s\S]*Ready/)
    return { url: `http://localhost:${port}`, close } // as Next calls it in what it says of itself
  } catch (error) {
    await close()
    throw error
  }
}

let started: ReturnType<typeof startApp> | undefined

export const nextServer: Server = {
  name: '@x402/next',
  wires: ['x402'],
  mechanisms: MECHANISMS,
  async open(world, { mechanism }) {
    started ??= startApp(world)
    const { url } = await started
    const count = async () => Number(await (await fetch(`${url}/runs`)).json())
    const before = await count()
    return { url: `${url}/report/${mechanism}`, runs: async () => (await count()) - before, async close() {} }
  },
  async close() {
    const app = started
    started = undefined
    await (await app)?.close()
  },
}
