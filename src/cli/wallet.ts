/** `nano402 wallet`: an account to pay from. One group of commands over one key. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { Argument, Command, Option } from '@commander-js/extra-typings'
import {
  derivePrivateKey,
  derivePublicKey,
  formatPaymentUri,
  formatXno,
  type NanoAddress,
  nanoAddress,
  type PaymentUri,
  parsePaymentUri,
  parseXno,
  publicKeyToAddress,
  type Raw,
} from '../nano/index.ts'
import { createPhrase, derivePrivateKeyFromPhrase } from '../nano/phrase.ts'
import { CommandError, EXIT, jsonOption, type MakeCommand, parsedBy, UsageError, workOption } from './command.ts'
import { accountIndexOption, accountsOption, KEY_HELP, phraseOption, readKeys, seedFileOption } from './key.ts'
import { online, withPayer, withPayers } from './payers.ts'
import { createProgress } from './progress.ts'
import { canAsk, confirm } from './question.ts'
import { receive } from './receive.ts'
import { printJson, printLine, type Terminal } from './terminal.ts'

export const wallet: MakeCommand = (terminal) =>
  new Command('wallet')
    .summary('make an account, see what it holds, receive and send')
    .description('An account to pay from, or to be paid at.')
    .addHelpText('after', KEY_HELP)
    .addCommand(create(terminal))
    .addCommand(address(terminal))
    .addCommand(balance(terminal))
    .addCommand(receive(terminal))
    .addCommand(send(terminal))

const create = (terminal: Terminal) =>
  new Command('create')
    .summary('draw a new seed')
    .description(
      'Draws a new seed, or a recovery phrase, and prints it with its first account. Whoever has it has the money: keep it ' +
        'where nobody reads it. With --out it goes into a file (mode 0600) and is not printed.',
    )
    .option('--out <path>', 'write it into a new file instead')
    .addOption(new Option('--words <n>', 'draw a phrase of so many words instead').choices(['12', '24'] as const))
    .addOption(jsonOption())
    .action(({ out, words, json }) => {
      const secret = words === undefined ? randomSeed() : createPhrase(words === '12' ? 12 : 24)
      const key = words === undefined ? derivePrivateKey(secret, 0) : derivePrivateKeyFromPhrase(secret, 0)
      const account = publicKeyToAddress(derivePublicKey(key))
      const kind = words === undefined ? 'seed' : 'phrase'
      if (out !== undefined) writeSecret(out, secret)
      if (json)
        return printJson(terminal.stdout, { account, ...(out === undefined ? { [kind]: secret } : { file: out }) })
      printLine(terminal.stdout, `account  ${account}`)
      printLine(terminal.stdout, out === undefined ? `${kind.padEnd(7)}  ${secret}` : `file     ${out}`)
      printLine(
        terminal.stderr,
        out === undefined
          ? 'Write it down where nobody else reads it: it cannot be drawn again.'
          : `Keep a copy where nobody else reads it. To use it: NANO402_SEED_FILE=${out}`,
      )
    })

const address = (terminal: Terminal) =>
  new Command('address')
    .summary('print the account')
    .description(
      'Prints the account, or a nano: URI for a wallet to pay to it. With --accounts prints so many, for a pool. Asks nobody.',
    )
    .option('--uri', 'print a nano: URI')
    .addOption(new Option('--amount <xno>', 'with --uri: what is to be sent').argParser(parsedBy(parseXno)))
    .option('--message <text>', 'with --uri: what it is for')
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(accountsOption())
    .addOption(phraseOption())
    .addOption(jsonOption())
    .addHelpText('after', KEY_HELP)
    .action(async ({ uri, amount, message, json, ...key }) => {
      for (const privateKey of await readKeys(key, terminal)) {
        const account = publicKeyToAddress(derivePublicKey(privateKey))
        const link = formatPaymentUri({ address: account, amount, message })
        if (json) printJson(terminal.stdout, { account, uri: link })
        else printLine(terminal.stdout, uri ? link : account)
      }
    })

const balance = (terminal: Terminal) =>
  online('balance')
    .summary('print what the account holds')
    .description('Prints what the account holds, what of it is confirmed, and what waits to be received.')
    .addOption(accountsOption())
    .action((options) =>
      withPayers(options, terminal, async (payers) => {
        const { stdout } = terminal
        for (const payer of payers) {
          const { balance, confirmed, receivable } = await payer.balance()
          if (options.json) {
            printJson(stdout, { account: payer.address, ...amounts({ balance, confirmed, receivable }) })
            continue
          }
          printLine(stdout, `account     ${payer.address}`)
          printLine(stdout, `balance     ${formatXno(balance)} XNO`)
          if (confirmed !== balance) printLine(stdout, `confirmed   ${formatXno(confirmed)} XNO`)
          printLine(stdout, `receivable  ${formatXno(receivable)} XNO`)
        }
      }),
    )

const send = (terminal: Terminal) =>
  online('send')
    .summary('send XNO')
    .description('Sends XNO to an account, after a question. It cannot be taken back.')
    .addArgument(
      new Argument('<to>', 'an account, or a nano: URI that may have the amount').argParser(parsedBy(destination)),
    )
    .addArgument(new Argument('[xno]', 'how much, such as 0.5').argParser(parsedBy(parseXno)))
    .option('-y, --yes', 'send without asking')
    .addOption(workOption())
    .action((to, xno, options) =>
      withPayer(options, terminal, async (payer) => {
        const amount = amountOf(to, xno)
        const signal = terminal.interrupted()
        await approve({ amount, to: to.address, yes: options.yes ?? false }, terminal, signal)
        const progress = createProgress(terminal.stderr)
        const { hash, confirmed } = await payer.send({ to: to.address, amount, signal })
        progress.clear()
        if (options.json) {
          return printJson(terminal.stdout, { block: hash, to: to.address, amount, xno: formatXno(amount), confirmed })
        }
        printLine(terminal.stdout, `Sent ${formatXno(amount)} XNO to ${to.address} (block ${hash})`)
        if (!confirmed) printLine(terminal.stderr, 'The network has it, and has not confirmed it yet.')
      }),
    )

const randomSeed = () =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(32)))
    .toString('hex')
    .toUpperCase()

/** Never over a file that is there: it may hold a seed. */
function writeSecret(path: string, secret: string): void {
  try {
    const file = openSync(path, 'wx', 0o600)
    writeFileSync(file, `${secret}\n`)
    closeSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'EEXIST' ? 'is there already, and is left as it is' : `cannot be written (${code})`
    throw new UsageError(`The file ${path} ${why}: name another with --out.`)
  }
}

