/**
 * Recovery phrases: English BIP39 words. A phrase stands for keys in one of two ways, which give different accounts:
 * BIP44 (most wallets: PBKDF2, then SLIP-10 along `44'/165'/n'`), or, with 24 words, a Nano seed spelled out.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { entropyToMnemonic, generateMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { InvalidValueError } from '../errors.ts'
import { bytesToHex, hexToBytes, type PrivateKey, privateKey } from './hex.ts'

/** Hardened, as every step is: SLIP-10 knows no other for Ed25519. */
const HARDENED = 0x8000_0000
const PURPOSE = 44
/** Nano's number in SLIP-44. */
const COIN = 165

/**
 * Draws a new phrase.
 *
 * @param words - 12 (128 bits) or 24 (256 bits).
 * @example
 * createPhrase(12).split(' ').length // 12
 */
export const createPhrase = (words: 12 | 24 = 24): string => generateMnemonic(wordlist, words === 12 ? 128 : 256)

/** The words in lower case with one space between them, checked. @throws {@link InvalidValueError} */
function entropyOf(phrase: string): { readonly words: string; readonly entropy: Uint8Array } {
  const words = String(phrase).trim().toLowerCase().split(/\s+/).join(' ')
  try {
    return { words, entropy: mnemonicToEntropy(words, wordlist) }
  } catch {
    // Without the cause, which may quote a word.
    throw new InvalidValueError(
      'Not a recovery phrase: expected 12, 15, 18, 21 or 24 English BIP39 words. Was a word mistyped or left out?',
    )
  }
}

/**
 * Derives an account's private key from a phrase by BIP44: SLIP-10 for Ed25519 along `44'/165'/index'`.
 *
 * @param phrase - 12 to 24 English BIP39 words.
 * @param index - The account's number, 0 to 2^31 - 1.
 * @param passphrase - What BIP39 calls the passphrase, if the phrase has one. Another one gives other accounts, not an error.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) The phrase is never part of the message.
 * @example
 * derivePrivateKeyFromPhrase('abandon '.repeat(11) + 'about', 0).length // 64
 */
export const derivePrivateKeyFromPhrase = (phrase: string, index: number, passphrase = ''): PrivateKey =>
  openPhrase(phrase, passphrase)(index)

/**
 * The same for several accounts of one phrase, whose costly half is done once.
 *
 * @returns What gives an account's private key by its number.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) The phrase is never part of the message.
 * @example
 * [0, 1, 2].map(openPhrase('abandon '.repeat(11) + 'about')).length // 3
 */
export function openPhrase(phrase: string, passphrase = ''): (index: number) => PrivateKey {
  const seed = mnemonicToSeedSync(entropyOf(phrase).words, passphrase)
  const root = hmac(sha512, new TextEncoder().encode('ed25519 seed'), seed)
  return (index) => {
    if (!Number.isInteger(index) || index < 0 || index >= HARDENED) {
      throw new InvalidValueError('Not an account index of a phrase: expected an integer from 0 to 2^31 - 1.')
    }
    let node = root
    for (const step of [PURPOSE, COIN, index]) {
      const data = new Uint8Array(37)
      data.set(node.subarray(0, 32), 1)
      new DataView(data.buffer).setUint32(33, step + HARDENED)
      node = hmac(sha512, node.subarray(32), data)
    }
    return privateKey(bytesToHex(node.subarray(0, 32)))
  }
}

/**
 * The Nano seed that 24 words spell.
 *
 * @returns 64 upper-case hex digits, for `derivePrivateKey`.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) also for fewer words, which spell none.
 * @example
 * phraseToSeed(seedToPhrase('0'.repeat(64))) // '0'.repeat(64)
 */
export function phraseToSeed(phrase: string): string {
  const { entropy } = entropyOf(phrase)
  if (entropy.length !== 32) throw new InvalidValueError('Only a phrase of 24 words spells a Nano seed.')
  return bytesToHex(entropy)
}

/**
 * Spells a Nano seed as 24 words, for paper. They are no BIP44 phrase: a wallet must be told that they are a seed.
 *
 * @param seed - 64 hex digits.
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`)
 * @example
 * seedToPhrase('0'.repeat(64)).split(' ').at(-1) // 'art'
 */
export function seedToPhrase(seed: string): string {
  if (typeof seed !== 'string' || !/^[0-9a-fA-F]{64}$/.test(seed)) {
    throw new InvalidValueError('Not a Nano seed: expected 64 hex digits.')
  }
  return entropyToMnemonic(hexToBytes(seed), wordlist)
}
