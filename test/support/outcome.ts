/** What a request came to, and what it cost us: the three things that every attack test asserts. */

import type { Served } from './frameworks.ts'
import { codeIn, type RawAnswer } from './raw.ts'
import type { World } from './world.ts'

export interface Outcome {
  readonly status: number
  /** Of a refusal, its code. */
  readonly code?: string
  /** How often the handler ran for it. */
  readonly ran: number
  /** How often the Nano node was asked about blocks for it. */
  readonly asked: number
}

type Answered = Response | RawAnswer

/** Counts what requests to this app cause, one request at a time. */
export const watch =
  ({ devnet }: Pick<World, 'devnet'>, app: Pick<Served, 'runs'>) =>
  async (request: () => Promise<Answered>): Promise<Outcome> => {
    const runs = app.runs()
    const lookups = devnet.asked('blocks_info')
    const answer = await request()
    const code = codeIn(typeof answer.body === 'string' ? answer.body : await (answer as Response).text())
    return {
      status: answer.status,
      ...(code !== undefined && { code }),
      ran: app.runs() - runs,
      asked: devnet.asked('blocks_info') - lookups,
    }
  }

/** Refused without a lookup and without the handler. */
export const refusedAtOnce = (status: number, code: string): Outcome => ({ status, code, ran: 0, asked: 0 })
