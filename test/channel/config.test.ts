import { createHash } from 'node:crypto'
import { blake2b } from '@noble/hashes/blake2.js'
import { MAX_RAW, publicKey, publicKeyToAddress } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import { closeBytes, proofBytes, requestHash, topUpBytes } from '../../src/channel/binding.ts'
import { authorizeOpening, channelId, isOpeningAuthorized, readConfig } from '../../src/channel/config.ts'
import { deriveChannelSecrets } from '../../src/channel/secrets.ts'
import { accountOf, freshBlock, keyOf, paywordConfig, voucherConfig } from './support.ts'

describe('a config', () => {
  test.each([paywordConfig(), voucherConfig(), paywordConfig({ custodian: 'issuer', issuer: 'F'.repeat(64) })])(
    'of mode $mode and custodian $custodian is read as it is',
    (config) => {
      expect(readConfig(structuredClone(config))).toEqual(config)
    },
  )

  test('is hashed as one JSON text, whatever the order of its keys', () => {
    const config = paywordConfig()
    const sorted = JSON.stringify(Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))))
    const expected = blake2b(Buffer.from(`x402-nano-channel-v1${sorted}`), { dkLen: 32 })
    expect(channelId(config)).toBe(Buffer.from(expected).toString('hex').toUpperCase())
    const reversed = Object.fromEntries(Object.entries(config).reverse()) as unknown as typeof config
    expect(channelId(reversed)).toBe(channelId(config))
  })

  test('gives another id when any one of its values is another', () => {
    const changes = [
      ...[
        { network: 'nano:mainnet' },
        { payer: accountOf('3') },
        { payee: accountOf('3') },
        { refundTo: accountOf('3') },
      ],
      ...[{ origin: 'https://other.example.com' }, { unit: '1001' }, { root: 'B'.repeat(64) }, { maxK: 999 }],
      ...[
        { macKeyHash: 'C'.repeat(64) },
        { expiresAt: 1 },
        { closeGrace: 1 },
        { salt: 'D'.repeat(32) },
        { nonce: 'n' },
      ],
      { custodian: 'issuer' as const, issuer: 'F'.repeat(64) },
    ]
    const ids = [paywordConfig(), ...changes.map(paywordConfig), voucherConfig()].map(channelId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test.each<[string, object]>([
    ['an unknown key', { ...paywordConfig(), extra: 1 }],
    ['a missing key', { ...paywordConfig(), root: undefined }],
    ['keys of both modes', { ...paywordConfig(), sessionKey: 'D'.repeat(64) }],
    ['an unknown mode', { ...paywordConfig(), mode: 'payword' }],
    ['an account with a wrong checksum', { ...paywordConfig(), payer: `${accountOf('1').slice(0, -1)}1` }],
    ['an account in its older spelling', { ...paywordConfig(), payer: accountOf('1').replace('nano_', 'xrb_') }],
    ['hex in lower case', { ...paywordConfig(), root: 'a'.repeat(64) }],
    ['a root of 31 bytes', { ...paywordConfig(), root: 'A'.repeat(62) }],
    ['a unit of nothing', { ...paywordConfig(), unit: '0' }],
    ['a unit with a leading zero', { ...paywordConfig(), unit: '01' }],
    ['a chain of no tokens', { ...paywordConfig(), maxK: 0 }],
    ['a chain longer than 2^20', { ...paywordConfig(), maxK: 2 ** 20 + 1 }],
    ['tokens worth more than there can be', { ...paywordConfig(), maxK: 2, unit: String(MAX_RAW) }],
    ['an issuer who is not the custodian', { ...paywordConfig(), issuer: 'F'.repeat(64) }],
    ['a custodian who is not named', { ...paywordConfig(), custodian: 'issuer' }],
    ['an expiry that is no whole second', { ...paywordConfig(), expiresAt: 1.5 }],
    ['a nonce of 5 MB', { ...paywordConfig(), nonce: 'n'.repeat(5_000_000) }],
    ['a nonce with a control character', { ...paywordConfig(), nonce: 'n\u0000' }],
  ])('with %s is none', (_, config) => {
    expect(readConfig(JSON.parse(JSON.stringify(config)))).toBeUndefined()
  })

  test.each([undefined, null, 1, 'text', [], {}])('is not %j', (value) => {
    expect(readConfig(value)).toBeUndefined()
  })
})

describe('an opening', () => {
  const config = paywordConfig()
  const block = freshBlock()
  const authorization = authorizeOpening(config, block, keyOf('1'))

  test('is authorised by its payer for this config and this deposit', () => {
    expect(isOpeningAuthorized(config, block, authorization)).toBe(true)
  })
  test('is not authorised by somebody else, with a bit flipped, or for another config or deposit', () => {
    const flipped = authorization.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    expect(isOpeningAuthorized(config, block, authorizeOpening(config, block, keyOf('2')))).toBe(false)
    expect(isOpeningAuthorized(config, block, flipped)).toBe(false)
    expect(isOpeningAuthorized(config, freshBlock(), authorization)).toBe(false)
    expect(isOpeningAuthorized(paywordConfig({ unit: '1' }), block, authorization)).toBe(false)
    for (const nonsense of [undefined, '', 1, 'x'.repeat(128)]) {
      expect(isOpeningAuthorized(config, block, nonsense)).toBe(false)
    }
  })
  test('of the account that anybody can sign for is never authorised', () => {
    const burn = publicKeyToAddress(publicKey('0'.repeat(64)))
    const forged = `01${'0'.repeat(126)}`
    for (let i = 0; i < 64; i++) {
      const config = paywordConfig({ payer: burn, nonce: `${i}` })
      expect(isOpeningAuthorized(config, block, forged)).toBe(false)
    }
  })
})

test('no two proofs are over the same bytes', () => {
  const request = { method: 'GET', url: 'https://a/b', bodyHash: createHash('sha256').digest() }
  const said = (reach: string, paymentId = 'abc', channelId = 'A'.repeat(64)) => {
    return { channelId, reach, paymentId, requestHash: requestHash(request) }
  }
  const all = [
    // The digits of k and of the payment identifier must not run into each other.
    ...(['token', 'voucher', 'authorize-token', 'authorize-voucher'] as const).flatMap((kind) => [
      proofBytes(kind, said('71', '2abc')),
      proofBytes(kind, said('712', 'abc')),
    ]),
    ...[
      { method: 'POST' },
      { url: 'https://a/c' },
      { bodyHash: new Uint8Array(32) },
      { method: 'GE', url: 'Thttps://a/b' },
    ].map((change) => proofBytes('token', { ...said('712'), requestHash: requestHash({ ...request, ...change }) })),
    proofBytes('token', said('712', 'abc', 'B'.repeat(64))),
    closeBytes('A'.repeat(64)),
    topUpBytes('A'.repeat(64), 'B'.repeat(64)),
  ]
  expect(new Set(all.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(all.length)
})

test('the secrets of a channel follow from key and salt, and none from another', () => {
  const salt = new Uint8Array(16)
  const secrets = deriveChannelSecrets(keyOf('1'), salt)
  expect(deriveChannelSecrets(keyOf('1'), salt)).toEqual(secrets)
  const others = [deriveChannelSecrets(keyOf('2'), salt), deriveChannelSecrets(keyOf('1'), new Uint8Array(16).fill(1))]
  const all = [secrets, ...others]
    .flatMap((one) => Object.values(one))
    .map((bytes) => Buffer.from(bytes).toString('hex'))
  expect(new Set(all).size).toBe(9)
})
