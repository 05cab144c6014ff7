/** An issuer that kills itself with -9 at a moment of what it is asked: started by issuer-kill.test.ts. */
import { writeSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { createIssuer, issuerApp } from 'nano402/issuer'
import { createRpc } from 'nano402/rpc'
import { decodeAccount } from '../../src/issuer/codec.ts'
import { openStore } from '../../src/stores/open.node.ts'

const { NODE_URL = '', PRIVATE_KEY = '', STORE = '', MOMENT = '' } = process.env

function dieAt(moment: string): void {
  if (moment !== MOMENT) return
  writeSync(1, 'about to be killed\n')
  process.kill(process.pid, 'SIGKILL')
}

const rpc = createRpc({ endpoints: [NODE_URL] })
const node: typeof rpc = {
  ...rpc,
  async call(action, parameters, signal) {
    const answer = await rpc.call(action, parameters, signal)
    if (action === 'process' && parameters?.subtype === 'send') dieAt('payout published')
    return answer
  },
}
const inner = await openStore(STORE)
const store: typeof inner = {
  ...inner,
  async write(key, version, value, keepUntilMs) {
    const isWritten = await inner.write(key, version, value, keepUntilMs)
    if (key.startsWith('issuer-account:')) {
      const { locks } = decodeAccount(value)
      if (locks.some(({ state }) => state === 'open')) dieAt('locked')
      if (locks.some(({ state }) => state === 'settled')) dieAt('settled')
    }
    if (key.startsWith('payout-tail:') && value.includes('"order"')) dieAt('payout stored')
    return isWritten
  },
}
const options = { network: 'nano:devnet', work: 'cpu', minDeposit: '0.000001', settleSeconds: 3_600 } as const
const issuer = await createIssuer({ ...options, privateKey: PRIVATE_KEY, rpc: node, store, leaseMs: 500 })
serve({ fetch: issuerApp(issuer).fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) =>
  writeSync(1, `listening at http://127.0.0.1:${port}\n`),
)
