/** Who need not pay, by the operator's word: subscribers. */
import type { Gate } from '../core/gate.ts'
import { askOperator, isText } from './ask.ts'
import type { AccessOptions } from './options.ts'

export function skipGate(ask: NonNullable<AccessOptions['skip']>, bodyLimit: number): Gate {
  // True alone would let in whoever sends what it looked at, and nobody could say whom.
  const expected = 'nothing, or who it is that it has verified: text, or an object with an id. True is nobody'
  const question = { option: 'skip', ask, bodyLimit, isRight, expected }
  return {
    async ask(request) {
      const principal = await askOperator(question, request)
      return principal ? { kind: 'admitted', access: { kind: 'skipped', principal } } : undefined
    },
  }
}

const isRight = (given: unknown): boolean => !given || isText(given) || isText((given as { id?: unknown }).id)
