/** Makes one payment and kills itself with -9 on the way: started by payouts.test.ts. */
import { writeSync } from 'node:fs'
import { nanoAddress, parseRaw, privateKey, WORK_THRESHOLDS } from 'nano402/nano'
import { createRpc } from 'nano402/rpc'
import { sqliteStore } from 'nano402/stores/sqlite'
import { createPayouts } from '../../src/custody/payouts.ts'
import { createWorkSource } from '../../src/wallet/work.ts'

const { NODE_URL = '', PRIVATE_KEY = '', STORE = '', TO = '', AMOUNT = '', MOMENT = '' } = process.env

function dieAt(moment: string): void {
  if (moment !== MOMENT) return
  writeSync(1, 'about to be killed\n')
  process.kill(process.pid, 'SIGKILL')
}

const rpc = createRpc({ endpoints: [NODE_URL] })
const node: typeof rpc = {
  ...rpc,
  async call(action, parameters, signal) {
    if (action !== 'process') return rpc.call(action, parameters, signal)
    dieAt('before process')
    const answer = await rpc.call(action, parameters, signal)
    dieAt('after process')
    return answer
  },
}
const work = createWorkSource('cpu', node, WORK_THRESHOLDS['nano:devnet'])
const payouts = createPayouts({
  key: privateKey(PRIVATE_KEY),
  node,
  work,
  store: await sqliteStore(STORE),
  leaseMs: 100,
})
await payouts.pay({ id: 'refund:1', to: nanoAddress(TO), amount: parseRaw(AMOUNT) })
dieAt('after the answer')
