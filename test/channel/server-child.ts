/** A server over HTTP with channels, to be killed, to stand still, or with a clock of its own: started by server.ts. */
import { writeSync } from 'node:fs'
import { createPaywall } from 'nano402'
import { frameworks } from '../support/frameworks.ts'

const { OPTIONS = '', FRAMEWORK = '', CLOCK_AHEAD_MS = '0', STANDS_STILL } = process.env
const now = Date.now
Date.now = () => now() + Number(CLOCK_AHEAD_MS)

const paywall = createPaywall(JSON.parse(OPTIONS))
const served = await frameworks
  .find(({ name }) => name.includes(FRAMEWORK))
  ?.serve(paywall, () => {
    if (STANDS_STILL) process.kill(process.pid, 'SIGSTOP')
    return { body: 'paid content' }
  })
writeSync(1, `${process.pid} listens at ${served?.url}\n`)
