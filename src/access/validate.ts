/** Bad requests: refused before anything is offered, so that nobody pays for one; with a payment, too, which stays good. */
import type { Gate } from '../core/gate.ts'
import { refusal } from '../core/refusal.ts'
import { askOperator, isText } from './ask.ts'
import type { AccessOptions } from './options.ts'

export function validateGate(ask: NonNullable<AccessOptions['validate']>, bodyLimit: number): Gate {
  const question = { option: 'validate', ask, bodyLimit, isRight, expected: 'undefined, text, or { code, detail }' }
  return {
    asksPayers: true,
    async ask(request) {
      const given = await askOperator(question, request)
      const reason = typeof given === 'string' ? { detail: given } : given
      return reason ? { ...refusal('invalid_request'), said: { reason } } : undefined
    },
  }
}

function isRight(given: unknown): boolean {
  const { code, detail } = (given ?? {}) as Record<string, unknown>
  return given == null || isText(given) || (isText(code) && isText(detail))
}
