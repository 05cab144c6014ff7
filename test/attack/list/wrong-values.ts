/** Payments that can be read, with something in them that is not what it should be. */
import type { RefusalCode } from 'nano402'

/** Other ways to write the hash, all of which some Nano node reads as the same block. */
export const spellings: Readonly<Record<string, (hash: string) => string>> = {
  'lower case': (hash) => hash.toLowerCase(),
  'mixed case': (hash) => hash.replace(/[A-F]/g, (digit, at: number) => (at % 2 ? digit : digit.toLowerCase())),
  'no leading digit': (hash) => hash.slice(1),
  'a leading zero more': (hash) => `0${hash}`,
  'leading zeros dropped': (hash) => hash.replace(/^0+/, '').slice(1),
  'a space before it': (hash) => ` ${hash}`,
  'a space behind it': (hash) => `${hash} `,
  'a line break behind it': (hash) => `${hash}\n`,
  '0x before it': (hash) => `0x${hash}`,
  'full-width digits': (hash) => hash.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
}

/** Whether the Nano node and we read it alike. */
export const isAnotherCase = (name: string) => name.endsWith('case')

/** What can be done to a field. */
export const changes: Readonly<Record<string, (value: unknown) => unknown>> = {
  dropped: () => undefined,
  null: () => null,
  'made a list': (value) => [value],
  'made an object': (value) => ({ value }),
  'made a boolean': () => true,
  retyped: (value) => (typeof value === 'string' ? Number(value) || 7 : String(value)),
  changed: (value) => (typeof value === 'number' ? value + 1 : `${value}1`),
  emptied: () => '',
}

/** Ids that are none of ours, made from one of ours. */
export const forgeries: Readonly<Record<string, (id: string) => string>> = {
  'its first half': (id) => id.slice(0, id.length / 2),
  'its last character missing': (id) => id.slice(0, -1),
  'its seal missing': (id) => Buffer.from(id, 'base64url').subarray(0, -32).toString('base64url'),
  'a byte more': (id) => Buffer.concat([Buffer.from(id, 'base64url'), Buffer.of(0)]).toString('base64url'),
  'a seal of zeros': (id) =>
    Buffer.concat([Buffer.from(id, 'base64url').subarray(0, -32), Buffer.alloc(32)]).toString('base64url'),
  'itself twice': (id) => id + id,
  'standard base64 with padding': (id) => `${Buffer.from(id, 'base64url').toString('base64')}==`,
  'hex digits': (id) => Buffer.from(id, 'base64url').toString('hex'),
  'a space behind it': (id) => `${id} `,
  'another case': (id) => id.toLowerCase(),
  'random bytes of its length': (id) =>
    Buffer.from(crypto.getRandomValues(new Uint8Array(id.length)))
      .toString('base64url')
      .slice(0, id.length),
  zeros: (id) => 'A'.repeat(id.length),
  nothing: () => '',
}

/** What such a payment is refused with. */
export const UNREADABLE = 'invalid_payload'
export const OTHER_OFFER = 'invalid_payment_requirements'

/** I6: amounts that some parser somewhere takes for the right one, or for a smaller one. */
export const amounts: readonly (readonly [amount: unknown, code: RefusalCode])[] = [
  ['', UNREADABLE],
  [' ', UNREADABLE],
  [[], UNREADABLE],
  ['0x10', UNREADABLE],
  ['1e3', UNREADABLE],
  ['-1', UNREADABLE],
  ['+1', UNREADABLE],
  ['1.0', UNREADABLE],
  ['01', UNREADABLE],
  ['1_000', UNREADABLE],
  [true, UNREADABLE],
  [null, UNREADABLE],
  [['7'], UNREADABLE],
  [{}, UNREADABLE],
  ['٧', UNREADABLE],
  ['７', UNREADABLE],
  [1000000000000000000000000000, UNREADABLE],
  [(2n ** 128n).toString(), OTHER_OFFER],
  ['9'.repeat(78), OTHER_OFFER],
  ['9'.repeat(79), UNREADABLE],
  ['0', OTHER_OFFER],
]

/** I8: accounts, made of the right one. */
export const accounts: Readonly<Record<string, (account: string) => unknown>> = {
  'the older prefix': (account) => account.replace('nano_', 'xrb_'),
  'a false checksum': (account) => account.slice(0, -1) + (account.endsWith('1') ? '3' : '1'),
  'upper case': (account) => account.toUpperCase(),
  'a character less': (account) => account.slice(0, -1),
  'a character more': (account) => `${account}1`,
  'a space behind it': (account) => `${account} `,
  'the zero account': () => 'nano_1111111111111111111111111111111111111111111111111111hifc8npp',
  nothing: () => '',
}

/** I9: what is not a block's hash. */
export const hashes: Readonly<Record<string, unknown>> = {
  '63 digits': 'A'.repeat(63),
  '65 digits': 'A'.repeat(65),
  'letters beyond F': 'G'.repeat(64),
  'digits of another script': '٧'.repeat(64),
  'a line break at its end': `${'A'.repeat(64)}\n`,
  nothing: '',
  null: null,
  'a number': 7,
  'a list of one hash': ['A'.repeat(64)],
  'an object': { hash: 'A'.repeat(64) },
}

/** I11: times where seconds belong. */
export const times: readonly (readonly [time: unknown, code: RefusalCode])[] = [
  [300_000, OTHER_OFFER],
  [-1, UNREADABLE],
  [0, OTHER_OFFER],
  [253_402_300_799, OTHER_OFFER],
  [1e300, OTHER_OFFER],
  [0.5, OTHER_OFFER],
  ['300', UNREADABLE],
  [null, UNREADABLE],
]
