/** `nano402 client`: makes one request many times, pays for it in a channel, and says how fast that was and what it cost. */
import { Argument, Command, Option } from '@commander-js/extra-typings'
import { createPayer, type Payer } from '../client/index.ts'
import { derivePublicKey, formatXno, parseXno, publicKeyToAddress, type Raw } from '../nano/index.ts'
import {
  CommandError,
  EXIT,
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
import { fetchOrSay, urlArgument } from './http.ts'
import { ISSUER_HELP, issuerOption, withKeys } from './issuer-option.ts'
import { defaultJournal, lockJournal } from './journal.ts'
import { accountIndexOption, KEY_HELP, phraseOption, readKey, seedFileOption } from './key.ts'
import { paint, printJson, printLine, type Terminal } from './terminal.ts'

const description = `Opens a payment channel with the server behind a URL, makes the same GET request as often as it is told, \
each paid out of the channel's deposit, closes the channel, and checks on the ledger that the rest came back. Says how many \
requests a second that were, how long they took, and what they cost. Nothing is paid in any other way.`

const after = `${KEY_HELP}
${ISSUER_HELP}

The first request opens the channel, and is counted in the money and not in the times.

Examples:
  nano402 client http://127.0.0.1:8000/paid --requests 10000 --concurrency 32
  nano402 client http://127.0.0.1:8000/paid --mode voucher --deposit 0.5 --json

Exit status:
  0  all requests were served, and the rest of the deposit is back
  3  some were not served; it says how many, and why
  4  nothing was paid: no channel is offered, or over --deposit or --max
  5  a deposit was made, and the server does not acknowledge it or give it back: repeat the command`

const xnoText = parsedBy((text) => {
  parseXno(text)
  return text
})

const MODES = { payword: ['payword-sha256'], voucher: ['voucher-ed25519'] } as const

export const client: MakeCommand = (terminal) =>
  new Command('client')
    .summary('pay for many requests through a channel, and measure them')
    .description(description)
    .addArgument(new Argument('[url]', 'what to ask for').argParser(urlArgument).default('http://127.0.0.1:8000/paid'))
    .addOption(new Option('-n, --requests <n>', 'how many requests').argParser(wholeNumber(100_000_000)).default(1_000))
    .addOption(
      new Option('-c, --concurrency <n>', 'how many at once; 32 in one channel')
        .argParser(wholeNumber(1_000))
        .default(8),
    )
    .addOption(
      new Option('--mode <name>', 'how requests are paid (default: what suits the price)').choices([
        'payword',
        'voucher',
      ] as const),
    )
    .addOption(
      new Option('--deposit <xno>', 'the most that lies in deposits at any time')
        .env('NANO402_DEPOSIT')
        .argParser(xnoText)
        .default('1'),
    )
    .addOption(
      new Option('--max <xno>', 'the most that is paid for a request')
        .env('NANO402_MAX')
        .argParser(xnoText)
        .default('0.01'),
    )
    .option('--keep', 'leave the channel open for the next run with the same journal')
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(workOption())
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(phraseOption())
    .option('--journal <path>', 'where payments are remembered (default: in $XDG_STATE_HOME, by account)')
    .option('--no-journal', 'remember payments in memory: faster, and a crash leaves the channel to its expiry')
    .addOption(issuerOption('who may hold the deposit in place of the server'))
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (url, options) => {
      const { requests, concurrency, mode, deposit, max, keep = false, ws, network, work, json } = options
      if (requests === 0 || concurrency === 0) throw new UsageError('--requests and --concurrency must be at least 1.')
      const rpc = requiredRpc(options.rpc)
      const signal = terminal.interrupted()
      const privateKey = await readKey(options, terminal)
      const issuers = await withKeys(options.issuer)
      const account = publicKeyToAddress(derivePublicKey(privateKey))
      const journal = options.journal === false ? undefined : (options.journal ?? defaultJournal(network, account))
      const unlock = journal === undefined ? () => {} : lockJournal(journal)
      const closed: Sums[] = []
      const money = { charged: 0n, deposited: 0n }
      const payer = createPayer({
        ...{ privateKey, rpc, network, work, fetch: fetchOrSay },
        budget: { perRequest: max, total: '340282366', deposit },
        approve: (bill) => bill.deposit === true || bill.channelId !== undefined,
        channels: { issuers, ...(mode && { modes: MODES[mode] }) },
        onEvent(event) {
          if (event.type === 'channel-opened') money.deposited += event.deposit
          else if (event.type === 'channel-topped-up') money.deposited += event.amount
          else if (event.type === 'channel-paid') money.charged += event.charged
          else if (event.type === 'channel-closed') closed.push(event) // one that is used up closes on the way
        },
        ...(journal !== undefined && { journal }),
        ...(ws !== undefined && { ws }),
      })
      try {
        const run = await requestMany(payer, url, { requests, concurrency, signal })
        const { origin } = new URL(url)
        const channel = (await payer.channels()).find((one) => one.origin === origin)
        if (channel === undefined) throw new CommandError(`${url} was served without a channel.`, EXIT.unpaid)
        if (!keep) await payer.closeChannels(origin)
        const result = {
          url,
          mode: channel.mode,
          custodian: channel.custodian,
          ...run,
          ...money,
          ...(!keep && endOf(closed, money.charged)),
        }
        if (json) printJson(terminal.stdout, result)
        else sayResult(result, terminal)
        if (run.served < run.requests || result.conserved === false) terminal.exitStatus = EXIT.findings
      } finally {
        await payer.close({ channels: 'keep' })
        unlock()
      }
    })

