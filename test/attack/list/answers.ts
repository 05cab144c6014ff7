/** L, P, S, X: who is charged for what, what an answer tells, and what it costs us to give it. */
import { offerOf, proofHeader, randomHash } from '../../support/world.ts'
import type { Attack, Seen, Shop, Trial } from './attack.ts'

const times = (count: number) => Array.from({ length: count })

/** Everything that an answer says, decoded where it is base64. */
const everythingIn = ({ headers, body }: Seen): string =>
  `${headers}\n${body}`.replace(/[A-Za-z0-9+/]{40,}=*/g, (text) => `${text} ${atob(text.slice(0, text.length & ~3))}`)

/** A handler that fails is not paid: it says so, and the same proof is good again. */
async function failThenServe({ ask, buy, expect, serves }: Trial, trouble: 'fail' | 'throw'): Promise<void> {
  const { headers } = await buy()
  const isCharged = (seen: Seen) => (seen.header('PAYMENT-RESPONSE') ? 'the failed answer has a receipt' : undefined)
  const failing = { ...headers, 'x-handler': trouble }
  await expect([() => ask({ headers: failing })], { answers: [500], runs: 1, calls: 2, problem: isCharged })
  await serves(() => ask({ headers }))
}

const life: readonly Attack[] = [
  {
    id: 'L1',
    title: 'a handler that answers 500 is not paid',
    needs: 'shop',
    run: (trial) => failThenServe(trial, 'fail'),
  },
  {
    id: 'L1b',
    title: 'a handler that throws is not paid',
    needs: 'shop',
    run: (trial) => failThenServe(trial, 'throw'),
  },
  {
    id: 'L1c',
    title: 'endless work for one payment, by failing',
    needs: 'shop',
    async run({ ask, buy, expect, refuses }) {
      const { headers } = await buy()
      const fail = () => ask({ headers: { ...headers, 'x-handler': 'fail' } })
      for (const _ of times(3)) await expect([fail], { answers: [500], runs: 1, calls: 2 })
      for (const _ of times(5)) await refuses(fail, 'attempts_exhausted')
    },
  },
  {
    id: 'L3',
    title: 'a client that leaves while the handler runs',
    needs: 'shop',
    async run({ at, ask, buy, handlerRuns, refuses, serves }) {
      const { headers } = await buy()
      const runs = await handlerRuns()
      const client = new AbortController()
      const first = ask({ headers: { ...headers, 'x-handler': 'wait' }, signal: client.signal }).catch(() => undefined)
      while ((await handlerRuns()) === runs) await new Promise(setImmediate)
      client.abort()
      await first
      await refuses(() => ask({ headers }), 'payment_in_progress') // its handler still runs: never two at once
      await ask({}, at('/free'))
      await serves(async () => {
        for (;;) {
          const answer = await ask({ headers })
          if (answer.status !== 409) return answer
        }
      })
    },
  },
  {
    id: 'L5',
    title: 'headers set before the paywall, in a refusal',
    needs: 'shop',
    async run({ ask, offer, refuses }) {
      const forged = proofHeader({ ...(await offer()), amount: '1' }, randomHash())
      const leak = ({ headers }: Seen) => (/set-cookie|x-secret/i.test(headers) ? 'a header leaked' : undefined)
      await refuses(() => ask(), 'payment_required', { problem: leak })
      await refuses(() => ask({ headers: forged }), 400, { problem: leak })
    },
  },
]

