/** A server that answers one request and kills itself with -9 on the way: started by kill.test.ts. */
import { writeSync } from 'node:fs'
import { createPaywall, type Store } from 'nano402'
import { createRpc } from 'nano402/rpc'
import { sqliteStore } from 'nano402/stores/sqlite'

const { NODE_URL = '', STORE = '', OPTIONS = '', PAYMENT = '', MOMENT = '' } = process.env

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
    if (action === 'process' && parameters?.subtype === 'send') dieAt('refund published')
    return answer
  },
}
let hasRun = false
const inner = await sqliteStore(STORE)
const store: Store = {
  ...inner,
  async write(key, version, value, keepUntilMs) {
    if (hasRun && key.startsWith('channel-state:')) dieAt('handler has run')
    const isWritten = await inner.write(key, version, value, keepUntilMs)
    if (hasRun && key.startsWith('channel-state:')) dieAt('charged')
    if (key.startsWith('channel-state:') && JSON.parse(value)[1] === 1) dieAt('close begun')
    if (key.startsWith('payout-tail:') && value.includes('"order"')) dieAt('refund stored')
    return isWritten
  },
}
const paywall = createPaywall({ ...JSON.parse(OPTIONS), rpc: node, store })
const outcome = await paywall.guard(new Request('http://shop.example/report', { headers: JSON.parse(PAYMENT) }))
if (outcome.kind === 'paid') {
  await outcome.deliver(() => {
    dieAt('reserved')
    hasRun = true
    return new Response('paid content')
  })
}
