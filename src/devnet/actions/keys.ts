/** Actions that compute and ask no ledger. */
import { derivePrivateKey, derivePublicKey, type PrivateKey, publicKeyToAddress } from '../../nano/index.ts'
import { decodeHex, decodeRaw } from '../text.ts'
import type { Action } from './action.ts'

const XNO = 10n ** 30n

function expand(key: PrivateKey) {
  const publicKey = derivePublicKey(key)
  return { private: key, public: publicKey, account: publicKeyToAddress(publicKey) }
}

export const keyActions: Readonly<Record<string, Action>> = {
  key_expand(_, request) {
    const key = decodeHex(request.text('key'), 64)
    if (key === undefined) throw request.refusal('Bad private key')
    return expand(key as PrivateKey)
  },
  deterministic_key(_, request) {
    const seed = decodeHex(request.text('seed'), 64)
    if (seed === undefined) throw request.refusal('Bad seed')
    const index = request.text('index')
    if (!/^[0-9]{1,10}$/.test(index) || Number(index) > 0xffffffff) throw request.refusal('Invalid index')
    return expand(derivePrivateKey(seed, Number(index)))
  },
  nano_to_raw(_, request) {
    const amount = decodeRaw(request.text('amount'))
    if (amount === undefined) throw request.refusal('Invalid amount number')
    if (amount * XNO >= 2n ** 128n) throw request.refusal('Amount too big')
    return { amount: (amount * XNO).toString() }
  },
  raw_to_nano(_, request) {
    const amount = decodeRaw(request.text('amount'))
    if (amount === undefined) throw request.refusal('Invalid amount number')
    return { amount: (amount / XNO).toString() }
  },
}
