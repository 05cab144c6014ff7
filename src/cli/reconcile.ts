/** `nano402 reconcile`: what became of each payment to an account. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { openStore } from '#stores/open'
import { nanoAddress, parseXno } from '../nano/index.ts'
import { reconcile as compare } from '../reconcile/index.ts'
import { createRpc, GENESIS, type Network } from '../rpc/index.ts'
import { type Command, UsageError, wholeNumber } from './command.ts'
import { csvOf, jsonOf, summaryOf, tableOf } from './listing.ts'

const help = `Usage: nano402 reconcile --account nano_... --store sqlite:<path> --rpc URL [options]

Lists every confirmed send to an account with what became of it, so that you can refund
what a client lost. Changes nothing. States:

  matched      bought an answer, which left
  undelivered  is used up, and nothing tells that its answer left: a crash may have lost it
  open         was claimed, and bought nothing: still good, or out of attempts
  late         came after its offer had run out, and the price had risen
  unmatched    was never presented
  unknown      is older than what the store remembers; may be any of these

A client cannot use any more what is undelivered, nor what is unmatched with the note
'paid twice' or 'cut digits'. It can still present the rest until the time of its offer
and claimWindowMs have passed: who refunds before that may have served it as well.

Options:
  --account nano_...  the account that is paid [NANO402_PAY_TO]
  --store URL         the paywall's store, such as sqlite:<path> [NANO402_STORE]
  --rpc URL           a Nano node; several for fail-over [NANO402_RPC_URL]
  --network NAME      nano:mainnet (default) or nano:devnet [NANO402_NETWORK]
  --since TIME        sends from this instant on: 2026-01-31T12:00:00Z, or Unix time in ms
                      (default: as far back as the claim window)
  --claim-window-ms N the paywall's claimWindowMs, if it has another (default 86400000)
  --price XNO         what a route costs; several for several: notes who paid too much or
                      too little
  --csv               comma-separated values, with a header
  --json              one JSON object for each send, on a line of its own
  --help              print this

With --csv and --json the summary goes to the error output.

Exit status: 0 every send is matched, 3 some are not, 1 node or store did not answer,
2 the command line is wrong.`

export const reconcile: Command = {
  summary: 'list what became of each payment to an account',
  help,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        account: { type: 'string', default: process.env.NANO402_PAY_TO ?? '' },
        store: { type: 'string', default: process.env.NANO402_STORE ?? '' },
        rpc: { type: 'string', multiple: true, default: listed(process.env.NANO402_RPC_URL) },
        network: { type: 'string', default: process.env.NANO402_NETWORK ?? 'nano:mainnet' },
        since: { type: 'string' },
        'claim-window-ms': { type: 'string', default: '86400000' },
        price: { type: 'string', multiple: true, default: [] },
        csv: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    })
    const claimWindowMs = wholeNumber('claim-window-ms', values['claim-window-ms'], 3_650 * 86_400_000)
    const sinceMs = values.since === undefined ? Date.now() - claimWindowMs : instant(values.since)
    if (values.account === '') throw new UsageError('--account (or NANO402_PAY_TO) must name the account that is paid.')
    const account = checked('account', values.account, nanoAddress)
    const prices = values.price.map((price) => checked('price', price, parseXno))
    if (values.rpc.length === 0) throw new UsageError('--rpc (or NANO402_RPC_URL) must name a Nano node.')
    const node = createRpc({ endpoints: values.rpc, network: networkOf(values.network) })
    const store = await openExisting(values.store)
    try {
      const result = await compare({ node, store, account, sinceMs, prices, claimWindowMs })
      const summary = summaryOf(result, sinceMs)
      if (values.csv || values.json) {
        process.stdout.write((values.csv ? csvOf : jsonOf)(result.sends))
        console.error(summary)
      } else {
        process.stdout.write(tableOf(result.sends))
        console.log(summary)
      }
      return result.counts.matched === result.sends.length ? 0 : 3
    } finally {
      node.close()
      await store.close()
    }
  },
}

const listed = (text: string | undefined): string[] => (text ? text.split(',').map((part) => part.trim()) : [])

function networkOf(text: string): Network {
  if (!Object.hasOwn(GENESIS, text)) throw new UsageError('--network is nano:mainnet or nano:devnet.')
  return text as Network
}

function checked<T>(name: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text)
  } catch (error) {
    throw new UsageError(`--${name}: ${error instanceof Error ? error.message : ''}`)
  }
}

/** A date, or Unix time in ms. */
function instant(text: string): number {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw new UsageError(`--since takes 2026-01-31T12:00:00Z or Unix time in ms, not '${text}'.`)
  return ms
}

/** A file that is not there would be made, and know of no payment. */
async function openExisting(url: string) {
  if (url === '')
    throw new UsageError("--store (or NANO402_STORE) must name the paywall's store, such as sqlite:<path>.")
  if (url.startsWith('sqlite:') && !existsSync(url.slice('sqlite:'.length))) {
    throw new UsageError('--store: there is no such file.')
  }
  return openStore(url)
}
