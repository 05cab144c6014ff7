/** `nano:` payment URIs, as wallets scan them from QR codes: an account, and what to send to it. */
import { InvalidValueError } from '../errors.ts'
import { type NanoAddress, nanoAddress } from './account.ts'
import { parseRaw, type Raw } from './raw.ts'

/** What a payment URI asks for. */
export interface PaymentUri {
  readonly address: NanoAddress
  /** In raw. Undefined: whoever pays decides. */
  readonly amount?: Raw | undefined
  /** Whose account it is, for people. Anybody's word. */
  readonly label?: string | undefined
  /** What it is for, for people. Anybody's word. */
  readonly message?: string | undefined
}

const FORM = /^nano:(?:\/\/mainnet\/send\/|send\/)?([a-z0-9_]+)(?:\?(.*))?$/s

/**
 * Reads a payment URI: `nano:nano_...?amount=<raw>&label=...&message=...`, or the forms of ORIS-011 (`nano:send/nano_...`,
 * `nano://mainnet/send/nano_...`). Unknown parameters are passed over; one that is there twice is refused.
 *
 * @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`), and `AmountError` (`ERR_AMOUNT`) for an amount that is not one in raw.
 * @example
 * parsePaymentUri('nano:nano_3wm37qz19zhei7nzscjcopbrbnnachs4p1gnwo5oroi3qonw6inwgoeuufdp?amount=1000').amount // 1000n
 */
export function parsePaymentUri(uri: string): PaymentUri {
  const match = typeof uri === 'string' ? FORM.exec(uri) : null
  if (!match) throw new InvalidValueError('Not a payment URI: expected nano:nano_...?amount=<raw>.')
  const parameters = new URLSearchParams(match[2])
  const one = (name: string) => {
    const [value, ...more] = parameters.getAll(name)
    if (more.length > 0) throw new InvalidValueError(`Not a payment URI: it has ${name} more than once.`)
    return value
  }
  const amount = one('amount')
  return {
    address: nanoAddress(match[1]),
    amount: amount === undefined ? undefined : parseRaw(amount),
    label: one('label'),
    message: one('message'),
  }
}

/**
 * Writes a payment URI in the form that every wallet reads. The amount is exact, its last digit included.
 *
 * @example
 * formatPaymentUri({ address: nanoAddress('nano_3wm37qz19zhei7nzscjcopbrbnnachs4p1gnwo5oroi3qonw6inwgoeuufdp'), amount: raw(10n) }) // 'nano:nano_3wm37qz19zhei7nzscjcopbrbnnachs4p1gnwo5oroi3qonw6inwgoeuufdp?amount=10'
 */
export function formatPaymentUri({ address, amount, label, message }: PaymentUri): string {
  const given = Object.entries({ amount: amount?.toString(), label, message })
  const parameters = given.flatMap(([name, value]) =>
    value === undefined ? [] : `${name}=${encodeURIComponent(value)}`,
  )
  return `nano:${address}${parameters.length > 0 ? `?${parameters.join('&')}` : ''}`
}
