/** Runs an attack on a target: sends what is hostile, counts what it costs, and holds it against what is expected. */

import { answerFor } from '../../../src/core/refusal.ts'
import { decodePaymentRequired } from '../../../src/x402/headers.ts'
import type { PaymentRequirements } from '../../../src/x402/shapes.ts'
import { codeIn, exchange, type RawAnswer } from '../../support/raw.ts'
import { proofHeader } from '../../support/world.ts'
import type { Answer, Attack, Expected, Request, Seen, Target, Trial } from './attack.ts'

/** How an attack went. The three numbers are about its hostile requests alone; two are null where nobody can see them. */
export interface Result {
  readonly id: string
  readonly adapter: string
  readonly title: string
  readonly passed: boolean
  /** Of its last hostile request that was not served, or, when it failed, of the one that was wrong. */
  readonly status: number
  readonly handlerRuns: number | null
  readonly nodeCalls: number | null
  /** Why it failed. */
  readonly problem?: string
}

const TIME_LIMIT_MS = 60_000

/** What is echoed to a server that makes no offer of nano402's. */
const MADE_UP: PaymentRequirements = {
  scheme: 'exact',
  network: 'nano:mainnet',
  amount: '1000000000012345678901234567',
  asset: 'XNO',
  payTo: 'nano_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7',
  maxTimeoutSeconds: 300,
  extra: { nanoSession: { id: 'A'.repeat(120) } },
}

/** Whether a target has what an attack needs. */
export const applies = ({ needs }: Attack, { shop, pay }: Target): boolean =>
  needs === 'url' || (needs === 'payment' ? pay !== undefined : shop !== undefined)

