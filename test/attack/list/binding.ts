/** B: only what was sealed counts, and only for whom it was sealed. */
import { createPaywall } from 'nano402'
import { until } from '../../support/wait.ts'
import { freshAccount, offerOf, paymentHeader, paymentOf, proofHeader } from '../../support/world.ts'
import type { Attack, Trial } from './attack.ts'
import { changes, forgeries } from './wrong-values.ts'

const FIELDS = ['scheme', 'network', 'amount', 'asset', 'payTo', 'maxTimeoutSeconds'] as const
const NOT_OURS = ['invalid_session', 'resource_mismatch'] as const

/** A request for each of these payments, or what claims to be one. */
const presenting = ({ ask }: Trial, payments: readonly unknown[]) =>
  payments.map((payment) => {
    const headers = paymentHeader(payment)
    return () => ask({ headers })
  })

/** Pays for one route of the shop and shows the proof at another, then where it belongs. */
async function payHereUseThere({ at, ask, buy, refuses, serves }: Trial, here: string, there: string): Promise<void> {
  const { headers } = await buy({}, at(here))
  await refuses(() => ask({ headers }, at(there)), 'resource_mismatch')
  await serves(() => ask({ headers }, at(here)))
}

export const binding: readonly Attack[] = [
  {
    id: 'B1',
    title: 'paid for a cheap route, used on a dear one',
    needs: 'shop',
    run: (trial) => payHereUseThere(trial, '/report', '/premium/a'),
  },
  {
    id: 'B2',
    title: 'paid for one thing, used for another of the price',
    needs: 'shop',
    run: (trial) => payHereUseThere(trial, '/premium/a', '/premium/b'),
  },
  {
    id: 'B3',
    title: 'paid for one query, used with others',
    needs: 'payment',
    async run({ url, ask, buy, refuses, serves }) {
      const paid = new URL(url)
      paid.searchParams.set('rows', '1')
      const { headers } = await buy({}, paid.href)
      for (const more of ['0000', '&rows=1000', '&all']) {
        await refuses(() => ask({ headers }, paid.href + more), 'resource_mismatch')
      }
      await refuses(() => ask({ headers }), 'resource_mismatch')
      await serves(() => ask({ headers }, paid.href))
    },
  },
  {
    id: 'B4',
    title: 'paid for one method, used with others',
    needs: 'payment',
    async run({ ask, buy, refuses, serves }) {
      const { headers } = await buy()
      for (const method of ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        await refuses(() => ask({ method, headers }), ['resource_mismatch', 404, 405])
      }
      const head = await buy({ method: 'HEAD' })
      await refuses(() => ask({ headers: head.headers }), 'resource_mismatch')
      await serves(() => ask({ headers }))
    },
  },
  {
    id: 'B5',
    title: 'each field of the accepted offer changed',
    needs: 'payment',
    async run(trial) {
      const { ask, buy, expect, serves } = trial
      const { offer, hash, headers } = await buy()
      const payment = paymentOf(offer, hash)
      const cheaper = { ...offer, payTo: freshAccount(), amount: '1' }
      const single = FIELDS.flatMap((field) =>
        Object.values(changes).map((change) => ({ ...offer, [field]: change(offer[field]) })),
      )
      const lies = [...single, cheaper, [offer], JSON.stringify(offer), null]
      const payments = lies.map((accepted) => ({ ...payment, accepted }))
      await expect(presenting(trial, payments), { answers: [400] })
      await serves(() => ask({ headers }))
    },
  },
  {
    id: 'B6',
    title: 'session ids forged, cut, and each bit flipped',
    needs: 'payment',
    async run(trial) {
      const { ask, buy, expect, serves } = trial
      const { offer, hash, headers } = await buy()
      const payment = paymentOf(offer, hash)
      const id = payment.payload.sessionId
      const genuine = Buffer.from(id, 'base64url')
      const flipped = Array.from(genuine, (_, at) => {
        const bytes = Buffer.from(genuine)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
        return bytes.toString('base64url')
      })
      const forged = Object.values(forgeries).map((forge) => forge(id))
      const payments = [...forged, ...flipped].map((sessionId) => ({ ...payment, payload: { proof: hash, sessionId } }))
      await expect(presenting(trial, payments), { answers: NOT_OURS })
      await serves(() => ask({ headers }))
    },
  },
  {
    id: 'B6b',
    title: 'a session of another deployment of the account',
    needs: 'shop',
    async run({ url, options, buyer, ask, refuses }) {
      for (const difference of [{ secret: `${options.secret}-of-somebody-else` }, { realm: 'another tenant' }]) {
        const theirs = createPaywall({ ...options, ...difference })
        const outcome = await theirs.guard(new Request(url))
        if (outcome.kind !== 'refused') throw new Error('The other deployment asked for nothing.')
        const offer = offerOf(outcome.toResponse())
        const headers = proofHeader(offer, await buyer.pay(offer))
        await theirs.close()
        await refuses(() => ask({ headers }), NOT_OURS)
      }
    },
  },
  {
    id: 'B7',
    title: "another's payment, read from the ledger",
    needs: 'payment',
    async run({ ask, buy, offer, refuses, serves }) {
      const victim = await buy()
      const own = await Promise.all([offer(), offer(), offer()])
      const stolen = own.map((session) => proofHeader(session, victim.hash))
      for (const headers of stolen) await refuses(() => ask({ headers }), 'amount_mismatch', { calls: 2 })
      await serves(() => ask({ headers: victim.headers }))
      for (const headers of stolen) await refuses(() => ask({ headers }), 'amount_mismatch')
    },
  },
  {
    id: 'B7b',
    title: 'the same, while its owner waits for confirmation',
    needs: 'shop',
    async run({ devnet, ask, buy, offer, refuses, serves }) {
      devnet.hold()
      const victim = await buy()
      const asked = devnet.asked('blocks_info')
      const first = ask({ headers: victim.headers })
      try {
        await until(() => devnet.asked('blocks_info') > asked)
        for (const _ of Array(5)) {
          const headers = proofHeader(await offer(), victim.hash)
          await refuses(() => ask({ headers }), 'amount_mismatch', { calls: 6 }) // the owner's own lookups among them
        }
      } finally {
        devnet.release()
      }
      if ((await first).status !== 200) await serves(() => ask({ headers: victim.headers }))
    },
  },
]
