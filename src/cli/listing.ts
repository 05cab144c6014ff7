/** Reconciled sends as text: a table for people, CSV for spreadsheets, JSON lines for programs. */
import { formatXno } from '../nano/index.ts'
import { type ReconciledSend, type Reconciliation, STATES } from '../reconcile/index.ts'

const timeOf = ({ sentAtMs }: ReconciledSend) => (sentAtMs === undefined ? '' : secondsOf(sentAtMs))

const secondsOf = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

/** Aligned columns. Empty for no sends. */
export function tableOf(sends: readonly ReconciledSend[]): string {
  if (sends.length === 0) return ''
  // Whom it was sent to, where that is not the same for all.
  const isOne = sends.every(({ account }) => account === sends[0]?.account)
  const to = (text: string) => (isOne ? [] : [text])
  const head = ['TIME', 'STATE', 'XNO', 'PAYER', ...to('ACCOUNT'), 'HASH', 'TRIES', 'NOTES']
  const rows = sends.map((send) => {
    const { state, amount, payer, account, hash, attempts, hints } = send
    return [timeOf(send), state, formatXno(amount), payer, ...to(account), hash, String(attempts), hints.join(', ')]
  })
  const table = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')
  return `${table.map((row) => line(row).trimEnd()).join('\n')}\n\n`
}

/** No cell holds anything that would need quotes. */
export function csvOf(sends: readonly ReconciledSend[]): string {
  const rows = sends.map((send) => {
    const { state, amount, payer, account, hash, attempts, hints } = send
    return [timeOf(send), state, amount, formatXno(amount), payer, hash, attempts, hints.join('; '), account].join(',')
  })
  return `${['time,state,amount_raw,amount_xno,payer,hash,attempts,notes,account', ...rows].join('\n')}\n`
}

export const jsonOf = (sends: readonly ReconciledSend[]): string =>
  sends
    .map((send) => {
      const { state, amount, payer, account, hash, attempts, hints } = send
      const fields = { time: timeOf(send) || null, state, amount: amount.toString(), xno: formatXno(amount) }
      return `${JSON.stringify({ ...fields, payer, account, hash, attempts, notes: hints })}\n`
    })
    .join('')

/** Such as `3 sends since 2026-01-31T12:00:00Z: 2 matched, 1 late`. */
export function summaryOf({ sends, counts }: Reconciliation, sinceMs: number): string {
  const found = STATES.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${state}`)
  const states = found.length > 0 ? `: ${found.join(', ')}` : ''
  return `${sends.length} ${sends.length === 1 ? 'send' : 'sends'} since ${secondsOf(sinceMs)}${states}`
}
