import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readPaymentPayload, readPaymentRequired, readPaymentRequirements } from '../../src/x402/shapes.ts'

const ACCEPTED = {
  ...{ scheme: 'exact', network: 'nano:devnet', amount: '1', asset: 'XNO', payTo: 'nano_1' },
  ...{ maxTimeoutSeconds: 300, extra: { a: 1 } },
}
const RESOURCE = { url: '/report', description: 'a report', mimeType: 'text/plain' }
const PAYMENT = { x402Version: 2, accepted: ACCEPTED, payload: { proof: 'A' } }

/** The object with one of its values changed, left out, or added. */
const changed = (object: object) =>
  fc
    .tuple(fc.constantFrom(...Object.keys(object), 'unknown'), fc.option(odd, { nil: undefined }))
    .map(([key, value]) => JSON.parse(JSON.stringify({ ...object, [key]: value })))
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    '',
    '0',
    '00',
    '-1',
    '1.5',
    '9'.repeat(78),
    '9'.repeat(79),
    -1,
    0.5,
    [],
    {},
    [{}],
    true,
  ),
)

test('a payment is read by hand as strictly as what it echoes is by its shape', () => {
  fc.assert(
    fc.property(changed(ACCEPTED), changed(RESOURCE), (accepted, resource) => {
      const byShape = readPaymentRequirements(accepted)
      expect(readPaymentPayload({ ...PAYMENT, accepted })?.accepted).toEqual(byShape)
      const required = readPaymentRequired({ x402Version: 2, accepts: [], resource })
      expect(readPaymentPayload({ ...PAYMENT, resource })?.resource).toEqual(required?.resource)
    }),
    { numRuns: 500 },
  )
})

test.each([
  [null],
  [[]],
  [{ ...PAYMENT, x402Version: 1 }],
  [{ ...PAYMENT, x402Version: '2' }],
  [{ ...PAYMENT, accepted: undefined }],
  [{ ...PAYMENT, accepted: { ...ACCEPTED, maxTimeoutSeconds: Number.POSITIVE_INFINITY } }],
  [{ ...PAYMENT, payload: [] }],
  [{ ...PAYMENT, payload: null }],
  [{ ...PAYMENT, resource: null }],
  [{ ...PAYMENT, resource: '/report' }],
  [{ ...PAYMENT, extensions: null }],
  [{ ...PAYMENT, extensions: [] }],
])('%j is no payment', (value) => {
  expect(readPaymentPayload(value)).toBeUndefined()
})

test('what a payment has beside is left out', () => {
  const extensions = { 'payment-identifier': {} }
  expect(readPaymentPayload({ ...PAYMENT, resource: RESOURCE, extensions, more: 1 })).toEqual({
    ...PAYMENT,
    ...{ resource: RESOURCE, extensions },
  })
})
