/** A client whose memory is a file: each payer on it is the client, started anew. */
import { join } from 'node:path'
import { createPayer, type JournalEntry, type Payer, type PayerOptions } from 'nano402/client'
import { type NanoAddress, parseXno } from 'nano402/nano'
import { openFileJournal as fileJournal } from '../../src/client/file-journal.node.ts'
import { PAYMENT_SIGNATURE } from '../../src/x402/headers.ts'
import type { CrashWorld } from './world.ts'

export interface Client {
  readonly account: NanoAddress
  payer(options?: Partial<PayerOptions>): Payer
  /** The headers with the proof that it presented last. */
  proof(): Record<string, string>
  /** The last entry of each payment, as its file has it. */
  journal(): Promise<readonly JournalEntry[]>
}

let clients = 0

export async function createClient({ devnet, directory }: Pick<CrashWorld, 'devnet' | 'directory'>): Promise<Client> {
  const { privateKey, account } = await devnet.fundedSeed(parseXno('10'))
  const journal = join(directory, `client-${++clients}.jsonl`)
  let proof = ''
  return {
    account,
    payer: ({ fetch = globalThis.fetch, ...options } = {}) =>
      createPayer({
        ...{ privateKey, journal, rpc: devnet, network: 'nano:devnet', work: 'cpu' },
        budget: { perRequest: '0.01', total: '10' },
        fetch(request) {
          proof = request.headers.get(PAYMENT_SIGNATURE) ?? proof
          return fetch(request)
        },
        ...options,
      }),
    proof: () => ({ [PAYMENT_SIGNATURE]: proof }),
    journal: () => fileJournal(journal).load(),
  }
}
