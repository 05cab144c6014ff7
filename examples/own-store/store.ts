/**
 * A store of one's own: maps in memory, and a file with a line for each change that is read again at the start. For one
 * process, as it trusts its memory. The test suite runs `storeContract` over it.
 */
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync, renameSync } from 'node:fs'
import { type Store, StoreError } from 'nano402'

interface Claim {
  readonly owner: string | null
  readonly leaseEndsAtMs: number
  readonly attempts: number
  readonly spent: boolean
  readonly keepUntilMs: number
}
interface Saved {
  readonly version: number
  readonly value: string
  readonly keepUntilMs: number
}
type Line = ['epoch', number] | ['claim', string, Claim] | ['record', string, Saved]

/** Opens the store, and rewrites the file without what may be forgotten. */
export async function fileStore(path: string): Promise<Store> {
  let epochMs = Date.now()
  const claims = new Map<string, Claim>()
  const records = new Map<string, Saved>()
  for (const line of readLines(path)) {
    if (line[0] === 'epoch') epochMs = line[1]
    if (line[0] === 'claim') claims.set(line[1], line[2])
    if (line[0] === 'record') records.set(line[1], line[2])
  }

  const claimAt = (id: string) => {
    const claim = claims.get(id)
    return claim && Math.max(claim.keepUntilMs, claim.leaseEndsAtMs) >= Date.now() ? claim : undefined
  }
  const recordAt = (key: string) => {
    const record = records.get(key)
    return record && record.keepUntilMs >= Date.now() ? record : undefined
  }
  const ownersClaim = (id: string, owner: string) => {
    const claim = claimAt(id)
    return claim?.owner === owner ? claim : undefined
  }

  const fresh = openSync(`${path}.new`, 'w')
  /** To the file first, and to the disk itself where somebody relies on it; what is in memory is in the file. */
  const append = (line: Line, { sync }: { sync: boolean }) => {
    try {
      appendFileSync(fresh, `\n${JSON.stringify(line)}`) // a line that was cut short is a line of its own
      if (sync) fsyncSync(fresh)
    } catch (cause) {
      throw new StoreError('The store could not write to its file.', { cause })
    }
  }
  const setClaim = (id: string, claim: Claim) => {
    append(['claim', id, claim], { sync: claim.spent })
    claims.set(id, claim)
  }

  append(['epoch', epochMs], { sync: false })
  for (const [id, claim] of claims) if (claimAt(id)) append(['claim', id, claim], { sync: false })
  for (const [key, record] of records) if (recordAt(key)) append(['record', key, record], { sync: false })
  fsyncSync(fresh)
  renameSync(`${path}.new`, path)

  return {
    durable: true,
    epochMs: async () => epochMs,
    async claim(id, owner, { leaseMs, attempts, keepUntilMs }) {
      const claim = claimAt(id)
      const isOwners = claim?.owner === owner
      if (claim?.spent) return 'spent'
      if (claim && !isOwners && claim.leaseEndsAtMs > Date.now()) return 'held'
      if (claim && !isOwners && claim.attempts >= attempts) return 'exhausted'
      setClaim(id, {
        owner,
        leaseEndsAtMs: Date.now() + leaseMs,
        attempts: (claim?.attempts ?? 0) + (isOwners ? 0 : 1),
        spent: false,
        keepUntilMs: Math.max(keepUntilMs, claim?.keepUntilMs ?? 0),
      })
      return 'claimed'
    },
    async renew(id, owner, leaseMs) {
      const claim = ownersClaim(id, owner)
      if (claim) setClaim(id, { ...claim, leaseEndsAtMs: Date.now() + leaseMs })
      return claim !== undefined
    },
    async commit(id, owner, keepUntilMs) {
      const claim = ownersClaim(id, owner)
      if (!claim) return false
      const keepLongerUntilMs = Math.max(keepUntilMs, claim.keepUntilMs)
      setClaim(id, { ...claim, leaseEndsAtMs: 0, spent: true, keepUntilMs: keepLongerUntilMs })
      return true
    },
    async release(id, owner) {
      const claim = ownersClaim(id, owner)
      if (claim && !claim.spent) setClaim(id, { ...claim, owner: null, leaseEndsAtMs: 0 })
    },
    async inspect(id) {
      const claim = claimAt(id)
      if (!claim) return undefined
      const unspent = claim.leaseEndsAtMs > Date.now() ? 'held' : 'released'
      return { state: claim.spent ? 'spent' : unspent, attempts: claim.attempts }
    },
    async read(key) {
      const record = recordAt(key)
      return record && { version: record.version, value: record.value }
    },
    async write(key, expectedVersion, value, keepUntilMs) {
      if ((recordAt(key)?.version ?? 0) !== expectedVersion) return false
      const record = { version: expectedVersion + 1, value, keepUntilMs }
      append(['record', key, record], { sync: true })
      records.set(key, record)
      return true
    },
    close: async () => closeSync(fresh),
  }
}

/** What was written so far. The last line may have been cut short by a crash: then nobody was told that it was written. */
function readLines(path: string): readonly Line[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return text.split('\n').flatMap((line): Line[] => {
    try {
      return [JSON.parse(line)]
    } catch {
      return []
    }
  })
}
