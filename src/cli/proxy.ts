/** `nano402 proxy`: a paywall in front of a server in any language, until Ctrl-C. */
import { once } from 'node:events'
import { Command, Option } from '@commander-js/extra-typings'
import { parseXno } from '../nano/index.ts'
import { jsonOption, type MakeCommand, parsedBy, UsageError, wholeNumber } from './command.ts'
import { complaintsOf } from './health.ts'
import type { Served } from './listen.ts'
import { readConfig } from './proxy-config.ts'
import { createLog, type ProxyTable, printTable } from './proxy-log.ts'
import { loadMetrics, serveMetrics } from './proxy-metrics.ts'
import { paint, printJson, printLine } from './terminal.ts'

const PORT = 8_402

const description = `Puts a paywall in front of an API in any language. Each request is matched against the routes of a file: \
what has a price is asked for it with 402, and passed on once it is paid; what is free is passed on at once; what is not named \
is answered with 404. Answers are streamed, websockets too. An upstream that fails, or is not there, is not paid.`

const after = `
The file, in YAML:
  payTo: nano_...
  rpc: http://127.0.0.1:7076
  store: sqlite:/var/lib/paywall/claims.db
  secret: \${NANO402_SECRET}              # of the environment, where secrets belong
  publicUrl: https://api.example.com
  routes:
    - { path: /health, free: true }
    - { path: /report, price: 0.001, description: The report of the day }
    - { path: /items/:id, methods: [GET], price: 0.0001 }
    - { path: /files/*, price: 0.01, page: true }
  default: deny                          # or free, or { price: 0.001 }
Every option of a paywall may stand there; what it leaves out comes from NANO402_... of the
environment. Without a file, everything costs --price. docs/proxy.md says all of it.

What the upstream is told of a payment: nano402-payer, nano402-amount (raw), nano402-payment (the
block). A client cannot set them.

Examples:
  nano402 proxy --upstream http://localhost:8080 --config paywall.yaml
  nano402 proxy --upstream http://localhost:8080 --config paywall.yaml --check
  NANO402_NETWORK=nano:devnet nano402 proxy --upstream http://localhost:8080 --price 0.001`

const price = parsedBy((text) => {
  parseXno(text)
  return text
})

export const proxy: MakeCommand = (terminal) =>
  new Command('proxy')
    .summary('put a paywall in front of an API in any language')
    .description(description)
    .addOption(new Option('--upstream <url>', 'the API, such as http://localhost:8080').env('NANO402_UPSTREAM'))
    .addOption(new Option('--config <file>', 'what costs what (YAML or JSON)').env('NANO402_CONFIG'))
    .addOption(new Option('--price <xno>', 'what a request costs whose route has no price').argParser(price))
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(wholeNumber(65_535)).default(PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(
      new Option('--metrics-port <n>', 'serve /metrics (Prometheus) and /health there, for yourself').argParser(
        wholeNumber(65_535),
      ),
    )
    .option('--check', 'say what would be charged for what, and end')
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async ({ port, host, metricsPort, check, json = false, ...given }) => {
      const config = await readConfig(given)
      const { createProxy } = await import('../proxy/index.ts')
      const log = createLog(terminal, json)
      const metrics = metricsPort === undefined ? undefined : await loadMetrics()
      const made = config.make((options) =>
        createProxy({
          ...options,
          onUpstreamFault: log.onFault,
          onEvent(event) {
            metrics?.onEvent(event)
            log.onEvent(event)
          },
        }),
      )
      let side: Served | undefined
      try {
        const interrupted = terminal.interrupted()
        const table: ProxyTable = { upstream: config.upstream, routes: await made.describe() }
        if (metrics && metricsPort !== undefined && !check) {
          side = await orSay(serveMetrics(made, metrics.registry, { port: metricsPort, host }))
        }
        const url = check ? undefined : await orSay(made.listen({ port, host }))
        const [isThere, health] = await Promise.all([made.isUpstreamThere(), made.paywall.health()])
        const warnings = [
          ...config.warnings,
          ...made.warnings,
          ...complaintsOf(health),
          ...(isThere ? [] : [`upstream: nobody takes connections at ${config.upstream} now.`]),
        ]
        if (json)
          printJson(terminal.stdout, { ...(url && { url }), ...(side && { metrics: side.url }), ...table, warnings })
        else printTable(terminal, { url, side: side?.url, ...table })
        for (const warning of warnings) {
          printLine(terminal.stderr, `${paint(terminal.stderr, 'yellow', 'warning:')} ${warning}`)
        }
        if (!check && !interrupted.aborted) await once(interrupted, 'abort')
      } finally {
        await made.close()
        await side?.close()
      }
    })

async function orSay<T>(listening: Promise<T>): Promise<T> {
  try {
    return await listening
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`The proxy cannot listen: ${message}. Choose others with --port, --metrics-port and --host.`)
  }
}
