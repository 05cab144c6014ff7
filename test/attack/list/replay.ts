/** R, N: one payment, one answer, whatever is shown, however often; and payments that are none. */
import { freshAccount, offerOf, paymentHeader, paymentOf, proofHeader } from '../../support/world.ts'
import type { Answer, Attack, Trial } from './attack.ts'
import { isAnotherCase, spellings } from './wrong-values.ts'

const times = <T>(count: number, make: (i: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i))
/** A copy of a proof that is being used, or was. */
const COPY: readonly Answer[] = ['payment_already_spent', 'payment_in_progress']
/** The block, and the one before it, which proves the amount. */
const ONE_LOOKUP = { calls: 2 }

/** A hundred copies at once buy one answer, and none afterwards. */
async function race({ url, ask, raw, buy, expect, refuses }: Trial, connection: 'shared' | 'own'): Promise<void> {
  const { headers } = await buy()
  const { pathname, search } = new URL(url)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const copy = () => (connection === 'own' ? raw('GET', pathname + search, lines) : ask({ headers }))
  await expect(
    times(100, () => copy),
    { answers: COPY, served: 1, ...ONE_LOOKUP },
  )
  await refuses(copy, 'payment_already_spent')
}

/** What has the form of a pass, or nearly. Nobody sold it. */
const PASSES: readonly string[] = [
  `${'A'.repeat(22)}.100.1999999999.${'A'.repeat(43)}`,
  `${'A'.repeat(22)}.999999.1999999999.${'_'.repeat(43)}`,
  ...['true', '*', 'A'.repeat(8_000), `${'A'.repeat(22)}.1e9.1999999999.`],
]

