import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryStore } from 'nano402/stores/memory'
import { sqliteStore } from 'nano402/stores/sqlite'
import { storeContract } from 'nano402/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'

describe('memory', () => {
  for (const { name, run } of storeContract(async () => memoryStore())) test(name, run)
})

describe('sqlite', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nano402-'))
  })
  afterAll(() => rm(directory, { recursive: true }))

  const open = () => sqliteStore(join(directory, 'claims.sqlite'))
  for (const { name, run } of storeContract(open, { otherEntries: 500 })) test(name, run)
})
