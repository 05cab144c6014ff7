/** What `nano402 proxy` prints: at first what is charged for what, then what was paid, and what went wrong. */
import type { PaywallEvent } from '../index.ts'
import { formatXno, parseRaw, type Raw } from '../nano/index.ts'
import type { RouteDescription, UpstreamFault } from '../proxy/index.ts'
import { harmless, paint, printJson, printLine, type Terminal } from './terminal.ts'

export interface ProxyTable {
  readonly upstream: string
  readonly routes: readonly RouteDescription[]
}

/** Where it listens, if it does, and the table. */
export function printTable(
  { stdout }: Terminal,
  { url, side, upstream, routes }: ProxyTable & { readonly url: string | undefined; readonly side: string | undefined },
): void {
  const rows = routes.map(({ path, methods = [], terms }) => ({
    what: `${methods.join(',')}${methods.length > 0 ? ' ' : ''}${path}`,
    costs: costsOf(terms),
    about: typeof terms === 'object' ? (terms.description ?? '') : '',
  }))
  const width = (name: 'what' | 'costs') => Math.max(...rows.map((row) => row[name].length))
  const [what, costs] = [width('what'), width('costs')]
  if (url) printLine(stdout, `Proxy at ${url} for ${upstream}`)
  if (side) printLine(stdout, `Metrics and health at ${side}`)
  for (const row of rows) {
    printLine(stdout, `  ${row.what.padEnd(what)}  ${row.costs.padEnd(costs)}  ${harmless(row.about)}`.trimEnd())
  }
  if (url) printLine(stdout, 'Ctrl-C ends it.')
}

function costsOf(terms: RouteDescription['terms']): string {
  if (terms === 'free') return 'free'
  if (terms === 'denied') return 'not found (404)'
  return terms.amount === undefined ? 'by request' : xno(parseRaw(terms.amount))
}

const xno = (amount: bigint) => `${formatXno(amount as Raw)} XNO`

/** Says what happens, a line each. With JSON that is every event but the calls to node and store. */
export function createLog({ stdout, stderr }: Terminal, json: boolean) {
  const line = (text: string) => printLine(stdout, `${new Date().toISOString()} ${harmless(text)}`)
  const trouble = (text: string) =>
    printLine(stderr, `${new Date().toISOString()} ${paint(stderr, 'red', 'failed')} ${harmless(text)}`)
  return {
    onEvent(event: PaywallEvent): void {
      if (event.type === 'node_call' || event.type === 'store_call') return
      if (json) printJson(stdout, jsonOf(event))
      else if (event.type === 'delivered') {
        const { payer, amount, transaction } = event.payment
        line(`paid ${xno(amount)} for ${event.route} by ${payer} ${transaction}`)
      } else if (event.type === 'undelivered')
        line(`not delivered (${event.reason}): ${event.route}; its payment is good again`)
      else if (event.type === 'refused' && event.status >= 500)
        trouble(`${event.route}: ${event.code}${because(event.fault)}`)
    },
    onFault({ code, route, message }: UpstreamFault): void {
      if (json) printJson(stdout, { time: new Date().toISOString(), type: code, route, message })
      else trouble(`${route}: ${code} (${message})`)
    },
  }
}

const because = (fault: unknown) => (fault instanceof Error ? ` (${fault.message})` : '')

const jsonOf = (event: PaywallEvent) => ({
  time: new Date().toISOString(),
  ...event,
  ...('fault' in event && { fault: event.fault instanceof Error ? event.fault.message : undefined }),
})
