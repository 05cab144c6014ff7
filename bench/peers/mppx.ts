/** `mppx` with Tempo's charge. The check of the payment on its chain is stubbed: it says yes to every proof, at once. */
import { Challenge, Credential, Errors, Method } from 'mppx'
import { Mppx as ExpressMppx } from 'mppx/express'
import { Mppx as HonoMppx } from 'mppx/hono'
import { Methods } from 'mppx/tempo'
import type { Neighbour } from '../neighbours.ts'
import { type Ask, repeat, type Subject } from '../subject.ts'
import { ADDRESS, HASH } from './stub.ts'

const charge = Method.toServer(Methods.charge, {
  defaults: { currency: ADDRESS, decimals: 6, recipient: ADDRESS },
  verify: async () => ({ method: 'tempo', status: 'success', timestamp: new Date().toISOString(), reference: HASH }),
})
const options = { methods: [charge], realm: 'bench', secretKey: 'a-secret-of-the-benchmark-0123456789' } as const

/** The one proof that is presented again and again, renewed for each batch. */
const pay = async (ask: Ask) => payFor(await ask(), HASH)

function payFor(bill: Response, hash: string): Record<string, string> {
  const challenge = Challenge.fromResponse(bill)
  return { authorization: Credential.serialize(Credential.from({ challenge, payload: { type: 'hash', hash } })) }
}

export async function create(): Promise<Subject> {
  const middleware = {
    hono: HonoMppx.create(options).charge({ amount: '0.001' }),
    express: ExpressMppx.create(options).charge({ amount: '0.001' }),
  }
  return {
    name: 'mppx',
    async prepare(scenario, count) {
      if (scenario === 'paid-lookup') return undefined // it has no client for a facilitator: its methods ask the chain themselves
      return { middleware, headers: async (ask) => repeat(count, scenario === 'unpaid' ? {} : await pay(ask)) }
    },
  }
}

/** For neighbours.ts: each hash is taken once, as the method's own check of a payment on the chain has it. */
export function neighbour(): Neighbour {
  const taken = new Set<unknown>()
  const once = Method.toServer(Methods.charge, {
    defaults: { currency: ADDRESS, decimals: 6, recipient: ADDRESS },
    async verify({ credential }) {
      const { hash } = credential.payload as { hash: string }
      if (taken.has(hash))
        throw new Errors.VerificationFailedError({ reason: 'Transaction hash has already been used' })
      taken.add(hash)
      return { method: 'tempo', status: 'success', timestamp: new Date().toISOString(), reference: hash }
    },
  })
  let payments = 0
  return {
    name: 'mppx/hono',
    charge: HonoMppx.create({ ...options, methods: [once] }).charge({ amount: '0.001' }),
    pay: async (bill) => payFor(bill, `0x${(++payments).toString(16).padStart(64, '0')}`),
  }
}
