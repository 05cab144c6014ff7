/** Statements: the newest lines are in the account's record, the others in pages of their own. */
import type { Store } from '../../core/store.ts'
import type { NanoAddress } from '../../nano/index.ts'
import * as step from '../account.ts'
import { decodeLines, encodeLines } from '../codec.ts'
import { type Accounts, FOREVER_MS } from './accounts.ts'

/** One page of a statement, the newest line last. */
export interface Statement {
  readonly lines: readonly (step.Line & { readonly number: number })[]
  /** What to ask for the lines before these; undefined: there are none. */
  readonly before: number | undefined
}

export interface Statements {
  /** Gives pages that are full a record of their own. */
  file(address: NanoAddress): Promise<void>
  /** The lines before this number; without one, the newest. */
  read(address: NanoAddress, before?: number): Promise<Statement>
}

const pageKey = (address: NanoAddress, page: number) => `issuer-statement:${address}:${page}`

export function createStatements(store: Store, { read, alter }: Pick<Accounts, 'read' | 'alter'>): Statements {
  return {
    async file(address) {
      for (let next = step.nextPage((await read(address)) ?? step.emptyAccount(address)); next; ) {
        const { page, lines } = next
        await store.write(pageKey(address, page), 0, encodeLines(lines), FOREVER_MS)
        next = step.nextPage(await alter(address, (account) => step.forgetPage(account, page)))
      }
    },
    async read(address, before = Number.MAX_SAFE_INTEGER) {
      const { filed, lines } = (await read(address)) ?? step.emptyAccount(address)
      const end = Math.min(before, filed + lines.length)
      const isAtHand = end > filed
      const start = isAtHand ? Math.max(filed, end - step.PAGE) : Math.floor((end - 1) / step.PAGE) * step.PAGE
      if (end <= 0) return { lines: [], before: undefined }
      const page = isAtHand ? undefined : await store.read(pageKey(address, start / step.PAGE))
      const found = isAtHand ? lines.slice(start - filed, end - filed) : decodeLines(page?.value ?? '[]')
      const numbered = found.slice(0, end - start).map((line, i) => ({ ...line, number: start + i }))
      return { lines: numbered, before: start > 0 ? start : undefined }
    },
  }
}
