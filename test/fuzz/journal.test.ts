import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { PaywallError } from 'nano402'
import { createPayer, fileJournal, JournalError } from 'nano402/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { frameworks, listen, type Served } from '../support/frameworks.ts'
import { createWorld, type World } from '../support/world.ts'
import { bent, bentText, fuzz, type Json } from './fuzz.ts'

const directory = mkdtempSync(join(tmpdir(), 'nano402-'))
const path = join(directory, 'journal')
let world: World
let shop: Served
let free: Awaited<ReturnType<typeof listen>>
let lines: readonly string[]

const payerOver = () =>
  createPayer({
    privateKey: world.buyer.key,
    rpc: world.devnet,
    network: 'nano:devnet',
    budget: { perRequest: '0.01', total: '5' },
    work: 'cpu',
    journal: fileJournal(path),
    retryForMs: 1,
    confirmTimeoutMs: 1,
  })

beforeAll(async () => {
  world = await createWorld()
  const [{ serve } = { serve: undefined }] = frameworks
  if (!serve) throw new Error('No framework.')
  shop = await serve(world.options, () => ({ status: shop.runs() > 1 ? 500 : 200 }))
  free = await listen((_req, res) => res.end('free'))
  const payer = payerOver()
  await payer.fetch(`${shop.url}/delivered`)
  await payer.fetch(`${shop.url}/open`) // answered with 500, so its payment stays to be used
  await payer.close()
  lines = readFileSync(path, 'utf8').trimEnd().split('\n')
})
afterAll(async () => {
  await Promise.all([shop.close(), free.close()])
  world.close()
  rmSync(directory, { recursive: true })
})

test('a journal that was damaged is said to be, or read; a payer over it fails with a word of its own, if at all', async () => {
  expect(lines.length).toBeGreaterThan(4)
  const damaged = fc.nat({ max: lines.length - 1 }).chain((at) => {
    const line = lines[at] ?? ''
    const changed = fc.oneof(
      bent(JSON.parse(line) as Json).map((json) => JSON.stringify(json)),
      bentText(line),
    )
    return fc.tuple(fc.constant(at), changed)
  })
  await fuzz(
    1,
    fc.asyncProperty(damaged, async ([at, changed]) => {
      writeFileSync(path, `${lines.map((line, i) => (i === at ? changed : line)).join('\n')}\n`)
      await fileJournal(path)
        .load()
        .catch((error: unknown) => {
          if (!(error instanceof JournalError)) throw error
        })
      const payer = payerOver()
      try {
        expect(await (await payer.fetch(free.url)).text()).toBe('free')
      } catch (error) {
        if (!(error instanceof PaywallError)) throw error
      } finally {
        await payer.close()
      }
    }),
  )
})
