/** Every mechanism passes the contract of mechanisms. A new one is one more line here. */

import { sessionMechanism } from 'nano402'
import { createLedger } from 'nano402/rpc'
import { mechanismContract } from 'nano402/testing'
import { describe, test } from 'vitest'
import { createWorld, sessionIdOf } from '../support/world.ts'

const mechanisms = {
  session: async () => {
    const { devnet, seller, buyer, close } = await createWorld()
    const ledger = createLedger({ node: devnet, nodes: [devnet] })
    return {
      mechanism: sessionMechanism({ ledger, confirmTimeoutMs: 1_000 }),
      network: 'nano:devnet',
      payTo: seller.account,
      pay: async (accepted: Parameters<typeof buyer.pay>[0]) => ({
        x402Version: 2 as const,
        accepted,
        payload: { proof: await buyer.pay(accepted), sessionId: sessionIdOf(accepted) },
      }),
      async close() {
        ledger.close()
        close()
      },
    }
  },
}

describe.each(Object.entries(mechanisms))('the %s mechanism', (_name, open) => {
  for (const { name, run } of mechanismContract(open)) test(name, run)
})
