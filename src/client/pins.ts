/** Which accounts each origin may be paid at: the first one it was paid at, or those that were named. */
import { ConfigError } from '../errors.ts'
import { addressToPublicKey, nanoAddress, type PublicKey } from '../nano/index.ts'
import type { PayerOptions } from './options.ts'

const keyOf = (account: string) => addressToPublicKey(nanoAddress(account))

export function createPins(option: PayerOptions['pinPayTo']) {
  const pins = new Map<string, readonly PublicKey[]>()
  if (typeof option === 'object') {
    for (const [url, accounts] of Object.entries(option)) {
      if (!URL.canParse(url))
        throw new ConfigError('Option pinPayTo lists accounts by origin, such as https://api.example.com.')
      pins.set(new URL(url).origin, [accounts].flat().map(keyOf))
    }
  }
  return {
    get: (origin: string) => pins.get(origin),
    add(origin: string, account: string) {
      if (option === 'first-use' && !pins.has(origin)) pins.set(origin, [keyOf(account)])
    },
  }
}
