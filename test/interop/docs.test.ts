/** What docs/x402.md shows of other people's packages compiles against them. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, startChild } from '../support/child.ts'
import { installOnce } from '../support/registry.ts'

const isInstalled = await installOnce('test/interop')

test.skipIf(!isInstalled)(
  'this folder, and every block of docs/x402.md with packages of others, compiles',
  async () => {
    const page = await readFile(join(ROOT, 'docs/x402.md'), 'utf8')
    const blocks = [...page.matchAll(/^( *)```typescript\n([\s\S]*?)^\1```$/gm)].map(([, , code = '']) => code)
    expect(blocks).toHaveLength(page.match(/```typescript/g)?.length ?? 0)
    const folder = join(ROOT, `test/interop/test-artifacts/${process.pid}`)
    await mkdir(folder, { recursive: true })
    try {
      await Promise.all(blocks.map((code, i) => writeFile(join(folder, `block-${i}.ts`), code)))
      await using tsc = startChild(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'test/interop/tsconfig.json'])
      await tsc.ended
      expect(tsc.output()).toBe('')
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
