/** `nano402 reconcile`: what became of each payment to an account, or to those of a pool. */
import { existsSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { openStore } from '#stores/open'
import { type NanoAddress, nanoAddress, parseXno, type Raw } from '../nano/index.ts'
import { reconcile as compare } from '../reconcile/index.ts'
import { createRpc } from '../rpc/index.ts'
import {
  EXIT,
  type MakeCommand,
  networkOption,
  parsedBy,
  requiredRpc,
  rpcOption,
  UsageError,
  wholeNumber,
} from './command.ts'
import { csvOf, jsonOf, summaryOf, tableOf } from './listing.ts'
import { decideOnChannels } from './reconcile-channels.ts'
import { printLine } from './terminal.ts'

const description = `Lists every confirmed send to an account with what became of it, so that you can refund what a client lost. \
Changes nothing, but what --refund and --accept say about channels.`

const after = `
States:
  matched      bought an answer, which left
  undelivered  is used up, and nothing tells that its answer left: a crash may have lost it
  open         was claimed, and bought nothing: still good, or out of attempts
  late         came after its offer had run out, and the price had risen
  unmatched    was never presented
  unknown      is older than what the store remembers; may be any of these

A client cannot use any more what is undelivered, nor what is unmatched with the note 'paid twice'
or 'cut digits'. It can still present the rest until the time of its offer and claimWindowMs have
passed: who refunds before that may have served it as well.

With --channels, --account is the deposit account. Listed are channels that the store has lost, as their
clients showed with receipts, and sends that the store does not know: as long as there are any, nothing
is refunded. The paywall's processes do what is decided here, with their next sweep.

With --csv and --json the summary goes to the error output.

Exit status: 0 every send is matched, 3 some are not, 1 node or store did not answer, 2 the command
line is wrong.

Example:
  nano402 reconcile --account nano_... --store sqlite:/var/lib/api/claims.db --rpc http://127.0.0.1:7076`

const DAY_MS = 86_400_000

export const reconcile: MakeCommand = (terminal) =>
  new Command('reconcile')
    .summary('list what became of each payment to an account')
    .description(description)
    .addOption(
      new Option('--account <account>', 'the account that is paid; repeat it for those of a pool')
        .env('NANO402_PAY_TO')
        .argParser(accountList),
    )
    .addOption(new Option('--store <url>', "the paywall's store, such as sqlite:<path>").env('NANO402_STORE'))
    .addOption(rpcOption())
    .addOption(networkOption())
    .addOption(
      new Option(
        '--since <time>',
        'sends from this instant on: 2026-01-31T12:00:00Z, or Unix time in ms (default: as far back as the claim window)',
      ).argParser(instant),
    )
    .addOption(
      new Option('--claim-window-ms <n>', "the paywall's claimWindowMs, if it has another")
        .argParser(wholeNumber(3_650 * DAY_MS))
        .default(DAY_MS),
    )
    .addOption(
      new Option('--price <xno>', 'what a route costs; repeat it for several: notes who paid too much or too little')
        .argParser(priceList)
        .default([] as readonly Raw[], 'none'),
    )
    .option('--channels', 'what is to be decided about channels whose store was lost or restored, in place of payments')
    .option('--refund <channel>', 'with --channels: refund this one, which was not refunded before')
    .addOption(
      new Option(
        '--charged <xno>',
        'with --refund: what it was charged in all, if more than its receipt says',
      ).argParser(parsedBy(parseXno)),
    )
    .addOption(
      new Option('--despite <hash>', 'with --refund: a send that was for something else; repeat it for several')
        .argParser(textList)
        .default([] as readonly string[], 'none'),
    )
    .addOption(
      new Option('--accept <hash>', 'with --channels: a send that is all right; repeat it for several')
        .argParser(textList)
        .default([] as readonly string[], 'none'),
    )
    .option('--csv', 'comma-separated values, with a header')
    .addOption(new Option('--json', 'one JSON object for each send, on a line of its own').conflicts('csv'))
    .addHelpText('after', after)
    .action(async ({ account, claimWindowMs, since = Date.now() - claimWindowMs, price, csv, json, ...options }) => {
      const { channels, refund, charged, despite, accept } = options
      if (!channels && (refund ?? charged ?? despite[0] ?? accept[0]) !== undefined)
        throw new UsageError('--refund, --charged, --despite and --accept go with --channels.')
      if (account === undefined)
        throw new UsageError('--account (or NANO402_PAY_TO) must name the account that is paid.')
      const node = createRpc({ endpoints: requiredRpc(options.rpc), network: options.network })
      const store = await openExisting(options.store)
      try {
        if (channels) {
          const [only, ...others] = account
          if (only === undefined || others.length > 0) {
            throw new UsageError('With --channels, --account names one account: the one that deposits are sent to.')
          }
          const decisions = { refund, charged, despite, accept, json }
          return await decideOnChannels(terminal, { node, store, account: only }, decisions)
        }
        const result = await compare({ node, store, account, sinceMs: since, prices: price, claimWindowMs })
        const summary = summaryOf(result, since)
        terminal.stdout.write((csv ? csvOf : json ? jsonOf : tableOf)(result.sends))
        printLine(csv || json ? terminal.stderr : terminal.stdout, summary)
        if (result.counts.matched !== result.sends.length) terminal.exitStatus = EXIT.findings
      } finally {
        node.close()
        await store.close()
      }
    })

const accountList = (text: string, before: readonly NanoAddress[] = []) => [
  ...before,
  ...text.split(',').map((account) => parsedBy(nanoAddress)(account.trim())),
]

const textList = (text: string, before: readonly string[]) => [...before, text]

const priceList = (text: string, before: readonly Raw[]) => [...before, parsedBy(parseXno)(text)]

/** A date, or Unix time in ms. */
function instant(text: string): number {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw new InvalidArgumentError('Expected 2026-01-31T12:00:00Z or Unix time in ms.')
  return ms
}

/** A file that is not there would be made, and know of no payment. */
async function openExisting(url = '') {
  if (url === '')
    throw new UsageError("--store (or NANO402_STORE) must name the paywall's store, such as sqlite:<path>.")
  if (url.startsWith('sqlite:') && !existsSync(url.slice('sqlite:'.length))) {
    throw new UsageError('--store: there is no such file.')
  }
  return openStore(url)
}
