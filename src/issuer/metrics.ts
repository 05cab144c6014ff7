/** What an issuer tells Prometheus, as text. Amounts are in raw, and approximate: a sample is a floating-point number. */
import type { Issuer } from './issuer.ts'

/** Refusals since this process began, by their code. */
export type Rejections = ReadonlyMap<string, number>

export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

interface Metric {
  readonly name: string
  readonly type: 'gauge' | 'counter'
  readonly help: string
  /** Each with its labels, as text. */
  readonly samples: readonly (readonly [labels: string, value: bigint | number])[]
}

/** Reads every account. */
export async function metricsText(issuer: Pick<Issuer, 'totals'>, rejections: Rejections): Promise<string> {
  const { accounts, owed } = await issuer.totals()
  const locks = accounts.flatMap((account) => account.locks)
  const charged = accounts.reduce((sum, account) => sum + account.charged, 0n)
  const authorized = accounts.reduce((sum, account) => sum + account.authorized, 0n)
  const one = (name: string, help: string, value: bigint | number, type: Metric['type'] = 'gauge'): Metric => ({
    ...{ name, type, help, samples: [['', value]] },
  })
  const metrics: readonly Metric[] = [
    one('accounts', 'Accounts that ever held money.', accounts.length),
    {
      name: 'locks',
      type: 'gauge',
      help: 'Locks by state. Those that ended are here until they are filed.',
      samples: (['open', 'settled', 'returned'] as const).map((state) => [
        `{state="${state}"}`,
        locks.filter((lock) => lock.state === state).length,
      ]),
    },
    one('balances_raw', 'What accounts can lock or withdraw.', owed.balances),
    one('locked_raw', 'What is set aside for channels.', owed.locked),
    one('in_transit_raw', 'Charged, and not credited to the payee yet.', owed.inTransit),
    one('charged_raw', 'What channels were charged, in all.', charged),
    one('refund_due_raw', 'Withdrawals that are not paid out yet.', owed.withdrawals),
    one('authorized_raw', 'What the proofs authorised that channels were charged on, in all.', authorized),
    {
      name: 'rejections_total',
      type: 'counter',
      help: 'Requests refused, by reason, since the start.',
      samples: [...rejections].map(([reason, count]) => [`{reason="${reason}"}`, count]),
    },
  ]
  return metrics.map(textOf).join('')
}

const textOf = ({ name, type, help, samples }: Metric): string => {
  const full = `nano402_issuer_${name}`
  const lines = samples.map(([labels, value]) => `${full}${labels} ${Number(value)}\n`)
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`
}
