/** Says what is about to be spent, or what is missing, before anything is. */
import { readSettings } from './settings.ts'

export function setup(): void {
  try {
    const { network, payTo, account, total } = readSettings()
    process.stdout.write(`This spends XNO on ${network}: ${total} at most, sent from ${account} to ${payTo}.\n`)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
    process.exit(1) // vitest itself would go on to say that there are no tests
  }
}
