import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../../src/x402/base64.ts'
import * as node from '../../src/x402/base64-codec.node.ts'
import * as web from '../../src/x402/base64-codec.web.ts'

/** Half of it drawn from the alphabets, so that much of it is nearly right. */
const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[A-Za-z0-9+/=_ -]*$/))

describe('base64 has one spelling for each text', () => {
  test('what is written is read as it was', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => decodeBase64(encodeBase64(text)) === text))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9_000 }), (bytes) => {
        expect(Buffer.from(decodeBase64Url(encodeBase64Url(bytes)) ?? []).equals(bytes)).toBe(true)
      }),
    )
  })

  test('what is read is spelled as it would be written, or is not read', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const decoded = decodeBase64(text)
        const bytes = decodeBase64Url(text)
        expect(decoded === undefined || encodeBase64(decoded) === text).toBe(true)
        expect(bytes === undefined || encodeBase64Url(bytes) === text).toBe(true)
      }),
    )
  })

  test.each(['eyJ9', ' eyJ9', 'eyJ9\n', 'e30', 'e30==', 'e31=', '_-8=', 'e3-=', '!'])('%j, read strictly', (text) => {
    const only = Buffer.from(text, 'base64').toString('base64') === text
    expect(decodeBase64(text) !== undefined).toBe(only)
  })

  test('bytes that are no UTF-8 are no text', () => {
    expect(decodeBase64('/w==')).toBeUndefined()
    expect(decodeBase64('wK8=')).toBeUndefined() // an overlong slash
  })

  test('Node and the web write the same, and read the same from what either wrote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 9_000 }), (bytes) => {
        expect(web.toBase64(bytes)).toBe(node.toBase64(bytes))
        expect(web.toBase64Url(bytes)).toBe(node.toBase64Url(bytes))
        for (const text of [node.toBase64(bytes), node.toBase64Url(bytes)])
          expect(Buffer.from(web.fromBase64(text)).equals(node.fromBase64(text))).toBe(true)
      }),
    )
  })

  test('Node and the web refuse the same', () => {
    const isOnly = ({ fromBase64, toBase64, toBase64Url }: typeof node, text: string) =>
      [toBase64(fromBase64(text)) === text, toBase64Url(fromBase64(text)) === text] as const
    fc.assert(
      fc.property(anyText, (text) => {
        expect(isOnly(web, text)).toEqual(isOnly(node, text))
      }),
    )
  })
})
