/** So many requests a day are free. What is stored names a day and a key's MAC: nobody reads there who came. */
import { encodeFields, type Field } from '../core/bytes.ts'
import type { Gate } from '../core/gate.ts'
import { refusal } from '../core/refusal.ts'
import { encodeBase64Url } from '../x402/base64.ts'
import { askOperator, keyOf } from './ask.ts'
import type { Counting } from './counting.ts'
import type { FreeOptions } from './options.ts'

const DAY_MS = 86_400_000

/** `route`: what tells its free requests from those of other routes. */
export function freeGate({ perDay, by }: FreeOptions, route: readonly Field[], counting: Counting): Gate {
  const { open, holdMs, attempts, bodyLimit } = counting
  const question = keyOf('free.by', by, bodyLimit)
  return {
    async ask(request) {
      const key = await askOperator(question, request)
      const { uses, macs } = await open()
      const day = Math.floor(Date.now() / DAY_MS)
      const name = macs[0](encodeFields(['nano402 free 1', String(day), ...route, key]))
      const taken = await uses.take(`free:${encodeBase64Url(name)}`, {
        limit: perDay,
        attempts,
        holdMs,
        beginsUntilMs: (day + 1) * DAY_MS,
      })
      if (typeof taken === 'string') return refusal('free_exhausted')
      const { held, left } = taken
      return { kind: 'admitted', access: { kind: 'free', left }, held }
    },
  }
}
