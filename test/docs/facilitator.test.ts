import { readFileSync } from 'node:fs'
import { PaymentRequirementsSchema } from '@x402/core/schemas'
import { createFacilitator, facilitatorApp } from 'nano402/facilitator'
import { expect, onTestFinished, test } from 'vitest'
import { readFindAnswer, readFindOrder } from '../../src/remote/find.ts'
import { readClaimAnswer, readClaimOrder, readHoldOrder } from '../../src/remote/wire.ts'
import { SECRET } from '../support/world.ts'

const text = readFileSync(new URL('../../docs/protocol_rev1.md', import.meta.url), 'utf8')
const shown = (what: string): object =>
  JSON.parse(new RegExp(`^<!-- facilitator ${what} -->\n\`\`\`json\n([^\`]*)\`\`\``, 'm').exec(text)?.[1] ?? 'null')

test('what docs/protocol_rev1.md says to a facilitator is understood, and what it shows of its answers is too', () => {
  expect(readClaimOrder(shown('asked for a claim'))).toEqual(shown('asked for a claim'))
  expect(readHoldOrder(shown('asked for a step'))).toEqual(shown('asked for a step'))
  expect(readFindOrder(shown('asked to find'))).toEqual(shown('asked to find'))
  expect(readFindAnswer(shown('finds'))).toEqual(shown('finds'))
  for (const answer of ['needs more', 'grants', 'refuses'])
    expect(readClaimAnswer(shown(answer))).toEqual(shown(answer))
})

test('the order that it shows is offered as it says', async () => {
  const facilitator = createFacilitator({ rpc: 'http://127.0.0.1:1', secret: SECRET })
  onTestFinished(() => facilitator.close())
  const [offer] = await facilitator.requirements(shown('asked for requirements') as never)
  const { method, url, realm, inputs, payTo } = shown('asked for requirements') as Record<string, unknown>
  expect(PaymentRequirementsSchema.parse(offer)).toMatchObject({
    payTo,
    extra: { boundTo: { method, url, realm, inputs } },
  })
})

test('its endpoints are those that there are', () => {
  const facilitator = createFacilitator({ rpc: 'http://127.0.0.1:1', secret: SECRET })
  onTestFinished(() => facilitator.close())
  const registry = { contentType: 'text/plain', metrics: async () => '' }
  const routes = facilitatorApp(facilitator, { registry }).routes.flatMap(({ method, path }) =>
    method === 'ALL' ? [] : [path],
  )
  const section = text.slice(text.indexOf('## Facilitator'), text.indexOf('### An offer'))
  const listed = [...section.matchAll(/`(?:(?:GET|POST) )?(\/[a-z]+)`/g)].map(([, path]) => path)
  expect(new Set(listed)).toEqual(new Set(routes))
})
