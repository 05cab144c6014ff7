import { readFileSync } from 'node:fs'
import { blockHash, signature } from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import { authorizeOpening } from '../../src/channel/config.ts'
import {
  type ChannelOffer,
  type ChannelPayload,
  commitmentId,
  decodeOffer,
  decodeOutcome,
  decodePayload,
  depositTag,
  encodePayload,
  receiptBytes,
} from '../../src/channel/wire.ts'
import { accountOf, keyOf, paywordConfig, voucherConfig } from './support.ts'

const ID = 'A'.repeat(64)
const MAC = 'C'.repeat(64)
const block = blockHash('1'.repeat(64))
const token = { type: 'token', channelId: ID, k: 1, token: 'B'.repeat(64), mac: MAC } as const
const voucher = {
  type: 'voucher',
  channelId: ID,
  cumulative: 10n ** 38n,
  signature: 'B'.repeat(128),
  mac: MAC,
} as const
const config = paywordConfig()
const open = {
  type: 'open',
  config,
  macKey: 'E'.repeat(64),
  blockHash: block,
  authorization: authorizeOpening(config, block, keyOf('1')),
  proof: token,
} as const
const certified = {
  type: 'open',
  config: voucherConfig({ custodian: 'issuer', issuer: 'F'.repeat(64) }),
  macKey: 'E'.repeat(64),
  certificate: { amount: '5' },
} as const

describe('a payload', () => {
  test.each<ChannelPayload>([
    token,
    { ...token, receipt: false },
    voucher,
    open,
    certified,
    { type: 'topup', channelId: ID, blockHash: block, mac: MAC },
    { type: 'authorize', proof: voucher },
    { type: 'close', channelId: ID, mac: MAC },
    { type: 'state', channelId: ID, mac: MAC },
    { type: 'state', blockHash: block, issuedAt: 1_800_000_000, signature: signature('B'.repeat(128)) },
  ])('of type $type is read as it was written', (payload) => {
    expect(decodePayload(JSON.parse(JSON.stringify(encodePayload(payload))))).toEqual(payload)
  })

  const written = encodePayload(voucher)
  test.each<[string, object]>([
    ['a token of 31 bytes', { ...token, token: 'B'.repeat(62) }],
    ['a token of 33 bytes', { ...token, token: 'B'.repeat(66) }],
    ['a token of 5 MB', { ...token, token: 'B'.repeat(5_000_000) }],
    ['a token in lower case', { ...token, token: 'b'.repeat(64) }],
    ['a channel id in lower case', { ...token, channelId: 'a'.repeat(64) }],
    ['no MAC', { ...token, mac: undefined }],
    ['k as text', { ...token, k: '1' }],
    ['k that is no integer', { ...token, k: 1.5 }],
    ['one key more', { ...token, extra: 1 }],
    ['a receipt that is asked for', { ...token, receipt: true }],
    ['a sum as a number', { ...written, cumulative: 5 }],
    ['a sum with a sign', { ...written, cumulative: '-5' }],
    ['a sum with a leading zero', { ...written, cumulative: '05' }],
    ['a signature of 63 bytes', { ...written, signature: 'B'.repeat(126) }],
    ['a voucher without a MAC', { ...written, mac: undefined }],
    ['another type', { ...written, type: 'cheque' }],
    ['a proof that is none', { ...encodePayload(open), proof: null }],
    ['no deposit', { ...encodePayload(open), blockHash: undefined }],
    ['a deposit and a certificate', { ...encodePayload(open), certificate: {} }],
    ['a certificate for a channel of the payee', { ...encodePayload(certified), config }],
    ['a config with another key', { ...encodePayload(open), config: { ...config, more: 1 } }],
    ['an authorisation within an authorisation', { type: 'authorize', proof: { type: 'authorize', proof: token } }],
    ['a close of two channels', { type: 'close', channelId: [ID, ID], mac: MAC }],
    ['a state for a channel and a block', { type: 'state', channelId: ID, mac: MAC, blockHash: block }],
    ['a time before 1970', { type: 'state', blockHash: block, issuedAt: -1, signature: 'B'.repeat(128) }],
    ['nothing', {}],
  ])('with %s is not read', (_, payload) => {
    expect(decodePayload(payload as Record<string, unknown>)).toBeUndefined()
  })
})

