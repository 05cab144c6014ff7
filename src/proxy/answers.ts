/** What the proxy answers by itself. What a payment is answered with, the guard says. */
import { sendAnswer, type WrittenResponse } from '../index.ts'

const ANSWERS = {
  ambiguous_target: [400, 'This request could be read in two ways.'],
  invalid_upgrade: [400, 'A change to websockets is asked for by GET, without a body.'],
  not_found: [404, 'There is nothing here.'],
  method_not_allowed: [405, 'This method is not passed on.'],
  upstream_unavailable: [502, 'The server behind this one does not answer. Nothing was charged: ask again.'],
  upstream_timeout: [504, 'The server behind this one took too long. Nothing was charged: ask again.'],
} as const satisfies Record<string, readonly [number, string]>

export type ProxyCode = keyof typeof ANSWERS

/** About the connection, and who may read the answer. Of the upstream's own there is nothing yet. */
const SURVIVES = /^(?:connection|vary|access-control-.*)$/i

/** Answers with a code and its sentence, or with one that says more. Through a response that is held it gives the payment back. */
export function refuse(res: WrittenResponse, code: ProxyCode, message: string = ANSWERS[code][1]): void {
  const [status] = ANSWERS[code]
  // Of a request that is not understood, nobody knows where the next one begins.
  if (status === 400) res.setHeader('Connection', 'close')
  sendAnswer(res, {
    status,
    headers: (existing) => [
      ...[...existing].filter(([name]) => SURVIVES.test(name)),
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ],
    body: JSON.stringify({ error: code, message }),
  })
}
