/** Requests that a command makes as curl would. */
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { InvalidArgumentError, Option } from '@commander-js/extra-typings'
import { CommandError, EXIT, UsageError } from './command.ts'
import type { Terminal } from './terminal.ts'

export interface RequestOptions {
  readonly request?: string | undefined
  readonly header: readonly (readonly [name: string, value: string])[]
  readonly data?: string | undefined
}

/** `Name: value`. */
function headerLine(line: string, before: RequestOptions['header']): RequestOptions['header'] {
  const match = /^([^\s:]+):\s*(.*)$/.exec(line)
  if (!match) throw new InvalidArgumentError("Expected 'Name: value'.")
  return [...before, [match[1] ?? '', match[2] ?? '']]
}

/** `https://...`, or a host, which is asked over `http://` as curl does it. */
export function urlArgument(text: string): string {
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!/^https?:/i.test(url) || !URL.canParse(url)) throw new InvalidArgumentError('Expected an http or https URL.')
  const { username, password } = new URL(url)
  if (username || password)
    throw new InvalidArgumentError('Put a user and password into a header (-H), not into the URL.')
  return url
}

export const requestOptions = {
  request: () => new Option('-X, --request <method>', 'method (default: GET, or POST with -d)'),
  header: () =>
    new Option('-H, --header <line>', "header as 'Name: value'; repeat it for several")
      .argParser(headerLine)
      .default([] as RequestOptions['header'], 'none'),
  data: () => new Option('-d, --data <body>', 'body; @path reads a file, @- standard input'),
}

/** The request as `fetch` takes it. @throws {@link UsageError} */
export async function requestInit({ request, header, data }: RequestOptions, terminal: Terminal): Promise<RequestInit> {
  const body = data === undefined ? undefined : await readBody(data, terminal)
  const method = (request ?? (body === undefined ? 'GET' : 'POST')).toUpperCase()
  try {
    const headers = new Headers(header.map(([name, value]) => [name, value] as [string, string]))
    if (body !== undefined && !headers.has('content-type'))
      headers.set('content-type', 'application/x-www-form-urlencoded')
    const init = { method, headers, ...(body !== undefined && { body }) }
    new Request('http://localhost', init)
    return init
  } catch (error) {
    throw new UsageError(`This is no request: ${error instanceof Error ? error.message : ''}`)
  }
}

async function readBody(data: string, { stdin }: Terminal): Promise<string | Uint8Array<ArrayBuffer>> {
  if (!data.startsWith('@')) return data
  if (data === '@-') return text(stdin)
  try {
    return new Uint8Array(readFileSync(data.slice(1)))
  } catch (error) {
    throw new UsageError(`The file ${data.slice(1)} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}

/** `fetch`, whose failures say in a sentence which server did not answer. */
export async function fetchOrSay(request: Request): Promise<Response> {
  try {
    return await fetch(request)
  } catch (error) {
    if (request.signal.aborted) throw error
    const cause = (error as Error).cause
    const why =
      cause instanceof Error ? ('code' in cause ? String(cause.code) : cause.message) : (error as Error).message
    const { origin } = new URL(request.url)
    throw new CommandError(
      `${origin} does not answer (${why}): is the URL right, and the server running?`,
      EXIT.failed,
      {
        cause: error,
      },
    )
  }
}
