/** Every store there is, fresh for a test. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { onTestFinished } from 'vitest'

/** A directory that goes with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'nano402-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export const stores: readonly { readonly store: string; open(): Promise<Store> }[] = [
  { store: 'memory', open: async () => memoryStore() },
  {
    store: 'sqlite',
    async open() {
      const store = await sqliteStore(join(temporaryDirectory(), 'claims.sqlite'))
      onTestFinished(() => store.close())
      return store
    },
  },
]
