import fc from 'fast-check'
import { derivePrivateKey, derivePublicKey, publicKeyToAddress } from 'nano402/nano'
import { createPhrase, derivePrivateKeyFromPhrase, openPhrase, phraseToSeed, seedToPhrase } from 'nano402/nano/phrase'
import { describe, expect, test } from 'vitest'
import keys from '../vectors/keys.json' with { type: 'json' }
import { hex32 } from './arbitraries.ts'

const INVALID_VALUE = expect.objectContaining({ code: 'ERR_INVALID_VALUE' })
const [docs] = keys.bip44
const MNEMONIC = docs?.mnemonic ?? ''

describe('a recovery phrase', () => {
  const accounts = keys.bip44.flatMap(({ mnemonic, passphrase, accounts }) =>
    accounts.map((account) => ({ mnemonic, passphrase, ...account })),
  )
  test.each(accounts)('$address is account $index of its phrase by BIP44', (v) => {
    const key = derivePrivateKeyFromPhrase(v.mnemonic, v.index, v.passphrase)
    expect(key).toBe(v.privateKey.toUpperCase())
    expect(publicKeyToAddress(derivePublicKey(key))).toBe(v.address)
  })

  test.each(keys.bip44)('opened once gives the same keys, and refuses the same numbers ($passphrase)', (v) => {
    const keyOf = openPhrase(v.mnemonic, v.passphrase)
    expect(v.accounts.map(({ index }) => keyOf(index))).toEqual(v.accounts.map((one) => one.privateKey.toUpperCase()))
    for (const index of [-1, 0.5, 2 ** 31, Number.NaN]) expect(() => keyOf(index)).toThrow(INVALID_VALUE)
  })

  test.each(keys.seedAsMnemonic)('of 24 words spells the seed $seed', ({ seed, mnemonic }) => {
    expect(phraseToSeed(mnemonic)).toBe(seed.toUpperCase())
    expect(seedToPhrase(seed)).toBe(mnemonic)
  })

  test('spells any seed and back, and means other accounts by BIP44', () => {
    fc.assert(
      fc.property(hex32, (seed) => {
        expect(phraseToSeed(seedToPhrase(seed))).toBe(seed.toUpperCase())
      }),
      { numRuns: 20 },
    )
    const phrase = seedToPhrase('0'.repeat(64))
    expect(derivePrivateKeyFromPhrase(phrase, 0)).not.toBe(derivePrivateKey('0'.repeat(64), 0))
  })

  test('is read in any case and with any white space between its words', () => {
    const typed = `  ${MNEMONIC.toUpperCase().replaceAll(' ', ' \n\t')}\n`
    expect(derivePrivateKeyFromPhrase(typed, 0)).toBe(derivePrivateKeyFromPhrase(MNEMONIC, 0))
  })

  test('with another passphrase is other accounts', () => {
    expect(derivePrivateKeyFromPhrase(MNEMONIC, 0, 'x')).not.toBe(derivePrivateKeyFromPhrase(MNEMONIC, 0))
  })

  test.each([12, 24] as const)('that is drawn has %i words, and no two are the same', (words) => {
    const drawn = new Set(Array.from({ length: 20 }, () => createPhrase(words)))
    expect(drawn.size).toBe(20)
    for (const phrase of drawn) expect(phrase.split(' ')).toHaveLength(words)
    for (const phrase of drawn) expect(() => derivePrivateKeyFromPhrase(phrase, 0)).not.toThrow()
  })

  test.each([
    ['a word left out', MNEMONIC.split(' ').slice(1).join(' ')],
    ['two words swapped', MNEMONIC.replace(/^(\w+) (\w+)/, '$2 $1')],
    ['a word that is none', MNEMONIC.replace(/^\w+/, 'sentinelword')],
    ['nothing', ''],
    ['no text', null],
  ])('with %s is refused, and the refusal does not repeat it', (_, phrase) => {
    for (const read of [() => derivePrivateKeyFromPhrase(phrase as string, 0), () => phraseToSeed(phrase as string)]) {
      expect(read).toThrow(INVALID_VALUE)
      expect(read).toThrow(expect.not.objectContaining({ message: expect.stringMatching(/sentinelword|edge|defense/) }))
    }
  })

  test('of 12 words spells no seed', () => {
    expect(() => phraseToSeed(createPhrase(12))).toThrow(INVALID_VALUE)
  })

  test.each([-1, 2 ** 31, 0.5, Number.NaN])('has no account %s', (index) => {
    expect(() => derivePrivateKeyFromPhrase(MNEMONIC, index)).toThrow(INVALID_VALUE)
  })
  test.each(['', '0', 'g'.repeat(64), '0'.repeat(63), null])('does not spell %j, which is not a seed', (seed) => {
    expect(() => seedToPhrase(seed as string)).toThrow(INVALID_VALUE)
  })
})
