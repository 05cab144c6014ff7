/** `nano402 facilitator`: an x402 facilitator for Nano over HTTP, until Ctrl-C. */
import { once } from 'node:events'
import { Command, Option } from '@commander-js/extra-typings'
import { MECHANISM_NAMES, type MechanismName } from '../mechanisms/names.ts'
import { jsonOption, type MakeCommand, networkOption, rpcOption, wholeNumber, wsOption } from './command.ts'
import { warnOf } from './health.ts'
import { listenAs, withHono } from './serve-fetch.ts'
import { paint, printJson, printLine, type Terminal } from './terminal.ts'

const PORT = 4_020

const description = `Makes offers, verifies and settles payments in Nano for other servers: stock x402 servers, and paywalls \
with the option facilitator, which then need no node, no store and no secret.`

const after = `
Secrets are read from the environment alone:
  NANO402_SECRET              seals what is offered; the same in all processes
  NANO402_FACILITATOR_TOKENS  the servers it works for: name:token, separated by commas

A server shows its token (NANO402_FACILITATOR_TOKEN). What one server was offered is good for it
alone. Without tokens everybody who reaches the facilitator can sell in the name of all.

Example:
  NANO402_FACILITATOR_TOKENS=shop:$(openssl rand -hex 32) NANO402_SECRET=$(openssl rand -hex 32) \\
    nano402 facilitator --rpc http://127.0.0.1:7076 --store sqlite:./claims.db`

export const facilitator: MakeCommand = (terminal) =>
  new Command('facilitator')
    .summary('verify and settle payments for other servers')
    .description(description)
    .addOption(new Option('--port <n>', 'port; 0 takes a free one').argParser(wholeNumber(65_535)).default(PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(
      new Option('--store <url>', 'remembers which payments were used: sqlite:<path>, redis://...').env(
        'NANO402_STORE',
      ),
    )
    .addOption(
      new Option('--mechanism <name...>', 'ways to pay')
        .choices(MECHANISM_NAMES)
        .default(['session'] as MechanismName[]),
    )
    .addOption(new Option('--allow-anyone', 'go without tokens in production, on a private network'))
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async ({ port, host, rpc, ws, store, network, mechanism, allowAnyone, json }) => {
      const { createFacilitator, facilitatorApp, parseTokens } = await withHono(
        'facilitator',
        () => import('../facilitator/index.ts'),
      )
      const { NANO402_FACILITATOR_TOKENS: tokens } = process.env
      const metrics = await import('../metrics/index.ts').then(
        ({ createMetrics }) => createMetrics(),
        () => undefined, // prom-client is not installed
      )
      const service = createFacilitator({
        network,
        mechanisms: mechanism,
        ...(rpc && { rpc }),
        ...(ws !== undefined && { ws }),
        ...(store !== undefined && { store }),
        ...(metrics && { onEvent: metrics.onEvent }),
      })
      try {
        const app = facilitatorApp(service, {
          ...(tokens && { tokens: parseTokens(tokens) }),
          ...(allowAnyone && { allowAnyone }),
          ...(metrics && { registry: metrics.registry }),
        })
        const interrupted = terminal.interrupted()
        const served = await listenAs('facilitator', app.fetch, { port, host })
        if (!tokens) warn(terminal)
        if (json) printJson(terminal.stdout, { url: served.url, network })
        else printLine(terminal.stdout, `Facilitator for ${network} at ${served.url}\nCtrl-C ends it.`)
        await warnOf(service.health(), terminal)
        if (!interrupted.aborted) await once(interrupted, 'abort')
        await served.close()
      } finally {
        await service.close()
      }
    })

const warn = ({ stderr }: Terminal) =>
  printLine(
    stderr,
    paint(stderr, 'yellow', 'No NANO402_FACILITATOR_TOKENS: whoever reaches it can sell in the name of all.'),
  )
