/**
 * Pocket money: a payer whose seed is kept by this browser. Whoever can run a script on this site can spend it, and who
 * clears the site's data loses it. Two tabs that pay at once get into each other's way, and lose nothing.
 */
import { createPayer, type Journal, type JournalEntry, type Payer } from 'nano402/client'

export interface PocketOptions {
  readonly network: 'nano:mainnet' | 'nano:devnet'
  /** A node that this page may ask: one that is public. */
  readonly rpc: string
}

export const openPocket = ({ network, rpc }: PocketOptions): Payer =>
  createPayer({ seed: keptSeed(), network, rpc, journal, budget: { perRequest: '0.01', perDay: '0.1' } })

function keptSeed(): string {
  const seed = localStorage.getItem('pocket') ?? drawSeed()
  localStorage.setItem('pocket', seed)
  return seed
}

const drawSeed = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, '0')).join('')

/** What was paid, so that a page that is closed in the middle of a payment has what it paid for when it is back. */
const journal: Journal = {
  load: async () => JSON.parse(localStorage.getItem('payments') ?? '[]') as JournalEntry[],
  async put(entry) {
    const others = (await journal.load()).filter(({ hash }) => hash !== entry.hash)
    localStorage.setItem('payments', JSON.stringify([...others, entry]))
  },
}
