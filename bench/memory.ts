/**
 * What a million unpaid requests leave behind: `npm run bench:memory`, with `--requests 1000000 --frameworks express,hono`.
 * Each is answered with a session of its own. README.md says what the numbers mean.
 */
import { parseArgs } from 'node:util'
import { FRAMEWORKS, type Framework } from './frameworks.ts'
import { collectGarbage } from './measure.ts'
import { nano402 } from './nano402.ts'
import { repeat } from './subject.ts'

const BATCH = 1_000

const { values: options } = parseArgs({
  options: {
    requests: { type: 'string', default: '1000000' },
    frameworks: { type: 'string', default: 'express,hono' },
  },
})

/** Everything that is reachable, in bytes: the heap, and the buffers outside of it. */
function retained(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function growthOf(framework: Framework, requests: number): Promise<number> {
  const subject = await nano402()
  const batch = await subject.prepare('unpaid', 0)
  const app = await framework.open(batch?.middleware)
  const send = async (count: number) => {
    for (let sent = 0; sent < count; sent += BATCH) await app.load(repeat(BATCH, {}), 402)()
  }
  await send(20 * BATCH) // what the engine keeps of compiled code is no matter of requests
  const before = retained()
  await send(requests)
  const growth = retained() - before
  app.close()
  return growth
}

for (const framework of FRAMEWORKS.filter(({ name }) => options.frameworks.split(',').includes(name))) {
  const requests = Number(options.requests)
  const growth = await growthOf(framework, requests)
  const each = (growth / requests).toFixed(3)
  console.log(
    `${framework.name}: ${(growth / 1e6).toFixed(2)} MB after ${requests} unpaid requests, ${each} bytes each`,
  )
}
process.exit(0)
