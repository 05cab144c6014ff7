/** A payer that tells all it can while it pays, fails to, and is refused. Started by leaks.test.ts. */
import { appendFileSync } from 'node:fs'
import { createPayer } from 'nano402/client'
import { say, sayWhatCame } from './say.ts'
import { type PayerSettings, settings } from './settings.ts'

const { seed, rpc, shop, seen } = settings<PayerSettings>()

/** Notes what the test is to look for: proofs sent, and the headers of 402s. */
async function watched(request: Request): Promise<Response> {
  const response = await fetch(request)
  for (const header of [request.headers.get('PAYMENT-SIGNATURE'), response.headers.get('PAYMENT-REQUIRED')]) {
    if (header) appendFileSync(seen, `${header}\n`)
  }
  return response
}

const options = {
  seed,
  rpc,
  network: 'nano:devnet',
  work: 'cpu',
  budget: { perRequest: '0.01', total: '1' },
  retryForMs: 1,
  fetch: watched,
  onEvent: say,
} as const
const payer = createPayer(options)
const asked = async (path: string) => {
  const response = await payer.fetch(`${shop}${path}`)
  return [response.status, await response.text()]
}

say(payer)
await sayWhatCame(() => payer.receive())
await sayWhatCame(() => asked('/report'))
await sayWhatCame(() => asked('/broken'))
await sayWhatCame(() => asked('/report'))
for (const wrong of [
  { seed: seed.slice(1) },
  { seed: `${seed.slice(1)}g` },
  { privateKey: seed },
  { rpc: rpc.url.replace('http', 'gopher') },
  { budget: { perRequest: seed, total: '1' } },
]) {
  await sayWhatCame(() => createPayer({ ...options, ...wrong }))
}
const poor = createPayer({ ...options, budget: { perRequest: '0.0001', total: '1' } })
await sayWhatCame(() => poor.fetch(`${shop}/report`))
const lost = createPayer({ ...options, rpc: { ...rpc, url: rpc.url.replace(/:\d+\//, ':9/') } })
await sayWhatCame(() => lost.fetch(`${shop}/report`))
await sayWhatCame(() => lost.balance())
const penniless = createPayer({ ...options, accountIndex: 1 })
await sayWhatCame(() => penniless.fetch(`${shop}/report`))
const unheard = createPayer({
  ...options,
  fetch: (request) => (request.headers.has('PAYMENT-SIGNATURE') ? watched(request).then(hangUp) : watched(request)),
})
await sayWhatCame(() => unheard.fetch(`${shop}/report`))
for (const one of [payer, poor, lost, penniless, unheard]) one.close()

function hangUp(): never {
  throw new TypeError('fetch failed')
}
