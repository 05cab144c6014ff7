import { readFileSync } from 'node:fs'
import { REFUSALS } from 'nano402'
import { expect, test } from 'vitest'

test('docs/protocol.md lists every code with its status, and no other', () => {
  const text = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [code, Number(status)])
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(REFUSALS).map(([code, { status }]) => [code, status])),
  )
})
