/** `nano402 pay`: curl that pays. */
import { Argument, Command, Option } from '@commander-js/extra-typings'
import { type Bill, createPayer, type PayerEvent } from '../client/index.ts'
import { OverBudgetError } from '../errors.ts'
import { derivePublicKey, formatXno, parseXno, publicKeyToAddress, type Raw, raw } from '../nano/index.ts'
import { describeAnswer, printBody, requireWritable, saveBody } from './answer.ts'
import {
  CommandError,
  EXIT,
  jsonOption,
  type MakeCommand,
  networkOption,
  parsedBy,
  requiredRpc,
  rpcOption,
  UsageError,
  workOption,
  wsOption,
} from './command.ts'
import { fetchOrSay, requestInit, requestOptions, urlArgument } from './http.ts'
import { defaultJournal, lockJournal } from './journal.ts'
import { accountIndexOption, KEY_HELP, phraseOption, readKey, seedFileOption } from './key.ts'
import { createProgress } from './progress.ts'
import { canAsk, confirm } from './question.ts'
import { harmless, paint, printJson, printLine, type Terminal } from './terminal.ts'

const description = `Makes a request as curl would. If the server answers 402, says what it asks, asks you, pays, and prints \
the answer; what is said on the way goes to the error output. What it pays for and gets no answer to is kept in a journal: \
the same command again uses the same payment.`

const after = `${KEY_HELP}

Examples:
  nano402 pay https://api.example.com/report
  nano402 pay --yes --max 0.001 -o report.pdf https://api.example.com/report.pdf
  nano402 pay -X POST -H 'Content-Type: application/json' -d '{"q":"..."}' https://api.example.com/search

Exit status:
  0  the answer came     3  it came, and its status is 400 or more     4  nothing was paid
  5  a payment was made, or may have been, and nothing came for it: repeat the command`

/** Reads XNO, and keeps the text: that is what a budget is made of. */
const xnoText = parsedBy((text) => {
  parseXno(text)
  return text
})

export const pay: MakeCommand = (terminal) =>
  new Command('pay')
    .summary('make a request, and pay for it')
    .description(description)
    .addArgument(new Argument('<url>', 'what to ask for').argParser(urlArgument))
    .addOption(requestOptions.request())
    .addOption(requestOptions.header())
    .addOption(requestOptions.data())
    .option('-o, --output <path>', 'write the answer to a file')
    .addOption(
      new Option('--max <xno>', 'the most that is paid for the request')
        .env('NANO402_MAX')
        .argParser(xnoText)
        .default('0.01'),
    )
    .addOption(
      new Option('--max-per-day <xno>', 'the most that is paid from the account in 24 hours, by its journal')
        .env('NANO402_MAX_PER_DAY')
        .argParser(xnoText)
        .default('1'),
    )
    .option('-y, --yes', 'pay what is within these bounds without asking')
    .addOption(seedFileOption())
    .addOption(accountIndexOption())
    .addOption(phraseOption())
    .addOption(rpcOption())
    .addOption(wsOption())
    .addOption(networkOption())
    .addOption(workOption())
    .option('--journal <path>', 'where payments are remembered (default: in $XDG_STATE_HOME, by account)')
    .addOption(jsonOption())
    .addHelpText('after', after)
    .action(async (url, options) => {
      const { output, max, maxPerDay, yes = false, ws, network, work, json } = options
      if (options.data === '@-' && options.seedFile === '-') {
        throw new UsageError('Standard input cannot be both the body (-d @-) and the seed (--seed-file -).')
      }
      if (output !== undefined) requireWritable(output)
      const endpoints = requiredRpc(options.rpc)
      const signal = terminal.interrupted()
      const privateKey = await readKey(options, terminal)
      const init = await requestInit(options, terminal)
      const journal = options.journal ?? defaultJournal(network, publicKeyToAddress(derivePublicKey(privateKey)))
      const unlock = lockJournal(journal)
      const progress = createProgress(terminal.stderr)
      const payment = watchPayment()
      const payer = createPayer({
        privateKey,
        rpc: endpoints,
        network,
        work,
        journal,
        budget: { perRequest: max, perDay: maxPerDay },
        fetch: fetchOrSay,
        approve: (bill) => approve(bill, { max: parseXno(max), yes, terminal, signal }),
        onEvent(event) {
          payment.onEvent(event)
          progress.onEvent(event)
        },
        ...(ws !== undefined && { ws }),
      })
      try {
        const response = await payer.fetch(url, { ...init, signal })
        progress.clear()
        // Before the body, which may break off.
        sayReceipt(payment, response, terminal)
        const answer = { response, isPaid: payment.told() !== undefined }
        if (output !== undefined) await saveBody(answer, output)
        else if (!json) await printBody(answer, terminal)
        if (json) {
          printJson(terminal.stdout, { ...(await describeAnswer(answer, output)), payment: payment.told() ?? null })
        }
        if (payment.isUnserved()) terminal.exitStatus = EXIT.unserved
        else if (response.status >= 400) terminal.exitStatus = EXIT.findings
      } catch (error) {
        throw error instanceof OverBudgetError ? inOurWords(error) : error
      } finally {
        progress.clear()
        payer.close()
        unlock()
      }
    })

