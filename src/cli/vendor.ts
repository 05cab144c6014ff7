/** `nano402 vendor`: a small API that is paid for through channels, until Ctrl-C. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Command, Option } from '@commander-js/extra-typings'
import { createPaywall, holdResponse, nodeRequest, type Paywall, sendAnswer, sendResponse } from '../index.ts'
import { derivePublicKey, type NanoAddress, parseXno, publicKeyToAddress } from '../nano/index.ts'
import {
  jsonOption,
  type MakeCommand,
  networkOption,
  parsedBy,
  requiredRpc,
  rpcOption,
  UsageError,
  wholeNumber,
  workOption,
  wsOption,
} from './command.ts'
import { warnOf } from './health.ts'
import { ISSUER_HELP, issuerOption, withKeys } from './issuer-option.ts'
import { accountIndexOption, KEY_HELP, phraseOption, readKey, seedFileOption } from './key.ts'
import { listen, type Served } from './listen.ts'
import { printJson, printLine } from './terminal.ts'

const PORT = 8_000

const description = `Serves a small API whose price is paid through payment channels: one deposit, then any number of requests \
without the ledger. To see channels at work, and to measure them; an API of your own uses nano402/express, /hono or /next.`

const after = `${KEY_HELP}
The account takes the deposits and sends the refunds, and must be used for nothing else. With
--issuer it takes none: what was charged is redeemed there by itself, and paid out to it.
${ISSUER_HELP}

What it serves:
  GET /paid     paid: the number of the answer, as JSON
  POST /paid    paid: the body, as it came
  GET /         what there is, and what it costs
  GET /health   how node and store are; 503 when one is not ok
  GET /metrics  for Prometheus, where prom-client is installed

Also from the environment:
  NANO402_SECRET  seals the offers; without it, derived from the key

Examples:
  nano402 vendor --seed-file vendor.seed --rpc http://127.0.0.1:7076 --store redis://127.0.0.1:6379
  nano402 vendor --seed-file vendor.seed --rpc http://127.0.0.1:7076 --issuer http://127.0.0.1:8001`

const price = parsedBy((text) => {
  parseXno(text)
  return text
})

export const vendor: MakeCommand = (terminal) =>
  new Command('vendor')
    .summary('serve a small API that is paid for through channels')
    .description(description)
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(wholeNumber(65_535)).default(PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(
      new Option('--price <xno>', 'what a request costs').env('NANO402_PRICE').argParser(price).default('0.00001'),
    )
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(new Option('--store <url>', 'where channels are kept: sqlite:<path>, redis://...').env('NANO402_STORE'))
    .addOption(new Option('--public-url <origin>', 'where clients reach it').env('NANO402_PUBLIC_URL'))
    .addOption(workOption())
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(phraseOption())
    .addOption(new Option('--min-deposit <xno>', 'the smallest deposit').argParser(price).default('0.001'))
    .addOption(new Option('--max-deposit <xno>', 'the largest').argParser(price).default('10'))
    .addOption(
      new Option('--ttl-seconds <n>', 'how long a channel lives').argParser(wholeNumber(2_592_000)).default(86_400),
    )
    .addOption(issuerOption('who holds the deposits, in place of this vendor'))
    .addOption(
      new Option('--min-settle-seconds <n>', 'what a certificate of an issuer has to leave to redeem it')
        .argParser(wholeNumber(31_536_000))
        .default(3_600),
    )
    .addOption(
      new Option('--withdraw-from <xno>', 'from when on an issuer is asked to pay out').argParser(price).default('1'),
    )
    .addOption(
      new Option('--sweep-seconds <n>', 'how often expired channels are seen to')
        .argParser(wholeNumber(86_400))
        .default(60),
    )
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (options) => {
      const { port, host, ws, store, network, work, minDeposit, maxDeposit, ttlSeconds, publicUrl, json } = options
      const rpc = requiredRpc(options.rpc)
      const key = await readKey(options, terminal)
      const { minSettleSeconds, withdrawFrom, sweepSeconds } = options
      const issuers = await withKeys(options.issuer)
      const held = issuers.length > 0 ? { issuers, minSettleSeconds, withdrawFrom } : undefined
      const account = publicKeyToAddress(derivePublicKey(key))
      const metrics = await import('../metrics/index.ts').then(
        ({ createMetrics }) => createMetrics({ process: true }),
        () => undefined, // prom-client is not installed
      )
      const paywall = createPaywall({
        ...{ network, rpc, price: options.price, mechanisms: ['channel'], wallet: { key, work } },
        channel: { ...{ minDeposit, maxDeposit, ttlSeconds, sweepSeconds }, ...held },
        secret: process.env.NANO402_SECRET || createHmac('sha256', key).update('nano402-vendor-secret').digest('hex'),
        ...(ws !== undefined && { ws }),
        ...(store !== undefined && { store }),
        ...(publicUrl !== undefined && { publicUrl }),
        ...(metrics && { onEvent: metrics.onEvent }),
      })
      try {
        const interrupted = terminal.interrupted()
        const answer = vendorOf(paywall, metrics?.registry)
        const served = await listening((req, res) => void answer(req, res).catch(() => res.destroy()), { port, host })
        const said = { url: served.url, network, account, custodian: held ? 'issuer' : 'payee', price: options.price }
        if (json) printJson(terminal.stdout, said)
        else printLine(terminal.stdout, saying(said))
        await warnOf(paywall.health(), terminal)
        if (!interrupted.aborted) await once(interrupted, 'abort')
        await served.close()
      } finally {
        await paywall.close()
      }
    })

type Answer = (req: IncomingMessage, res: ServerResponse) => Promise<void>

function vendorOf(paywall: Paywall, registry: { metrics(): Promise<string> } | undefined): Answer {
  const paid = paywall.route({
    ...{ name: 'paid', description: 'The number of the answer.', mimeType: 'application/json' },
    attempts: 1_000, // to run it again changes nothing
  })
  const self = paywall.routes()
  let count = 0

  async function sell(req: IncomingMessage, res: ServerResponse) {
    const outcome = await paid.guard(nodeRequest(req, res))
    if (outcome.kind === 'refused') return sendAnswer(res, outcome)
    holdResponse(res, outcome)
    if (req.method === 'POST') {
      res.setHeader('Content-Type', req.headers['content-type'] ?? 'application/octet-stream')
      req.pipe(res)
      return
    }
    count++
    sendJson(res, 200, { number: count })
  }

  return async (req, res) => {
    const [path] = (req.url ?? '/').split('?')
    if (path === '/paid') return sell(req, res)
    if (path === '/') return sendJson(res, 200, { paid: '/paid', ...(await paid.describe()) })
    if (path === '/health') {
      const health = await paywall.health()
      return sendJson(res, health.node.ok && health.store.ok ? 200 : 503, health)
    }
    if (path === '/metrics' && registry) {
      res.setHeader('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
      res.end(await registry.metrics())
      return
    }
    const found = await self({ method: req.method ?? 'GET', url: req.url ?? '/' })
    return found ? sendResponse(res, found) : sendJson(res, 404, { error: 'not_found' })
  }
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }).end(JSON.stringify(body))
}

const saying = (said: {
  readonly url: string
  readonly network: string
  readonly account: NanoAddress
  readonly price: string
}) => `Vendor for ${said.network} at ${said.url}/paid, ${said.price} XNO\nAccount ${said.account}\nCtrl-C ends it.`

async function listening(
  answer: (req: IncomingMessage, res: ServerResponse) => void,
  at: Parameters<typeof listen>[1],
) {
  try {
    return (await listen(createServer(answer), at)) satisfies Served
  } catch (error) {
    const { message } = error as Error
    throw new UsageError(`The vendor cannot listen: ${message}. Choose others with --port and --host.`)
  }
}
