/** `nano402 issuer`: holds deposits for channels and pays vendors, over HTTP, until Ctrl-C; or says whether it adds up. */
import { once } from 'node:events'
import { Command, Option } from '@commander-js/extra-typings'
import type { Audit, Issuer } from '../issuer/index.ts'
import { formatXno, type Raw } from '../nano/index.ts'
import {
  EXIT,
  jsonOption,
  type MakeCommand,
  networkOption,
  requiredRpc,
  rpcOption,
  wholeNumber,
  workOption,
  wsOption,
} from './command.ts'
import { warnOf } from './health.ts'
import { accountIndexOption, KEY_HELP, phraseOption, readKey, seedFileOption } from './key.ts'
import { listenAs, withHono } from './serve-fetch.ts'
import { printJson, printLine, type Terminal } from './terminal.ts'

const PORT = 8_001

const description = `Holds what clients deposit, locks an amount of it for each channel, signs a certificate that vendors check \
offline, pays vendors what they can prove, and pays out to the accounts on the ledger. There is no escrow on Nano: clients and \
vendors trust the issuer with what they leave there.`

const after = `${KEY_HELP}
The account must be used for nothing else: what is in it is what the clients and vendors are owed.

Also from the environment:
  NANO402_ISSUER_TOKEN  what the operator shows for /audit and /metrics; without it there is no
                        /audit, and /metrics is for everybody
  NANO402_SECRET        seals the offers for deposits; without it, derived from the key

Example:
  nano402 issuer --seed-file issuer.seed --rpc http://127.0.0.1:7076 --store redis://127.0.0.1:6380`

export const issuer: MakeCommand = (terminal) =>
  new Command('issuer')
    .summary('hold deposits for payment channels, and pay vendors')
    .description(description)
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(wholeNumber(65_535)).default(PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(new Option('--store <url>', 'where accounts are kept: sqlite:<path>, redis://...').env('NANO402_STORE'))
    .addOption(workOption())
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(phraseOption())
    .option('--min-deposit <xno>', 'the least that is deposited at once', '0.001')
    .option('--max-deposit <xno>', 'the most', '100')
    .addOption(
      new Option('--settle-seconds <n>', 'how long vendors have to redeem after a channel has ended')
        .argParser(wholeNumber(31_536_000))
        .default(86_400),
    )
    .option('--audit', 'compare accounts, locks and ledger once, and end: 0 if it adds up, 3 if not')
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (options) => {
      const { port, host, ws, store, network, work, minDeposit, maxDeposit, settleSeconds, json } = options
      const { createIssuer, issuerApp } = await withHono('issuer', () => import('../issuer/index.ts'))
      const rpc = requiredRpc(options.rpc)
      const privateKey = await readKey(options, terminal)
      const metrics = await import('../metrics/index.ts').then(
        ({ createMetrics }) => createMetrics(),
        () => undefined, // prom-client is not installed
      )
      const service = await createIssuer({
        ...{ privateKey, rpc, network, work, minDeposit, maxDeposit, settleSeconds },
        ...(ws !== undefined && { ws }),
        ...(store !== undefined && { store }),
        ...(metrics && { onEvent: metrics.onEvent }),
      })
      try {
        if (options.audit) {
          const found = await service.audit()
          if (json) printJson(terminal.stdout, found)
          else printAudit(terminal, found)
          terminal.exitStatus = found.ok ? EXIT.ok : EXIT.findings
          return
        }
        const { NANO402_ISSUER_TOKEN: operatorToken } = process.env
        const app = issuerApp(service, {
          ...(operatorToken && { operatorToken }),
          ...(metrics && { registry: metrics.registry }),
        })
        const interrupted = terminal.interrupted()
        const served = await listenAs('issuer', app.fetch, { port, host })
        if (json) printJson(terminal.stdout, { url: served.url, ...service.info })
        else printLine(terminal.stdout, saying(served.url, service))
        await warnOf(service.health(), terminal)
        if (!interrupted.aborted) await once(interrupted, 'abort')
        await served.close()
      } finally {
        await service.drain()
      }
    })

const saying = (url: string, { info }: Issuer) =>
  `Issuer for ${info.network} at ${url}\nAccount ${info.account}\nKey     ${info.issuer}\nCtrl-C ends it.`

function printAudit({ stdout }: Terminal, found: Audit): void {
  const { balances, locked, inTransit, withdrawals, owed, held, surplus, wrong } = found
  const rows = { balances, locked, 'in transit': inTransit, 'to be paid out': withdrawals, owed, held }
  for (const [name, amount] of Object.entries(rows))
    printLine(stdout, `${name.padEnd(16)}${formatXno(amount as Raw)} XNO`)
  if (surplus < 0n) printLine(stdout, `${'missing'.padEnd(16)}${formatXno(-surplus as Raw)} XNO`)
  else printLine(stdout, `${'surplus'.padEnd(16)}${formatXno(surplus as Raw)} XNO`)
  for (const address of wrong) printLine(stdout, `${address} does not add up`)
  printLine(stdout, found.ok ? 'It adds up.' : 'It does not add up.')
}
