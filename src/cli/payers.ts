/** Commands that ask a node about accounts of our own: their options, and a payer for each account. */
import { Command } from '@commander-js/extra-typings'
import { createPayer, type Payer } from '../client/index.ts'
import { jsonOption, networkOption, requiredRpc, rpcOption } from './command.ts'
import { accountIndexOption, KEY_HELP, type KeyOptions, phraseOption, readKeys, seedFileOption } from './key.ts'
import { createProgress } from './progress.ts'
import type { Terminal } from './terminal.ts'

/** The options of a command that asks a node about an account. */
export const online = (name: string) =>
  new Command(name)
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(phraseOption())
    .addOption(rpcOption())
    .addOption(networkOption())
    .addOption(jsonOption())
    .addHelpText('after', KEY_HELP)

export interface OnlineOptions extends KeyOptions {
  readonly rpc?: readonly string[] | undefined
  readonly network: 'nano:mainnet' | 'nano:devnet'
  readonly work?: string
}

/** A payer of each key, for as long as the task takes. They make no payments: their budget is nothing. */
export async function withPayers(
  { rpc, network, work, ...keys }: OnlineOptions & { readonly accounts: number },
  terminal: Terminal,
  task: (payers: readonly Payer[]) => Promise<void>,
): Promise<void> {
  const endpoints = requiredRpc(rpc)
  const privateKeys = await readKeys(keys, terminal)
  const progress = createProgress(terminal.stderr)
  const payers = privateKeys.map((privateKey) =>
    createPayer({
      privateKey,
      rpc: endpoints,
      network,
      budget: { perRequest: '0', total: '0' },
      onEvent: (event) => event.type !== 'received' && progress.onEvent(event),
      ...(work !== undefined && { work }),
    }),
  )
  try {
    await task(payers)
  } finally {
    progress.clear()
    for (const payer of payers) payer.close()
  }
}

/** The same for one account. */
export const withPayer = (
  options: OnlineOptions,
  terminal: Terminal,
  task: (payer: Payer) => Promise<void>,
): Promise<void> => withPayers({ ...options, accounts: 1 }, terminal, ([payer]) => task(payer as Payer))