const outside: readonly Attack[] = [
  {
    id: 'P1',
    title: 'Host and Forwarded headers in resource.url',
    needs: 'url',
    async run({ url, raw, refuses }) {
      const { pathname } = new URL(url)
      const evil = ['Host: evil.example', 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example']
      const more = ['X-Forwarded-Proto: gopher', 'X-Forwarded-Prefix: //evil.example', 'X-Original-Host: evil.example']
      const believed = (seen: Seen) =>
        /evil\.example|gopher/.test(everythingIn(seen)) ? 'the answer repeats a header that anybody can set' : undefined
      await refuses(() => raw('GET', pathname, [...evil, ...more]), 'payment_required', { problem: believed })
    },
  },
  {
    id: 'P2',
    title: 'a shared cache that keeps a 402, or what was paid',
    needs: 'payment',
    async run({ ask, buy, serves, refuses }) {
      const stored = (seen: Seen) =>
        /no-store/.test(seen.header('cache-control')) ? undefined : 'a cache may keep the 402'
      await refuses(() => ask(), 'payment_required', { problem: stored })
      const { headers } = await buy()
      const { header } = await serves(() => ask({ headers }))
      if (!/private|no-store/.test(header('cache-control'))) throw new Error('a cache may keep the paid answer')
      if (!/payment-signature/i.test(header('vary'))) throw new Error('the paid answer is for everybody, says Vary')
    },
  },
  {
    id: 'P4',
    title: 'script in path and query',
    needs: 'url',
    async run({ url, ask, refuses }) {
      const asPage = (seen: Seen) =>
        /html/.test(seen.header('content-type')) && seen.body.includes('<script>alert') ? 'the script runs' : undefined
      const answers = ['payment_required', 404] as const
      for (const end of [
        '?q=<script>alert(1)</script>',
        '?q=%3Cscript%3Ealert(1)%3C/script%3E',
        '/%3Cscript%3Ealert(1)',
      ]) {
        await refuses(() => ask({ headers: { Accept: 'text/html' } }, url + end), answers, { problem: asPage })
      }
    },
  },
  {
    id: 'P5',
    title: 'Accept: text/html, of a browser or an API client',
    needs: 'url',
    async run({ ask, refuses }) {
      const unreadable = (seen: Seen) => (seen.header('PAYMENT-REQUIRED') ? undefined : 'the 402 has no offer')
      for (const Accept of ['text/html', 'text/html,application/xhtml+xml,*/*;q=0.8', 'application/json', '*/*', '']) {
        await refuses(() => ask({ headers: { Accept } }), 'payment_required', { problem: unreadable })
      }
    },
  },
  {
    id: 'P6',
    title: 'a page of another origin that wants to pay',
    needs: 'url',
    async run({ ask, refuses }) {
      const hidden = (seen: Seen) =>
        /payment-required/i.test(seen.header('access-control-expose-headers'))
          ? undefined
          : 'scripts cannot see the offer'
      await refuses(() => ask({ headers: { Origin: 'https://page.example' } }), 'payment_required', { problem: hidden })
    },
  },
  {
    id: 'S1',
    title: 'a hundred unpaid requests',
    needs: 'url',
    async run({ ask, expect }) {
      const free = ({ status }: Seen) => (status === 402 ? undefined : 'nothing is asked for')
      await expect(
        Array(100).fill(() => ask()),
        { answers: ['payment_required'], problem: free },
      )
    },
  },
  {
    id: 'S4',
    title: 'random hashes without a genuine session',
    needs: 'url',
    async run({ ask, offer, expect }) {
      const genuine = await offer()
      const forged = { ...genuine, extra: { nanoSession: { id: 'A'.repeat(120) } } }
      const guess = () => ask({ headers: proofHeader(forged, randomHash()) })
      await expect(Array(100).fill(guess), { answers: ['invalid_session'] })
    },
  },
  {
    id: 'S4b',
    title: 'random hashes with one genuine session',
    needs: 'shop',
    async run({ ask, offer, expect, refuses }) {
      const session = await offer()
      const guess = () => ask({ headers: proofHeader(session, randomHash()) })
      await expect(Array(100).fill(guess), { answers: ['too_many_attempts', 'settlement_pending'], calls: 20 })
      for (const _ of times(5)) await refuses(guess, 'too_many_attempts')
    },
  },
  {
    id: 'S10',
    title: "whether a stranger's block was used, or how much it was",
    needs: 'shop',
    run: (trial) => strangersHearTheSame(trial),
  },
  {
    id: 'X6',
    title: 'stacks, hosts and paths in what refuses',
    needs: 'url',
    async run({ ask, offer, refuses }) {
      const telling = (seen: Seen) => {
        const [found] =
          /\bat \S+ \(|\.(js|ts):\d+|node_modules|\/(home|root|work|usr|var)\/|https?:\/\/(127|localhost|10\.)/.exec(
            everythingIn(seen),
          ) ?? []
        return found && `the answer says ${JSON.stringify(found)}`
      }
      const forged = { ...(await offer()), extra: { nanoSession: { id: 'A'.repeat(120) } } }
      await refuses(() => ask(), 'payment_required', { problem: telling })
      await refuses(() => ask({ headers: proofHeader(forged, randomHash()) }), 'invalid_session', { problem: telling })
      await refuses(() => ask({ headers: { 'PAYMENT-SIGNATURE': '%' } }), 'invalid_payload', { problem: telling })
    },
  },
]

/** A block of ours that was used, one that was not, and one that never was a payment: all the same to who holds another session. */
async function strangersHearTheSame({ buyer, seller, ask, buy, serves, refuses }: Trial & Shop): Promise<void> {
  const used = await buy()
  await serves(() => ask({ headers: used.headers }))
  const unused = await buy()
  const gift = await buyer.send(seller.account, 12_345n)
  const heard: string[] = []
  for (const hash of [gift, used.hash, unused.hash]) {
    const own = offerOf(await ask())
    const seen = await refuses(() => ask({ headers: proofHeader(own, hash) }), 'amount_mismatch', { calls: 2 })
    const said = everythingIn(seen)
    for (const secret of [used.offer.amount, unused.offer.amount, buyer.account]) {
      if (said.includes(secret)) throw new Error("the answer says what is another's")
    }
    const { accepts: _, ...body } = JSON.parse(seen.body)
    heard.push(JSON.stringify([seen.status, body, seen.header('PAYMENT-RESPONSE')]))
  }
  if (new Set(heard).size > 1) throw new Error('the answers differ')
}

export const answers: readonly Attack[] = [...life, ...outside]
