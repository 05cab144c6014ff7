/** Bundles an adapter with the session mechanism as an edge platform does, and runs it where there is nothing of Node. */
import { join } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'

export interface EdgeBundle {
  /** Gzipped, in one piece. */
  readonly bytes: number
  readonly problem: string | undefined
}

export async function checkEdgeBundle(project: string, adapter: 'hono' | 'next'): Promise<EdgeBundle> {
  const options = {
    stdin: { contents: `export { paywall } from 'nano402/${adapter}'`, resolveDir: project },
    absWorkingDir: project,
    bundle: true,
    minify: true,
    // Not `node`, so that whatever only Node has cannot be resolved, and fails the build.
    platform: 'browser',
    conditions: ['edge-light', 'workerd', 'worker'],
    metafile: true,
    write: false,
    logLevel: 'silent',
  } satisfies BuildOptions
  try {
    const { metafile, outputFiles } = await build({ ...options, format: 'esm' })
    const bytes = gzipSync(outputFiles[0]?.contents ?? '').length
    const outside = Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path))
    const forNode = Object.keys(metafile.inputs).filter((path) => /dist\/node\/|node_modules\/ws\//.test(path))
    const needs = [...outside, ...forNode]
    if (needs.length > 0) return { bytes, problem: `it needs ${needs.join(', ')}` }
    const script = await build({ ...options, format: 'iife', globalName: 'bundle' })
    return { bytes, problem: await tryOut(script.outputFiles[0]?.text ?? '', adapter) }
  } catch (error) {
    return { bytes: 0, problem: String(error) }
  }
}

/** Web globals alone, and no code made from text. What is not among them is what edge platforms do not share. */
const WEB = {
  ...{ AbortController, AbortSignal, atob, btoa, crypto, fetch, Headers, ReadableStream, Request, Response },
  ...{ TextDecoder, TextEncoder, URL, URLSearchParams, setTimeout, clearTimeout, console, queueMicrotask },
}

const TRY_OUT = {
  hono: `
    const context = { req: { raw: request }, res: new Response(), set() {}, get() {} }
    bundle.paywall(options)(context, () => {}).then(() => context.res)`,
  next: `
    bundle.paywall(options, () => new Response('free'))(request, {})`,
}

/** An unpaid request to the bundle has to be asked for money. */
async function tryOut(code: string, adapter: 'hono' | 'next'): Promise<string | undefined> {
  const context = createContext({ ...WEB }, { codeGeneration: { strings: false, wasm: false } })
  try {
    runInContext(`globalThis.self = globalThis; ${code}; globalThis.bundle = bundle`, context, {
      filename: join('/', adapter),
    })
    const response: Response = await runInContext(
      `const request = new Request('https://shop.example/report')
       const options = {
         price: '0.001', rpc: 'https://node.example', store: 'memory', secret: 'a-secret-of-the-package-check-0123456789',
         payTo: 'nano_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7',
       }
       ${TRY_OUT[adapter]}`,
      context,
    )
    return response.status === 402 ? undefined : `an unpaid request got ${response.status}: ${await response.text()}`
  } catch (error) {
    return `it fails without Node: ${error}`
  }
}