export const replay: readonly Attack[] = [
  {
    id: 'G1',
    title: 'a pass that nobody sold',
    needs: 'url',
    async run({ ask, refuses }) {
      for (const pass of PASSES) {
        await refuses(
          () => ask({ headers: { 'Nano402-Pass': pass } }),
          ['payment_required', 'invalid_pass', 'invalid_payload'],
        )
      }
    },
  },
  {
    id: 'R1',
    title: 'a used proof, ten times more',
    needs: 'payment',
    async run({ ask, buy, serves, refuses }) {
      const { headers } = await buy()
      await serves(() => ask({ headers }))
      for (const _ of times(10, () => 0)) await refuses(() => ask({ headers }), 'payment_already_spent')
    },
  },
  {
    id: 'R2',
    title: 'one proof a hundred times at once',
    needs: 'payment',
    run: (trial) => race(trial, 'shared'),
  },
  {
    id: 'R2b',
    title: 'the same, each on a connection of its own',
    needs: 'payment',
    run: (trial) => race(trial, 'own'),
  },
  {
    id: 'R2c',
    title: 'copies of a proof while its handler runs',
    needs: 'shop',
    async run({ at, ask, buy, handlerRuns, refuses }) {
      const { headers } = await buy()
      const runs = await handlerRuns()
      const first = ask({ headers: { ...headers, 'x-handler': 'wait' } })
      while ((await handlerRuns()) === runs) await new Promise(setImmediate)
      for (const _ of times(5, () => 0)) await refuses(() => ask({ headers }), 'payment_in_progress')
      await ask({}, at('/free')) // which lets the handler go on
      if ((await first).status !== 200) throw new Error('The first was to be served.')
      await refuses(() => ask({ headers }), 'payment_already_spent')
    },
  },
  {
    id: 'R8',
    title: 'a used block in ten other spellings',
    needs: 'payment',
    async run({ ask, buy, serves, refuses }) {
      const { offer, hash, headers } = await buy()
      await serves(() => ask({ headers }))
      for (const [name, spell] of Object.entries(spellings)) {
        const respelt = proofHeader(offer, spell(hash))
        await refuses(
          () => ask({ headers: respelt }),
          isAnotherCase(name) ? 'payment_already_spent' : 'invalid_payload',
        )
      }
    },
  },
  {
    id: 'R11',
    title: 'one block for two sessions',
    needs: 'payment',
    async run({ ask, buy, offer, serves, refuses }) {
      const { headers, hash } = await buy()
      const second = proofHeader(await offer(), hash)
      await refuses(() => ask({ headers: second }), 'amount_mismatch', ONE_LOOKUP)
      await serves(() => ask({ headers }))
      await refuses(() => ask({ headers: second }), 'amount_mismatch')
    },
  },
  {
    id: 'R11b',
    title: 'one block for two routes, both at once',
    needs: 'shop',
    async run({ at, ask, buy, offer, expect }) {
      const here = await buy()
      const elsewhere = proofHeader(await offer({}, at('/premium/a')), here.hash)
      const both = [() => ask({ headers: here.headers }), () => ask({ headers: elsewhere }, at('/premium/a'))]
      await expect(both, { answers: ['amount_mismatch'], served: 1, ...ONE_LOOKUP })
    },
  },
  {
    id: 'R16',
    title: 'a used block as the proof of another mechanism',
    needs: 'payment',
    async run({ ask, buy, serves, refuses }) {
      const { offer, hash, headers } = await buy()
      await serves(() => ask({ headers }))
      const { payload, ...payment } = paymentOf(offer, hash)
      const signed = { blockHash: hash, nonce: '0'.repeat(32), validBefore: 4_000_000_000, signature: 'A'.repeat(128) }
      for (const other of [signed, { block: { hash } }, { ...payload, ...signed }, { deposit: hash }, { hash }]) {
        const shown = paymentHeader({ ...payment, payload: other })
        await refuses(() => ask({ headers: shown }), ['invalid_payload', 'payment_already_spent'])
      }
      const deposit = { ...payment, accepted: { ...offer, scheme: 'batch-settlement' }, payload: { deposit: hash } }
      await refuses(() => ask({ headers: paymentHeader(deposit) }), 'invalid_scheme')
    },
  },
  {
    id: 'R17',
    title: 'twenty requests that go away before confirmation',
    needs: 'shop',
    async run({ devnet, ask, buy, serves, expect, refuses }) {
      devnet.hold()
      const { headers } = await buy()
      const leaving = times(20, (i) => () => ask({ headers, signal: AbortSignal.timeout(5 * i + 1) }))
      try {
        await expect(leaving, { answers: [0, 'settlement_pending'], calls: 40 })
        // One that stays hears that it is too early. By then the server knows that the others have gone.
        await refuses(() => ask({ headers }), 'settlement_pending', { calls: 40 })
      } finally {
        devnet.release()
      }
      await serves(() => ask({ headers }))
    },
  },
  {
    id: 'N1',
    title: 'a block that is not confirmed',
    needs: 'shop',
    async run({ devnet, ask, buy, serves, expect }) {
      devnet.hold()
      const { headers } = await buy()
      try {
        await expect([() => ask({ headers })], { answers: ['settlement_pending'], calls: 10 })
      } finally {
        devnet.release()
      }
      await serves(() => ask({ headers }))
    },
  },
  {
    id: 'N4',
    title: 'the right amount to somebody else',
    needs: 'shop',
    async run({ buyer, ask, offer, refuses }) {
      const wanted = await offer()
      const hash = await buyer.send(freshAccount(), BigInt(wanted.amount))
      await refuses(() => ask({ headers: proofHeader(wanted, hash) }), 'recipient_mismatch', ONE_LOOKUP)
    },
  },
  {
    id: 'N5',
    title: 'a raw less, a raw more, the tag cut off',
    needs: 'shop',
    async run({ buyer, ask, offer, refuses }) {
      for (const change of [
        (raw: bigint) => raw - 1n,
        (raw: bigint) => raw + 1n,
        (raw: bigint) => raw - (raw % 10n ** 20n),
      ]) {
        const wanted = await offer()
        const hash = await buyer.send(wanted.payTo, change(BigInt(wanted.amount)))
        await refuses(() => ask({ headers: proofHeader(wanted, hash) }), 'amount_mismatch', ONE_LOOKUP)
      }
    },
  },
  {
    id: 'N12',
    title: 'a session paid twice, and in two halves',
    needs: 'shop',
    async run({ buyer, ask, buy, serves, refuses }) {
      const { offer, headers } = await buy()
      await serves(() => ask({ headers }))
      const second = proofHeader(offer, await buyer.pay(offer))
      await refuses(() => ask({ headers: second }), 'payment_already_spent', ONE_LOOKUP)
      const other = offerOf(await ask())
      const half = BigInt(other.amount) / 2n
      for (const amount of [half, BigInt(other.amount) - half]) {
        const hash = await buyer.send(other.payTo, amount)
        await refuses(() => ask({ headers: proofHeader(other, hash) }), 'amount_mismatch', ONE_LOOKUP)
      }
    },
  },
]