/** `left`: with an issuer, which does not pay out so little. */
type Sums = Readonly<Record<'deposited' | 'charged' | 'refunded', bigint>> & { readonly left?: bigint }

/** What closed channels come to. `paid`: what the receipts of this run said. */
function endOf(closed: readonly Sums[], paid: bigint) {
  const sum = (name: keyof Sums) => closed.reduce((total, one) => total + (one[name] ?? 0n), 0n)
  const [deposited, charged, refunded, left] = [sum('deposited'), sum('charged'), sum('refunded'), sum('left')]
  const conserved = deposited === charged + refunded + left && charged >= paid
  return { deposited, charged, refunded, ...(left > 0n && { left }), conserved }
}

interface Run {
  readonly requests: number
  readonly served: number
  /** How often each reason not to serve came up. */
  readonly failed: Readonly<Record<string, number>>
  readonly openedMs: number
  readonly seconds: number
  readonly requestsPerSecond: number
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number }
}

/** Makes the first request, which opens the channel, and then the others side by side. Ends early on a signal. */
async function requestMany(
  payer: Payer,
  url: string,
  { requests, concurrency, signal }: { requests: number; concurrency: number; signal: AbortSignal },
): Promise<Run> {
  const failed: Record<string, number> = {}
  const latencies: number[] = []
  let served = 0
  const fail = (reason: string) => {
    failed[reason] = (failed[reason] ?? 0) + 1
  }
  async function once(): Promise<number> {
    const startMs = performance.now()
    const response = await payer.fetch(url)
    await response.arrayBuffer()
    if (response.ok) served++
    else fail(`http_${response.status}`)
    return performance.now() - startMs
  }
  let left = requests
  async function work(): Promise<void> {
    while (left > 0 && !signal.aborted) {
      left--
      await once().then(
        (ms) => latencies.push(ms),
        (error: unknown) => fail(reasonOf(error)),
      )
    }
  }

  left--
  const openedMs = await once() // what goes wrong here would go wrong with all of them
  const startMs = performance.now()
  await Promise.all(Array.from({ length: concurrency }, work))
  const seconds = (performance.now() - startMs) / 1_000
  latencies.sort((a, b) => a - b)
  const at = (part: number) => round(latencies[Math.floor(part * (latencies.length - 1))] ?? 0)
  return {
    ...{ requests, served, failed, openedMs: round(openedMs), seconds: round(seconds) },
    requestsPerSecond: round(seconds === 0 ? 0 : latencies.length / seconds),
    latencyMs: { p50: at(0.5), p95: at(0.95), p99: at(0.99) },
  }
}

const round = (value: number) => Math.round(value * 100) / 100

/** A server's refusal, or else the code of the error. */
function reasonOf(error: unknown): string {
  const { refusal, code } = error as { readonly refusal?: unknown; readonly code?: unknown }
  return String(refusal ?? code ?? 'unexpected')
}

interface Result extends Run {
  readonly mode: string
  readonly custodian: string
  readonly charged: bigint
  readonly deposited: bigint
  /** Left out where the channel stays open. */
  readonly refunded?: bigint
  readonly left?: bigint
  readonly conserved?: boolean
}

function sayResult(result: Result, { stdout }: Terminal): void {
  const { requests, served, failed, latencyMs, openedMs, refunded, left } = result
  const xno = (amount: bigint) => `${formatXno(amount as Raw)} XNO`
  const rows = {
    served: `${served} of ${requests}`,
    mode: `${result.mode}, deposit with the ${result.custodian}`,
    opened: `${openedMs} ms`,
    speed: `${result.requestsPerSecond} requests/s`,
    latency: `p50 ${latencyMs.p50} ms, p95 ${latencyMs.p95} ms, p99 ${latencyMs.p99} ms`,
    deposited: xno(result.deposited),
    charged: xno(result.charged),
    ...(refunded !== undefined && { refunded: xno(refunded) }),
    ...(left !== undefined && { left: `${xno(left)}, too little for the issuer to pay out` }),
  }
  for (const [name, value] of Object.entries(rows)) printLine(stdout, `${name.padEnd(10)}${value}`)
  for (const [reason, times] of Object.entries(failed)) {
    printLine(stdout, `${paint(stdout, 'red', 'not served')} ${times} times: ${reason}`)
  }
}