/** Says what the server asks, and asks whether to pay it. */
async function approve(
  bill: Bill,
  { max, yes, terminal, signal }: { max: Raw; yes: boolean; terminal: Terminal; signal: AbortSignal },
): Promise<boolean> {
  const { stderr } = terminal
  printLine(stderr, `${paint(stderr, 'bold', '402')} ${bill.method} ${harmless(bill.url)}`)
  printLine(stderr, `  price   ${formatXno(bill.price)} XNO`)
  printLine(stderr, `  amount  ${formatXno(bill.amount)} XNO, with the tag that names this offer`)
  printLine(stderr, `  to      ${bill.payTo}`)
  printLine(stderr, `  until   ${new Date(bill.expiresAtMs).toISOString()}`)
  if (bill.amount > max) {
    const asked = `The server asks for ${formatXno(bill.amount)} XNO, and --max is ${formatXno(max)}`
    throw new CommandError(`${asked}: nothing was paid. Raise --max if it is worth it.`, EXIT.unpaid)
  }
  if (yes) return true
  if (!canAsk(terminal)) {
    throw new CommandError('Nothing was paid: there is nobody to ask here. Add --yes, and a --max.', EXIT.unpaid)
  }
  return confirm('Pay this?', terminal, signal)
}

/** What became of the payment, from what the payer tells. */
function watchPayment() {
  let bill: Extract<PayerEvent, { type: 'challenged' }> | undefined
  let hash: string | undefined
  let paid: Extract<PayerEvent, { type: 'paid' }> | undefined
  return {
    onEvent(event: PayerEvent) {
      if (event.type === 'challenged') bill = event
      else if (event.type === 'published' || event.type === 'resumed') hash = event.hash
      else if (event.type === 'paid') paid = event
    },
    /** There is a payment, and the answer that came did not use it up. */
    isUnserved: () => hash !== undefined && paid === undefined,
    told: () =>
      hash === undefined
        ? undefined
        : {
            block: hash,
            served: paid !== undefined,
            ...(bill && { price: bill.price, amount: bill.amount, xno: formatXno(bill.amount), payTo: bill.payTo }),
            ...(paid?.settlement && { settlement: paid.settlement }),
          },
  }
}

function sayReceipt(payment: ReturnType<typeof watchPayment>, response: Response, { stderr }: Terminal): void {
  const told = payment.told()
  if (told === undefined) {
    if (response.status >= 400) printLine(stderr, `The answer is ${response.status}, and nothing was paid.`)
    return
  }
  const amount = told.settlement?.amount ?? told.amount?.toString()
  const what = amount && /^\d{1,39}$/.test(amount) ? `${formatXno(raw(BigInt(amount)))} XNO ` : ''
  if (payment.isUnserved()) {
    printLine(
      stderr,
      `${response.status}: the payment (block ${told.block}) is not used up. Repeat the command to use it.`,
    )
  } else {
    printLine(stderr, `${paint(stderr, 'green', 'Paid')} ${what}(block ${told.block})`)
  }
}

/** The bounds by the names that they have here. */
const inOurWords = (error: OverBudgetError) =>
  new CommandError(
    `${error.message.replace('budget.perDay', '--max-per-day').replace('budget.perRequest', '--max')} Nothing was paid.`,
    EXIT.unpaid,
    { cause: error },
  )
