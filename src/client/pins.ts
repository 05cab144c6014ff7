/** Which account each origin is paid at: the first one it was paid at, or one that was named. */
import { ConfigError } from '../errors.ts'
import { type NanoAddress, nanoAddress } from '../nano/index.ts'
import type { PayerOptions } from './options.ts'

export function createPins(option: PayerOptions['pinPayTo']) {
  const pins = new Map<string, NanoAddress>()
  if (typeof option === 'object') {
    for (const [url, account] of Object.entries(option)) {
      if (!URL.canParse(url))
        throw new ConfigError('Option pinPayTo lists accounts by origin, such as https://api.example.com.')
      pins.set(new URL(url).origin, nanoAddress(account))
    }
  }
  return {
    get: (origin: string) => pins.get(origin),
    add(origin: string, account: string) {
      if (option === 'first-use' && !pins.has(origin)) pins.set(origin, nanoAddress(account))
    },
  }
}
