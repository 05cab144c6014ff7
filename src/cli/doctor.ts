/** `nano402 doctor`: what is wrong with a configuration, before somebody pays for it. */
import { Argument, Command, Option } from '@commander-js/extra-typings'
import type { Verdict } from './check.ts'
import { EXIT, jsonOption, listed, type MakeCommand, networkOption, rpcOption, wsOption } from './command.ts'
import { checkConfiguration } from './doctor-checks.ts'
import { urlArgument } from './http.ts'
import { probeRoute } from './probe.ts'
import { harmless, paint, printJson, printLine, type Style } from './terminal.ts'

const description = `Checks what a paywall takes from the environment, as production would want it: the account, each node \
and whether it is in sync, the secret, the store, the public URL. Asks each route that is named for its content without \
paying: by GET, HEAD and OPTIONS, with a forged payment, and under odd spellings of its path. Changes and pays nothing.`

const after = `
NANO402_SECRET is read from the environment alone, and no secret is printed.

Exit status:
  0  nothing failed     2  the command line is wrong     3  a check failed

Example:
  NANO402_PAY_TO=nano_... NANO402_SECRET=... nano402 doctor --store sqlite:/var/lib/api/claims.db \\
    --rpc http://127.0.0.1:7076 https://api.example.com/report`

export const doctor: MakeCommand = (terminal) =>
  new Command('doctor')
    .summary('check a configuration before it goes live')
    .description(description)
    .addArgument(
      new Argument('[url...]', 'priced routes to probe').argParser((text: string, before: readonly string[] = []) => [
        ...before,
        urlArgument(text),
      ]),
    )
    .addOption(
      new Option('--account <account>', 'the account that is paid; repeat it for those of a pool')
        .env('NANO402_PAY_TO')
        .argParser(listed),
    )
    .addOption(new Option('--price <xno>', 'what a route costs').env('NANO402_PRICE'))
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(new Option('--store <url>', "the paywall's store").env('NANO402_STORE'))
    .addOption(new Option('--public-url <url>', 'the origin that clients know').env('NANO402_PUBLIC_URL'))
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (urls, { account = [], price, rpc = [], ws, network, store, publicUrl, json }) => {
      const { NANO402_SECRET: secrets = '', NANO402_FACILITATOR: facilitator } = process.env
      const configuration = {
        accounts: account,
        price: price || undefined,
        rpc,
        ws: ws || undefined,
        network,
        store: store || undefined,
        secrets: secrets.split(',').flatMap((secret) => secret.trim() || []),
        publicUrl: publicUrl || undefined,
        hasFacilitator: Boolean(facilitator),
      }
      const checks = [...(await checkConfiguration(configuration))]
      for (const url of urls ?? []) checks.push(...(await probeRoute(url, configuration)))
      const isFailed = checks.some(({ verdict }) => verdict === 'failed')
      const { stdout } = terminal
      if (json) printJson(stdout, { ok: !isFailed, checks })
      else {
        for (const { name, verdict, says } of checks) {
          printLine(
            stdout,
            `${paint(stdout, STYLES[verdict], verdict.padEnd(7))}  ${harmless(name)}: ${harmless(says)}`,
          )
        }
        if (!urls?.length) printLine(terminal.stderr, 'No route was probed: name the URLs of those that have a price.')
      }
      if (isFailed) terminal.exitStatus = EXIT.findings
    })

const STYLES: Readonly<Record<Verdict, Style>> = { ok: 'green', warning: 'yellow', failed: 'red', skipped: 'dim' }
