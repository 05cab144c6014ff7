import { readFileSync } from 'node:fs'
import type { WireName } from 'nano402'
import { REFUSALS, type RefusalCode } from 'nano402'
import { ISSUER_CODES } from 'nano402/issuer'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { EXAMPLE_TIME_MS, makeExamples } from './extension-examples.ts'
import { examples } from './mechanism-examples.ts'
import { exchanges, readBack, receiptExample, sessionPayload } from './wire-examples.ts'

const text = readFileSync(new URL('../../docs/protocol_rev1.md', import.meta.url), 'utf8')

test('docs/protocol_rev1.md lists every code with its status, and no other', () => {
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)].map(([, code, status]) => [code, Number(status)])
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(REFUSALS).map(([code, { status }]) => [code, status])),
  )
})

test('docs/protocol_rev1.md lists every code of an issuer with its status and its sentence, and no other', () => {
  const rows = [...text.matchAll(/^\| (\d{3}) \| `(\w+)` \| (.*) \|$/gm)]
  expect(rows.map(([, status, code, message]) => [code, { status: Number(status), message }])).toEqual(
    Object.entries(ISSUER_CODES),
  )
})

test('docs/protocol_rev1.md gives each code of NanoSession revision 8 a code of ours, with its status', () => {
  const rows = [...text.matchAll(/^\| `([A-Z_]+)` \| `(\w+)` \((\d{3})\)/gm)]
  expect(rows.length).toBeGreaterThanOrEqual(15)
  for (const [, draft, code, status] of rows)
    expect([draft, REFUSALS[code as RefusalCode]?.status]).toEqual([draft, Number(status)])
})

test('docs/protocol_rev1.md shows of extensions and lists what the code makes', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: EXAMPLE_TIME_MS })
  onTestFinished(() => void vi.useRealTimers())
  const shown = [...text.matchAll(/^<!-- example: (.+) -->\n```json\n([^`]*)```/gm)].map(([, name = '', json = '']) => [
    name,
    JSON.parse(json),
  ])
  expect(Object.fromEntries(shown)).toEqual(await makeExamples())
})

describe.each(Object.entries(examples))(
  'the example of %s in docs/protocol_rev1.md',
  (name, { mechanism, offer, payload }) => {
    const shown = (what: string): unknown => {
      const [, json = 'null'] =
        new RegExp(`^<!-- ${what} of ${name} -->\n\`\`\`json\n([^\`]*)\`\`\``, 'm').exec(text) ?? []
      return JSON.parse(json)
    }
    test('is the offer that the code makes', () => expect(shown('offer')).toEqual(offer))
    test('is a payment that the code reads, and that a client makes', () => {
      expect(shown('payload')).toEqual(payload)
      const { id } = Object.values(offer.extra ?? {}).find((value) => typeof value === 'object') as { id: string }
      expect(mechanism.read({ accepted: offer, payload })?.sessionId).toBe(id)
    })
  },
)

describe.each(Object.entries(exchanges))('the exchange in %s in docs/protocol_rev1.md', (name, exchange) => {
  test('is what server and client write', () => {
    const [, written] = new RegExp(`^<!-- exchange in ${name} -->\n\`\`\`http\n([^\`]*)\`\`\``, 'm').exec(text) ?? []
    expect(written).toBe(exchange)
  })
  test('has a payment that the server reads as a session and a block', () => {
    expect(readBack(name as WireName)).toMatchObject({ payload: sessionPayload })
  })
})

test('the receipt of NanoSession revision 7 in docs/protocol_rev1.md is what the code offers, and reads', () => {
  const { terms, payload, presented } = receiptExample()
  const shown = (what: string) =>
    JSON.parse(new RegExp(`^<!-- receipt: ${what} -->\n\`\`\`json\n([^\`]*)\`\`\``, 'm').exec(text)?.[1] ?? 'null')
  expect([shown('terms'), shown('payload')]).toEqual([terms, payload])
  expect(presented).toMatchObject({ payload, signedUrl: terms.url })
})
