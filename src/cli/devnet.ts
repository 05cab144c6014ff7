/** `nano402 devnet`: a Nano network of one's own, until Ctrl-C. */
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type ServedDevnet, serveDevnet } from '../devnet/server.ts'
import { type Command, UsageError, wholeNumber } from './command.ts'

/** A node of Nano's own `dev` network listens on the same ones. */
const PORT = '45000'
const WS_PORT = '47000'

const help = `Usage: nano402 devnet [options]

Starts a Nano network of its own in this process, for development and tests. It checks
blocks, signatures, work and forks as a node does, and answers like one. Its coins are
worth nothing, and are gone when it ends.

Options:
  --port N        RPC port (default ${PORT}; 0 takes a free one)
  --ws-port N     websocket port (default ${WS_PORT}; 0 takes a free one)
  --host ADDRESS  address to listen on (default 127.0.0.1)
  --confirm-ms N  how long a block stays unconfirmed, in ms (default 200)
  --help          print this`

export const devnet: Command = {
  summary: 'start a Nano network of its own, with a faucet and a funded seed',
  help,
  async run(args) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: PORT },
        'ws-port': { type: 'string', default: WS_PORT },
        host: { type: 'string', default: '127.0.0.1' },
        'confirm-ms': { type: 'string', default: '200' },
      },
    })
    const served = await start({
      port: wholeNumber('port', values.port, 65_535),
      wsPort: wholeNumber('ws-port', values['ws-port'], 65_535),
      host: values.host,
      confirmMs: wholeNumber('confirm-ms', values['confirm-ms'], 3_600_000),
    })
    console.log(await describe(served))
    await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
    await served.close()
    return 0
  },
}

async function start(options: Parameters<typeof serveDevnet>[0]): Promise<ServedDevnet> {
  try {
    return await serveDevnet(options)
  } catch (error) {
    if (!(error instanceof Error) || !('syscall' in error)) throw error
    throw new UsageError(`The devnet cannot listen: ${error.message}. Choose others with --port, --ws-port and --host.`)
  }
}

async function describe({ url, wsUrl, devnet }: ServedDevnet): Promise<string> {
  const { seed, account } = await devnet.fundedSeed()
  const request = JSON.stringify({ action: 'faucet', account, amount: '1000000000000000000000000000000' })
  return `A Nano network of its own (nano:devnet). Nothing on it is worth anything.

  RPC        ${url}
  websocket  ${wsUrl}
  faucet     curl -d '${request}' ${url}
             sends raw (this is 1 XNO); an action of this devnet, no other node has it
  seed       ${seed}
             its account 0 holds 100 XNO: ${account}

  A paywall uses it with  NANO402_NETWORK=nano:devnet NANO402_RPC_URL=${url}

Ctrl-C ends it; nothing is kept.`
}
