/** Drivers whose types need not be installed: sqlite.ts says what it uses of them. */
declare module 'node:sqlite'
declare module 'better-sqlite3'
