/** `nano402 devnet`: a Nano network of one's own, until Ctrl-C. */
import { once } from 'node:events'
import { Command, Option } from '@commander-js/extra-typings'
import { type ServedDevnet, serveDevnet } from '../devnet/server.ts'
import { jsonOption, type MakeCommand, UsageError, wholeNumber } from './command.ts'
import { printJson, printLine } from './terminal.ts'

/** A node of Nano's own `dev` network listens on the same ones. */
const PORT = 45_000
const WS_PORT = 47_000

const description = `Starts a Nano network of its own in this process, for development and tests. It checks blocks, \
signatures, work and forks as a node does, and answers like one. Its coins are worth nothing, and are gone when it ends.`

const after = `
Example, in two terminals:
  nano402 devnet
  NANO402_NETWORK=nano:devnet NANO402_RPC_URL=http://127.0.0.1:${PORT} NANO402_SEED=<the seed> \\
    nano402 wallet balance`

export const devnet: MakeCommand = (terminal) =>
  new Command('devnet')
    .summary('start a Nano network of its own, with a faucet and a funded seed')
    .description(description)
    .addOption(new Option('--port <n>', 'RPC port; 0 takes a free one').argParser(wholeNumber(65_535)).default(PORT))
    .addOption(new Option('--ws-port <n>', 'websocket port').argParser(wholeNumber(65_535)).default(WS_PORT))
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .addOption(
      new Option('--confirm-ms <n>', 'how long a block stays unconfirmed')
        .argParser(wholeNumber(3_600_000))
        .default(200),
    )
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async ({ json, ...options }) => {
      const interrupted = terminal.interrupted()
      const served = await start(options)
      const { url, wsUrl } = served
      const funded = await served.devnet.fundedSeed()
      if (json) printJson(terminal.stdout, { network: 'nano:devnet', rpc: url, ws: wsUrl, ...funded })
      else printLine(terminal.stdout, describe(served, funded))
      if (!interrupted.aborted) await once(interrupted, 'abort')
      await served.close()
    })

async function start(options: Parameters<typeof serveDevnet>[0]): Promise<ServedDevnet> {
  try {
    return await serveDevnet(options)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new UsageError(`The devnet cannot listen: ${error.message}. Choose others with --port, --ws-port and --host.`)
  }
}

function describe(
  { url, wsUrl }: ServedDevnet,
  { seed, account }: { readonly seed: string; readonly account: string },
) {
  const request = JSON.stringify({ action: 'faucet', account, amount: '1000000000000000000000000000000' })
  return `A Nano network of its own (nano:devnet). Nothing on it is worth anything.

  RPC        ${url}
  websocket  ${wsUrl}
  faucet     curl -d '${request}' ${url}
             sends raw (this is 1 XNO); an action of this devnet, no other node has it
  seed       ${seed}
             its account 0 holds 100 XNO: ${account}

  A paywall uses it with  NANO402_NETWORK=nano:devnet NANO402_RPC_URL=${url}
  and a payer with        NANO402_SEED=<the seed> besides

Ctrl-C ends it; nothing is kept.`
}
