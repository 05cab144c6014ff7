/**
 * Claims and records in an SQLite file: for the processes of one machine, and still there after kill -9 or a power cut.
 * Each operation is one statement or one IMMEDIATE transaction. The call blocks while the disk syncs, which is what
 * makes a commit durable.
 */
import { resolve } from 'node:path'
import type { Store, Versioned } from '../core/store.ts'
import { ConfigError, StoreError } from '../errors.ts'
import { type ClaimState, inspectClaim, take } from './claim.ts'

/** The part that `node:sqlite`, better-sqlite3 and libsql have in common. */
interface Database {
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}
interface Statement {
  get(...values: readonly (string | number | null)[]): unknown
  run(...values: readonly (string | number | null)[]): { readonly changes: number | bigint }
}
type Driver = new (path: string) => Database

/** What a store in a file goes by. */
export interface SqliteStoreOptions {
  /** The clock: Unix time in ms. */
  readonly now?: () => number
}

/**
 * What is installed is found at run time. Bundlers are told to leave these alone: they would pack every driver that they
 * find, native parts included, and fail at them; nor can they follow a name in a variable.
 */
const DRIVERS: readonly (() => Promise<unknown>)[] = [
  () => import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'node:sqlite'),
  () => import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'better-sqlite3'),
  () => import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ 'libsql'),
]

/** How long an operation waits for another process that is writing. The event loop waits with it. */
const BUSY_TIMEOUT_MS = 5_000

