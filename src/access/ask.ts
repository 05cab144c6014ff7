/** How the operator's functions are asked about a request. */
import { BODY_TOO_LARGE, recordView } from '../core/price.ts'
import { inTime } from '../core/quote.ts'
import type { PaywallRequest } from '../core/request.ts'
import { AccessError } from '../errors.ts'
import type { Asked } from './options.ts'

/** A function of the operator's, the option that it is, and how much of a body it may read. */
export interface Question<T> {
  readonly option: string
  readonly ask: Asked<T>
  readonly bodyLimit: number
  /** What it has to give, for people, and whether it did. */
  readonly expected: string
  isRight(given: unknown): boolean
}

/** What it says of a request. @throws {@link AccessError} (`ERR_ACCESS`), or `BODY_TOO_LARGE` */
export async function askOperator<T>(
  { option, ask, bodyLimit, expected, isRight }: Question<T>,
  request: PaywallRequest,
): Promise<T> {
  try {
    const { view } = recordView(request, bodyLimit)
    const given = await inTime(ask({ ...view, remoteAddress: request.remoteAddress }))
    if (isRight(given)) return given
  } catch (cause) {
    if (cause === BODY_TOO_LARGE) throw cause
    throw new AccessError(`The option ${option} failed.`, { cause })
  }
  throw new AccessError(`The option ${option} has to give ${expected}.`)
}

/** One that gives a key. */
export const keyOf = (option: string, ask: Asked<string>, bodyLimit: number): Question<string> => ({
  ...{ option, ask, bodyLimit, isRight: isText },
  expected: 'text that is not empty',
})

export const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
