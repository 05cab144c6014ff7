/** `mppx` with Tempo's charge. The check of the payment on its chain is stubbed: it says yes to every proof, at once. */
import { Challenge, Credential, Method } from 'mppx'
import { Mppx as ExpressMppx } from 'mppx/express'
import { Mppx as HonoMppx } from 'mppx/hono'
import { Methods } from 'mppx/tempo'
import { type Ask, repeat, type Subject } from '../subject.ts'
import { ADDRESS, HASH } from './stub.ts'

const charge = Method.toServer(Methods.charge, {
  defaults: { currency: ADDRESS, decimals: 6, recipient: ADDRESS },
  verify: async () => ({ method: 'tempo', status: 'success', timestamp: new Date().toISOString(), reference: HASH }),
})
const options = { methods: [charge], realm: 'bench', secretKey: 'a-secret-of-the-benchmark-0123456789' } as const

/** The one proof that is presented again and again, renewed for each batch. */
async function pay(ask: Ask): Promise<Record<string, string>> {
  const challenge = Challenge.fromResponse(await ask())
  return { authorization: Credential.serialize(Credential.from({ challenge, payload: { type: 'hash', hash: HASH } })) }
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