/** What may be forgotten is deleted in small steps, twice as fast as anything is added. */
const CHANGES_PER_SWEEP = 50
const FORGOTTEN_PER_SWEEP = 100

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS epoch (one INTEGER PRIMARY KEY CHECK (one = 1), epoch_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS claims (
    id TEXT PRIMARY KEY, owner TEXT, lease_ends_at_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,
    spent INTEGER NOT NULL, keep_until_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claims_by_keep_until ON claims (keep_until_ms);
  CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL, keep_until_ms INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS records_by_keep_until ON records (keep_until_ms);`

/**
 * A store in an SQLite file, made if it is not there. Any number of processes on one machine may open it; a network
 * file system will not do, because SQLite's locks do not hold there.
 *
 * @param path - Relative to the working directory. Its directory must exist.
 * @throws {@link ConfigError} (`ERR_CONFIG`) when there is no SQLite to be had (Node 22 brings one; older ones need
 * better-sqlite3 or libsql installed), or when the file cannot be opened.
 * @example
 * const store = await sqliteStore('/var/lib/shop/claims.sqlite')
 */
export async function sqliteStore(path: string, { now = Date.now }: SqliteStoreOptions = {}): Promise<Store> {
  if (path === '' || path === ':memory:') {
    throw new ConfigError('An SQLite store needs the path of a file. For a store in memory set NANO402_STORE=memory.')
  }
  const db = await open(await findDriver(), resolve(path))
  const begin = db.prepare('BEGIN IMMEDIATE')
  const commit = db.prepare('COMMIT')
  const rollback = db.prepare('ROLLBACK')
  const readEpoch = db.prepare('SELECT epoch_ms FROM epoch')
  const markEpoch = db.prepare('INSERT OR IGNORE INTO epoch VALUES (1, ?)')
  // Now, not when somebody asks: a session that is sealed before that would seem to be from before a loss.
  markEpoch.run(now())
  const readClaim = db.prepare(
    `SELECT owner, lease_ends_at_ms, attempts, spent, keep_until_ms FROM claims WHERE id = ?`,
  )
  const putClaim = db.prepare('INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, 0, ?)')
  const renewClaim = db.prepare('UPDATE claims SET lease_ends_at_ms = ? WHERE id = ? AND owner = ?')
  const commitClaim = db.prepare(
    'UPDATE claims SET spent = 1, lease_ends_at_ms = 0, keep_until_ms = max(keep_until_ms, ?) WHERE id = ? AND owner = ?',
  )
  const releaseClaim = db.prepare(
    'UPDATE claims SET owner = NULL, lease_ends_at_ms = 0 WHERE id = ? AND owner = ? AND spent = 0',
  )
  const forgetClaims = db.prepare(
    `DELETE FROM claims WHERE id IN
      (SELECT id FROM claims WHERE keep_until_ms < ? AND lease_ends_at_ms <= ? LIMIT ${FORGOTTEN_PER_SWEEP})`,
  )
  const readRecord = db.prepare('SELECT version, value FROM records WHERE key = ? AND keep_until_ms >= ?')
  const insertRecord = db.prepare(
    `INSERT INTO records VALUES (?, 1, ?, ?) ON CONFLICT (key) DO UPDATE
      SET version = 1, value = excluded.value, keep_until_ms = excluded.keep_until_ms WHERE keep_until_ms < ?`,
  )
  const updateRecord = db.prepare(
    `UPDATE records SET version = version + 1, value = ?, keep_until_ms = ?
      WHERE key = ? AND version = ? AND keep_until_ms >= ?`,
  )
  const forgetRecords = db.prepare(
    `DELETE FROM records WHERE key IN
      (SELECT key FROM records WHERE keep_until_ms < ? LIMIT ${FORGOTTEN_PER_SWEEP})`,
  )

  function atomically<T>(work: () => T): T {
    begin.run()
    try {
      const result = work()
      commit.run()
      return result
    } catch (error) {
      try {
        rollback.run()
      } catch {
        // SQLite rolls back by itself after some failures, such as a full disk.
      }
      throw error
    }
  }

  let untilSweep = CHANGES_PER_SWEEP
  function sweepNowAndThen(): void {
    if (--untilSweep > 0) return
    untilSweep = CHANGES_PER_SWEEP
    forgetClaims.run(now(), now())
    forgetRecords.run(now())
  }

  return {
    durable: true,
    epochMs: () =>
      answer(() => {
        // Missing when the tables were emptied: whoever notices first marks the new beginning.
        if (!readEpoch.get()) markEpoch.run(now())
        return (readEpoch.get() as { epoch_ms: number }).epoch_ms
      }),
    claim: (id, owner, limits) =>
      answer(() =>
        atomically(() => {
          const taken = take(asClaim(readClaim.get(id)), { owner, limits, nowMs: now() })
          if (typeof taken === 'string') return taken
          putClaim.run(id, owner, taken.leaseEndsAtMs, taken.attempts, taken.keepUntilMs)
          sweepNowAndThen()
          return 'claimed'
        }),
      ),
    renew: (id, owner, leaseMs) => answer(() => changed(renewClaim.run(now() + leaseMs, id, owner))),
    commit: (id, owner, keepUntilMs) => answer(() => changed(commitClaim.run(keepUntilMs, id, owner))),
    release: (id, owner) => answer(() => void releaseClaim.run(id, owner)),
    inspect: (id) => answer(() => inspectClaim(asClaim(readClaim.get(id)), now())),
    read: (key) =>
      answer(() => {
        const row = readRecord.get(key, now()) as Versioned | undefined
        return row && { version: row.version, value: row.value }
      }),
    write: (key, expectedVersion, value, keepUntilMs) =>
      answer(() => {
        sweepNowAndThen()
        return changed(
          expectedVersion === 0
            ? insertRecord.run(key, value, keepUntilMs, now())
            : updateRecord.run(value, keepUntilMs, key, expectedVersion, now()),
        )
      }),
    close: () => answer(() => db.close()),
  }
}

async function findDriver(): Promise<Driver> {
  for (const load of DRIVERS) {
    try {
      const module = (await load()) as { readonly DatabaseSync?: Driver; readonly default: Driver }
      const Driver = module.DatabaseSync ?? module.default
      // better-sqlite3 loads its native part only now: without it, it is as good as not installed.
      new Driver(':memory:').close()
      return Driver
    } catch {}
  }
  throw new ConfigError(
    'No SQLite was found. Use Node 22.13 or later, which brings one, or run: npm install better-sqlite3 (or: libsql).',
  )
}

async function open(Driver: Driver, path: string): Promise<Database> {
  try {
    const db = new Driver(path)
    db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}; PRAGMA synchronous = FULL;`)
    await turnOnWriteAheadLog(db)
    db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`)
    return db
  } catch (cause) {
    throw new ConfigError(
      'The SQLite file of NANO402_STORE cannot be opened: does its directory exist, and may this process write there?',
      { cause },
    )
  }
}

/** SQLite does not wait for its turn here, whatever the busy timeout: processes that start together on a new file collide. */
async function turnOnWriteAheadLog(db: Database): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 10) {
    try {
      return db.exec('PRAGMA journal_mode = WAL')
    } catch (error) {
      if (!/locked|busy/.test(String(error)) || waitedMs >= BUSY_TIMEOUT_MS) throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}

/** Async, so that what SQLite throws becomes a rejection. The message has SQLite's reason, and neither path nor SQL. */
async function answer<T>(operation: () => T): Promise<T> {
  try {
    return operation()
  } catch (cause) {
    const { errstr, code } = cause as { errstr?: string; code?: string }
    throw new StoreError(`The SQLite store did not answer: ${errstr ?? code ?? 'unknown error'}.`, { cause })
  }
}

const changed = (result: { readonly changes: number | bigint }): boolean => Number(result.changes) === 1

function asClaim(row: unknown): ClaimState | undefined {
  if (!row) return undefined
  const claim = row as Record<'lease_ends_at_ms' | 'attempts' | 'spent' | 'keep_until_ms', number> & {
    owner: string | null
  }
  return {
    owner: claim.owner ?? undefined,
    leaseEndsAtMs: claim.lease_ends_at_ms,
    attempts: claim.attempts,
    spent: claim.spent === 1,
    keepUntilMs: claim.keep_until_ms,
  }
}