const offer: ChannelOffer = {
  binding: 'nano-channel-v1',
  custodian: 'payee',
  modes: ['payword-sha256', 'voucher-ed25519'],
  unit: '1000000000000000000000000000',
  minDeposit: '1000000000000000000000000000000',
  suggestedDeposit: '1000000000000000000000000000000',
  maxDeposit: '10000000000000000000000000000000',
  maxStep: 1_024,
  maxK: 1_048_576,
  ttlSeconds: 86_400,
  expiresAt: 1_800_086_400,
  closeGraceSeconds: 300,
  nonce: 'nonce',
  receiptKey: 'D'.repeat(64),
  deposit: { account: accountOf('2'), exactAmount: String(10n ** 30n + depositTag('nonce')) },
}

describe('an offer', () => {
  test('is read, and keys that nobody knows are left out', () => {
    expect(decodeOffer({ ...offer, colour: 'blue' })).toEqual(offer)
  })
  test.each<[string, object]>([
    ['of another binding', { ...offer, binding: 'nano-channel-v2' }],
    ['that names no account', { ...offer, deposit: undefined }],
    ['of an issuer that it does not name', { ...offer, custodian: 'issuer' }],
    ['of an amount as a number', { ...offer, unit: 5 }],
  ])('%s is not read', (_, extra) => expect(decodeOffer(extra)).toBeUndefined())
})

test('the tag of deposits follows from the nonce, and has 20 digits at most', () => {
  expect(depositTag('nonce')).toBe(depositTag('nonce'))
  expect(depositTag('nonce')).not.toBe(depositTag('other'))
  expect(depositTag('nonce') < 10n ** 20n).toBe(true)
})

test('a receipt is for one state of one channel, one payment and one request', () => {
  const channelState = {
    ...({ channelId: ID, phase: 'open', deposit: '12', authorized: '10', charged: '3' } as const),
    ...{ reserved: '0', expiresAt: 1_800_000_000 },
  }
  const outcome = { commitmentId: commitmentId(ID, 'payment'), chargedAmount: '3', channelState }
  expect(decodeOutcome(outcome)).toEqual(outcome)
  const requestHash = new Uint8Array(32)
  const all = [
    receiptBytes(outcome, { requestHash, issuedAt: 1 }),
    receiptBytes(outcome, { requestHash, issuedAt: 2 }),
    receiptBytes(outcome, { issuedAt: 1 }),
    receiptBytes({ ...outcome, chargedAmount: '2' }, { requestHash, issuedAt: 1 }),
    receiptBytes({ ...outcome, commitmentId: commitmentId(ID, 'other') }, { requestHash, issuedAt: 1 }),
    receiptBytes({ ...outcome, channelState: { ...channelState, charged: '1' } }, { requestHash, issuedAt: 1 }),
    receiptBytes({ ...outcome, channelState: { ...channelState, deposit: '1210' } }, { requestHash, issuedAt: 1 }),
    receiptBytes({ ...outcome, channelState: { ...channelState, phase: 'closed' } }, { requestHash, issuedAt: 1 }),
  ].map((bytes) => Buffer.from(bytes).toString('hex'))
  expect(new Set(all).size).toBe(all.length)
})

describe('docs/protocol_rev1.md', () => {
  const text = readFileSync(new URL('../../docs/protocol_rev1.md', import.meta.url), 'utf8')
  const shown = [...text.matchAll(/^<!-- channel (\w+) -->\n```json\n([^`]*)```/gm)]
  test('shows every payload of a channel', () => {
    const types = shown.filter(([, name]) => name !== 'offer' && name !== 'outcome').map(([, name]) => name)
    expect(types).toEqual(['open', 'token', 'voucher', 'topup', 'authorize', 'close', 'state', 'state'])
  })
  test.each(shown.map(([, name = '', json = '']) => ({ name, json })))(
    'shows $name as it is read',
    ({ name, json }) => {
      const value = JSON.parse(json)
      if (name === 'offer') expect(decodeOffer(value.extra)).toEqual(value.extra)
      else if (name === 'outcome') expect(decodeOutcome(value.extra)).toEqual(value.extra)
      else expect(encodePayload(decodePayload(value) as ChannelPayload)).toEqual(value)
    },
  )
})
