/** A vendor that kills itself with -9 at a moment of redeeming a channel: started by vendor-kill.test.ts. */
import { writeSync } from 'node:fs'
import { createServer } from 'node:http'
import { createPaywall, holdResponse, nodeRequest, sendAnswer } from 'nano402'
import { listen } from '../../src/cli/listen.ts'
import { openStore } from '../../src/stores/open.node.ts'

const { OPTIONS = '', STORE = '', PORT = '0', MOMENT = '' } = process.env

function dieAt(moment: string): void {
  if (moment !== MOMENT) return
  writeSync(1, 'about to be killed\n')
  process.kill(process.pid, 'SIGKILL')
}

const platformFetch = globalThis.fetch
globalThis.fetch = async (input, init) => {
  const what = /\/(settle|withdrawals)$/.exec(String(input))?.[1]
  if (what === 'settle') dieAt('about to settle')
  const response = await platformFetch(input, init)
  if (what === 'settle') dieAt('settled')
  if (what === 'withdrawals') dieAt('withdrawn')
  return response
}
const inner = await openStore(STORE)
const store: typeof inner = {
  ...inner,
  async write(key, version, value, keepUntilMs) {
    const isWritten = await inner.write(key, version, value, keepUntilMs)
    if (key.startsWith('channel-state:') && JSON.parse(value)[1] === 2) dieAt('frozen')
    return isWritten
  },
}
const paywall = createPaywall({ ...JSON.parse(OPTIONS), store, mechanisms: ['channel'] })
const server = createServer(async (req, res) => {
  const outcome = await paywall.guard(nodeRequest(req, res))
  if (outcome.kind === 'refused') return sendAnswer(res, outcome)
  holdResponse(res, outcome)
  res.end('paid content')
})
const { url } = await listen(server, { port: Number(PORT), host: '127.0.0.1' })
writeSync(1, `listening at ${url}\n`)
