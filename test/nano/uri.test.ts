import fc from 'fast-check'
import { formatPaymentUri, nanoAddress, parsePaymentUri, raw } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import identifiers from '../vectors/identifiers.json' with { type: 'json' }

const { nanoUri, nanoUriInvalid } = identifiers

const ACCOUNT = nanoAddress('nano_3wm37qz19zhei7nzscjcopbrbnnachs4p1gnwo5oroi3qonw6inwgoeuufdp')

describe('a payment URI', () => {
  test.each(nanoUri)('$uri is read', ({ uri, address, raw: amount, ...texts }) => {
    const { label, message } = texts as { label?: string; message?: string }
    expect(parsePaymentUri(uri)).toEqual({ address, amount: amount ? BigInt(amount) : undefined, label, message })
  })

  test.each(nanoUriInvalid)('$uri is refused: $reason', ({ uri }) => {
    expect(() => parsePaymentUri(uri)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_VALUE|AMOUNT)$/) }),
    )
  })

  test.each([
    '',
    'nano:',
    ACCOUNT,
    `xno:${ACCOUNT}`,
    `nano: ${ACCOUNT}`,
    `nano:${ACCOUNT}/`,
    `nano:${ACCOUNT}?amount=`,
    null,
  ])('%j is none', (uri) => {
    expect(() => parsePaymentUri(uri as string)).toThrow(/^Not a/)
  })

  test('reads back as what was written, whatever the texts hold, to the last raw', () => {
    const amount = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }).map(raw)
    const text = fc.string({ unit: 'binary' }).map((one) => new TextDecoder().decode(new TextEncoder().encode(one)))
    const asked = fc.record({
      address: fc.constant(ACCOUNT),
      amount,
      label: text,
      message: fc.option(text, { nil: undefined }),
    })
    fc.assert(
      fc.property(asked, (payment) => {
        expect(parsePaymentUri(formatPaymentUri(payment))).toEqual(payment)
      }),
    )
  })

  test('with parameters that we do not know is read without them', () => {
    expect(parsePaymentUri(`nano:${ACCOUNT}?amount=1&colour=red`)).toMatchObject({ address: ACCOUNT, amount: 1n })
  })
})