const destination = (text: string): PaymentUri =>
  text.startsWith('nano:') ? parsePaymentUri(text) : { address: nanoAddress(text) }

/** The amount of the URI, or the one beside it; not two that differ. */
function amountOf(to: PaymentUri, xno: Raw | undefined): Raw {
  const amount = xno ?? to.amount
  if (amount === undefined) throw new UsageError('How much? Put the amount in XNO after the account.')
  if (to.amount !== undefined && to.amount !== amount) {
    throw new UsageError(
      `The URI asks for ${formatXno(to.amount)} XNO, and the command line says ${formatXno(amount)}.`,
    )
  }
  if (amount === 0n) throw new UsageError('There is nothing to send: the amount is 0.')
  return amount
}

async function approve(
  { amount, to, yes }: { amount: Raw; to: NanoAddress; yes: boolean },
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  if (yes) return
  if (!canAsk(terminal))
    throw new CommandError('Nothing was sent: there is nobody to ask here. Add --yes.', EXIT.unpaid)
  if (!(await confirm(`Send ${formatXno(amount)} XNO to ${to}?`, terminal, signal))) {
    throw new CommandError('Nothing was sent.', EXIT.unpaid)
  }
}

/** Amounts as programs read them: raw, and XNO beside it. */
const amounts = (values: Readonly<Record<string, Raw>>) =>
  Object.fromEntries(Object.entries(values).map(([name, amount]) => [name, { raw: amount, xno: formatXno(amount) }]))