export async function runAttack(attack: Attack, target: Target): Promise<Result> {
  const { trial, tally } = createTrial(target)
  const { id, title } = attack
  const counts = () => ({ ...tally(), ...(!target.shop && { handlerRuns: null, nodeCalls: null }) })
  const result = (problem?: string): Result => ({
    ...{ id, adapter: target.adapter, title, passed: problem === undefined, ...counts() },
    ...(problem !== undefined && { problem }),
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${TIME_LIMIT_MS} ms.`)), TIME_LIMIT_MS)
  })
  try {
    await Promise.race([late, run(attack, trial, target)])
    await see(() => trial.ask()).then(({ status }) => {
      if (status === 0) throw new Error('the server answers no more')
    })
    return result()
  } catch (error) {
    return result(error instanceof Error ? error.message : String(error))
  } finally {
    clearTimeout(timer)
  }
}

function run(attack: Attack, trial: Trial, { shop }: Target): Promise<void> {
  if (attack.needs !== 'shop') return attack.run(trial)
  if (!shop) throw new Error('This takes a server that we started.')
  return attack.run({ ...trial, ...shop })
}

function createTrial(target: Target) {
  const { url, shop, pay } = target
  let status = 0
  const total = { handlerRuns: 0, nodeCalls: 0 }
  const at = (path: string) => new URL(path, url).href
  const ask: Trial['ask'] = (init = {}, to = url) => fetch(to, { redirect: 'manual', ...init })
  const count = async () => ({
    handlerRuns: (await shop?.handlerRuns()) ?? 0,
    nodeCalls: shop?.devnet.asked('blocks_info') ?? 0,
  })

  /** Sends them, and gives what they were answered with and what they caused. */
  async function send(requests: readonly Request[]) {
    const before = await count()
    const seen = await Promise.all(requests.map(see))
    const after = await count()
    const caused = {
      handlerRuns: after.handlerRuns - before.handlerRuns,
      nodeCalls: after.nodeCalls - before.nodeCalls,
    }
    return { seen, caused }
  }

  const trial: Trial = {
    ...{ url, at, ask },
    raw: (method, target, lines = []) => {
      const host = lines.some((line) => /^host:/i.test(line)) ? [] : [`Host: ${new URL(url).host}`]
      return exchange(url, [`${method} ${target} HTTP/1.1`, ...host, ...lines, 'Connection: close'])
    },
    async offer(init, to) {
      const offers = decodePaymentRequired((await ask(init, to)).headers.get('PAYMENT-REQUIRED') ?? '')?.accepts
      return offers?.find(({ extra }) => extra?.nanoSession !== undefined) ?? MADE_UP
    },
    async buy(init, to) {
      if (!pay) throw new Error('Nothing can be paid without a seed.')
      const challenge = await ask(init, to)
      const offers = decodePaymentRequired(challenge.headers.get('PAYMENT-REQUIRED') ?? '')?.accepts ?? []
      const offer = offers.find(({ extra }) => extra?.nanoSession !== undefined)
      if (!offer) throw new Error(`An unpaid request was answered with ${challenge.status} and no offer.`)
      const hash = await pay(challenge)
      return { offer, hash, headers: proofHeader(offer, hash) }
    },
    async serves(request) {
      const { seen, caused } = await send([request])
      const [only] = seen
      const isServed = only?.status === 200 && (!shop || caused.handlerRuns === 1)
      if (only && isServed) return only
      throw new Error(
        `What was paid for was not served: ${only && shown(only)}, handler run ${caused.handlerRuns} times.`,
      )
    },
    async refuses(request, answers, more) {
      const [seen] = await trial.expect([request], {
        answers: typeof answers === 'object' ? answers : [answers],
        ...more,
      })
      return seen as Seen
    },
    async expect(requests, expected) {
      const { seen, caused } = await send(requests)
      const { wrong, reason } = judge(seen, expected, shop !== undefined)
      status = (wrong ?? seen.findLast((one) => !isSuccess(one)) ?? seen.at(-1))?.status ?? 0
      total.handlerRuns += caused.handlerRuns
      total.nodeCalls += caused.nodeCalls
      if (reason !== undefined) throw new Error(reason)
      if (shop) judgeCosts(caused, expected)
      return seen
    },
  }
  return { trial, tally: () => ({ status, ...total }) }
}

/** Reads an answer to its end. A connection that was closed instead is an answer as well. */
async function see(request: Request): Promise<Seen> {
  const answer = await request().catch(() => undefined)
  if (!answer) return { status: 0, code: undefined, body: '', header: () => '', headers: '' }
  const { status, headers } = answer
  const list: readonly (readonly [string, string])[] =
    headers instanceof Headers ? [...headers] : [...headers].map(([name, values]) => [name, values.join(', ')])
  const header = (name: string) => list.find(([own]) => own === name.toLowerCase())?.[1] ?? ''
  const body = isRaw(answer) ? answer.body : await answer.text()
  // An answer to HEAD says why in its header alone.
  const code = codeIn(body) ?? decodePaymentRequired(header('PAYMENT-REQUIRED'))?.error
  return { status, code, body, header, headers: list.map((pair) => pair.join(': ')).join('\n') }
}

const isRaw = (answer: Response | RawAnswer): answer is RawAnswer => typeof answer.body === 'string'
const isSuccess = ({ status }: Seen) => status >= 200 && status < 300
const isAs = (seen: Seen, answer: Answer) =>
  typeof answer === 'number' ? seen.status === answer : seen.code === answer && seen.status === answerFor(answer).status
const shown = ({ status, code }: Seen) => (code === undefined ? String(status) : `${status} ${code}`)

/**
 * The first answer that is not as it should be, and why. Of a shop everything is known; of any other server only that
 * what was not paid for is neither served nor makes it fail.
 */
function judge(
  seen: readonly Seen[],
  { answers, served = 0, problem }: Expected,
  isShop: boolean,
): { readonly wrong?: Seen; readonly reason?: string } {
  const isExpected = (one: Seen) => answers.some((answer) => isAs(one, answer))
  const isRefused = (one: Seen) => isExpected(one) || (!isShop && (one.status < 200 || one.status >= 300))
  const others = seen.filter((one) => !isRefused(one))
  const successes = others.filter(isSuccess)
  const wrong = others.find((one) => !isSuccess(one)) ?? (successes.length > served ? successes.at(-1) : undefined)
  if (wrong) return { wrong, reason: `expected ${answers.join(' or ')}, got ${shown(wrong)}` }
  if (successes.length < served)
    return { reason: `${served} of ${seen.length} were to be served: ${successes.length} were` }
  for (const one of seen) {
    const isBroken = !isShop && one.status >= 500 && ![502, 503, 504].includes(one.status)
    const reason = isBroken ? `it failed with ${one.status}` : problem?.(one)
    if (reason !== undefined) return { wrong: one, reason }
  }
  return {}
}

function judgeCosts(
  { handlerRuns, nodeCalls }: { readonly handlerRuns: number; readonly nodeCalls: number },
  { served = 0, runs = served, calls = 0 }: Expected,
): void {
  if (handlerRuns !== runs) throw new Error(`the handler ran ${handlerRuns} times, not ${runs}`)
  if (nodeCalls > calls) throw new Error(`the node was asked ${nodeCalls} times, not at most ${calls}`)
}
