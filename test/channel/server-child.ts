/** A server over HTTP with channels, to be killed: started by conservation-http.test.ts. */
import { writeSync } from 'node:fs'
import { createPaywall } from 'nano402'
import { frameworks } from '../support/frameworks.ts'

const { OPTIONS = '', FRAMEWORK = '' } = process.env
const paywall = createPaywall(JSON.parse(OPTIONS))
const served = await frameworks.find(({ name }) => name.includes(FRAMEWORK))?.serve(paywall)
writeSync(1, `listening at ${served?.url}\n`)
