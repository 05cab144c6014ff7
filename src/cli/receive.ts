/** `nano402 wallet receive`: pockets what was sent to an account, or to those of a pool, once or until Ctrl-C. */
import { Option } from '@commander-js/extra-typings'
import type { Payer, Received } from '../client/index.ts'
import { PaywallError } from '../errors.ts'
import { formatXno } from '../nano/index.ts'
import { createFeed } from '../rpc/index.ts'
import { wholeNumber, workOption, wsOption } from './command.ts'
import { accountsOption } from './key.ts'
import { online, withPayers } from './payers.ts'
import { harmless, printJson, printLine, type Terminal } from './terminal.ts'

export const receive = (terminal: Terminal) =>
  online('receive')
    .summary('pocket what was sent to the account')
    .description(
      'Pockets what was sent to the account, so that it can be spent. With --accounts does so for that many, side by side. With ' +
        '--watch it goes on until Ctrl-C, for accounts that a paywall is paid at; a node that does not answer is then asked again.',
    )
    .addOption(accountsOption())
    .option('--watch', 'go on, until Ctrl-C')
    .addOption(
      new Option('--every-ms <n>', 'with --watch: how often to look')
        .argParser(wholeNumber(86_400_000))
        .default(10_000),
    )
    .addOption(wsOption())
    .addOption(workOption())
    .action((options) =>
      withPayers(options, terminal, async (payers) => {
        const at = (account: string) => (payers.length === 1 ? '' : ` at ${account}`)
        const told = ({ address: account }: Payer, received: readonly Received[]) => {
          for (const { hash, amount } of received) {
            if (options.json) printJson(terminal.stdout, { account, block: hash, amount, xno: formatXno(amount) })
            else printLine(terminal.stdout, `Received ${formatXno(amount)} XNO${at(account)} (block ${hash})`)
          }
          return received.length
        }
        const counts = await forEach(payers, terminal.interrupted(), async (payer, signal) => {
          if (options.watch) return watch(payer, { ...options, told, terminal, signal })
          return told(payer, await payer.receive())
        })
        if (!options.watch && counts.every((count) => count === 0)) {
          printLine(terminal.stderr, 'There is nothing to receive.')
        }
      }),
    )

/** Side by side. One that fails ends the others, and only then everything, so that nothing goes on behind its back. */
async function forEach<T>(
  payers: readonly Payer[],
  interrupted: AbortSignal,
  task: (payer: Payer, signal: AbortSignal) => Promise<T>,
): Promise<readonly T[]> {
  const ending = new AbortController()
  const end = () => ending.abort()
  interrupted.addEventListener('abort', end)
  try {
    const tasks = payers.map((payer) => task(payer, ending.signal))
    for (const one of tasks) one.catch(end)
    await Promise.allSettled(tasks)
    return await Promise.all(tasks)
  } finally {
    interrupted.removeEventListener('abort', end)
  }
}

interface WatchOptions {
  readonly everyMs: number
  readonly ws?: string | undefined
  readonly told: (payer: Payer, received: readonly Received[]) => number
  readonly terminal: Terminal
  readonly signal: AbortSignal
}

/** Looks again and again, and at once when the websocket hears of something. */
async function watch(payer: Payer, { everyMs, ws, told, terminal, signal }: WatchOptions): Promise<number> {
  // One for each account, so that only what concerns it wakes it.
  const feed = ws === undefined ? undefined : createFeed({ url: ws, accounts: [payer.address] })
  printLine(terminal.stderr, `Watching ${payer.address}. Ctrl-C ends it.`)
  let wake = () => {}
  const stop = feed?.on(() => wake())
  const wakeUp = () => wake()
  signal.addEventListener('abort', wakeUp)
  try {
    while (!signal.aborted) {
      // Before the question, so that what is heard while it is asked is not missed.
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      await payer.receive().then(
        (received) => told(payer, received),
        (error: unknown) => {
          if (!(error instanceof PaywallError) || error.code === 'ERR_CONFIG') throw error
          printLine(terminal.stderr, `${harmless(error.message)} Looking again in ${everyMs} ms.`)
        },
      )
      if (signal.aborted) break
      const timer = setTimeout(wake, everyMs)
      await woken
      clearTimeout(timer)
    }
    return 0
  } finally {
    signal.removeEventListener('abort', wakeUp)
    stop?.()
    feed?.close()
  }
}
