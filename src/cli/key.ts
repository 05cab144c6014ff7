/** The account that a command acts for: its key from the environment, a file, or standard input. Never from an argument. */
import { readFileSync, statSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { derivePrivateKey, type PrivateKey } from '../nano/index.ts'
import { openPhrase, phraseToSeed } from '../nano/phrase.ts'
import { UsageError, wholeNumber } from './command.ts'
import type { Terminal } from './terminal.ts'

export interface KeyOptions {
  readonly seedFile?: string | undefined
  readonly accountIndex: number
  readonly phrase: 'bip44' | 'seed'
}

export const seedFileOption = () =>
  new Option('--seed-file <path>', 'file that holds the seed or phrase, mode 0600; - reads standard input').env(
    'NANO402_SEED_FILE',
  )

export const accountIndexOption = () =>
  new Option('--account-index <n>', 'which account of the seed or phrase')
    .argParser(wholeNumber(2 ** 32 - 1))
    .default(0)

export const phraseOption = () =>
  new Option('--phrase <kind>', "what a phrase is: a wallet's (44'/165'/n'), or 24 words that spell a seed")
    .choices(['bip44', 'seed'] as const)
    .default('bip44' as const)

/** For the help of commands that need a key. */
export const KEY_HELP = `
The account's key comes from the first of these that is set; there is no option for it, because
arguments are seen by every process of the machine and kept by the shell:
  --seed-file <path>  a file that only its owner may read (chmod 600), or - for standard input
  NANO402_SEED        the environment
Each holds a seed (64 hex digits), or a recovery phrase (12 to 24 English words; what BIP39 calls
its passphrase goes into NANO402_PASSPHRASE).`

export const accountsOption = () =>
  new Option('--accounts <n>', 'how many accounts, from --account-index on: those of a pool')
    .argParser((text) => {
      const n = wholeNumber(MAX_ACCOUNTS)(text)
      if (n === 0) throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_ACCOUNTS}.`)
      return n
    })
    .default(1)

/** As many as a pool may have. */
const MAX_ACCOUNTS = 256

/** Reads the key. @throws {@link UsageError} with the remedy, and nothing of what was read. */
export async function readKey(options: KeyOptions, terminal: Terminal): Promise<PrivateKey> {
  const [key] = await readKeys({ ...options, accounts: 1 }, terminal)
  return key as PrivateKey
}

/** Reads the keys of so many accounts, from the one of the index on. */
export async function readKeys(
  { accountIndex, accounts, ...source }: KeyOptions & { readonly accounts: number },
  terminal: Terminal,
): Promise<readonly PrivateKey[]> {
  const derive = await readDerivation(source, terminal)
  return Array.from({ length: accounts }, (_, i) => derive(accountIndex + i))
}

async function readDerivation(
  { seedFile, phrase }: Omit<KeyOptions, 'accountIndex'>,
  terminal: Terminal,
): Promise<(index: number) => PrivateKey> {
  const secret = (await readSecret(seedFile, terminal)).trim()
  if (/^[0-9a-fA-F]{64}$/.test(secret)) return (index) => derivePrivateKey(secret, index)
  if (!/\s/.test(secret)) {
    throw new UsageError(
      `What ${sourceOf(seedFile)} holds is no seed: expected 64 hex digits, or a phrase of 12 to 24 words.`,
    )
  }
  if (phrase === 'bip44') return openPhrase(secret, process.env.NANO402_PASSPHRASE)
  const seed = phraseToSeed(secret)
  return (index) => derivePrivateKey(seed, index)
}

const sourceOf = (seedFile: string | undefined) =>
  seedFile === undefined ? 'NANO402_SEED' : seedFile === '-' ? 'standard input' : 'the file of --seed-file'

async function readSecret(seedFile: string | undefined, { stdin }: Terminal): Promise<string> {
  if (seedFile === undefined) {
    const seed = process.env.NANO402_SEED
    if (seed) return seed
    throw new UsageError('No seed: set NANO402_SEED, or --seed-file to a file that holds it (- for standard input).')
  }
  if (seedFile === '-') {
    if (stdin.isTTY) throw new UsageError('A seed typed here would be shown: pipe it in, or use a file (--seed-file).')
    return text(stdin)
  }
  return readPrivateFile(seedFile)
}

/** Reads a file that nobody else may. */
function readPrivateFile(path: string): string {
  if (/^[0-9a-fA-F]{64}$|\s\w+\s/.test(path)) {
    throw new UsageError(
      '--seed-file takes the path of a file, not the seed, which your shell may have written down now.',
    )
  }
  try {
    const found = statSync(path)
    if (found.isDirectory()) throw new UsageError(`${path} is a folder: --seed-file takes the path of a file.`)
    const { mode } = found
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw new UsageError(`Others may read the seed file ${path}: run chmod 600 ${path}`)
    }
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof UsageError) throw error
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read by you' : `cannot be read (${code})`
    throw new UsageError(`The seed file ${path} ${why}: make one with nano402 wallet create --out ${path}`)
  }
}
