/** What a server answered, handed on: to the output, into a file, or as JSON. */
import { accessSync, constants, createWriteStream, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CommandError, EXIT, UsageError } from './command.ts'
import type { Terminal } from './terminal.ts'

/** Makes sure of a file before anything is paid for it. @throws {@link UsageError} */
export function requireWritable(path: string): void {
  try {
    if (existsSync(path) && statSync(path).isDirectory())
      throw new UsageError(`${path} is a folder: name a file with -o.`)
    accessSync(existsSync(path) ? path : dirname(path), constants.W_OK)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${path} cannot be written (${codeOf(error)}): name another file with -o.`)
  }
}

export interface Answer {
  readonly response: Response
  /** A payment was made for it. The server has done its part when the answer begins: if it breaks off, both are gone. */
  readonly isPaid: boolean
}

const codeOf = (error: unknown) => String((error as NodeJS.ErrnoException).code)
const piecesOf = ({ response: { body } }: Answer) => (body ? Readable.from(body) : Readable.from([]))

/** Streams the body to the output. */
export async function printBody(answer: Answer, { stdout }: Terminal): Promise<void> {
  await whole(answer, pipeline(piecesOf(answer), stdout, { end: false }))
}

/** Streams the body into a file. */
export async function saveBody(answer: Answer, path: string): Promise<void> {
  await whole(answer, pipeline(piecesOf(answer), createWriteStream(path)))
}

/** The answer for JSON. `body` is text, `bodyBase64` what is none; neither where it went into a file. */
export async function describeAnswer(answer: Answer, file: string | undefined) {
  const { response } = answer
  const { url, status, headers } = response
  const head = { url, status, headers: Object.fromEntries(headers) }
  if (file !== undefined) return { ...head, file }
  const bytes = new Uint8Array(await whole(answer, response.arrayBuffer()))
  try {
    return { ...head, body: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    return { ...head, bodyBase64: Buffer.from(bytes).toString('base64') }
  }
}

async function whole<T>({ isPaid }: Answer, reading: Promise<T>): Promise<T> {
  try {
    return await reading
  } catch (error) {
    const isOurs = error instanceof Error && 'syscall' in error
    const what = isOurs ? `The answer cannot be written (${codeOf(error)}).` : 'The answer broke off before its end.'
    throw new CommandError(what, isPaid ? EXIT.unserved : EXIT.failed, { cause: error })
  }
}
