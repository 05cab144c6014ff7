/** The option that names issuers of channels, for those who trust them with deposits. */
import { Option } from '@commander-js/extra-typings'
import { CommandError, EXIT, parsedBy } from './command.ts'

/** As it was given: the key may have to be asked for. */
export interface NamedIssuer {
  readonly url: string
  readonly publicKey: string | undefined
}

/** `<url>`, or `<url>#<key>`. */
const named = parsedBy((text): NamedIssuer => {
  const [url = '', key] = text.trim().split('#')
  const isRight = /^https?:\/\/[^\s?#]+$/.test(url) && (key === undefined || /^[0-9a-fA-F]{64}$/.test(key))
  if (!isRight) throw new Error('Expected <url> or <url>#<key>, with a key of 64 hex digits.')
  return { url: url.replace(/\/+$/, ''), publicKey: key?.toUpperCase() }
})

export const issuerOption = (what: string) =>
  new Option('--issuer <url>', `${what}; repeat it for several`)
    .env('NANO402_ISSUER')
    .argParser((text: string, before: readonly NamedIssuer[] | undefined) => [
      ...(before ?? []),
      ...text.split(',').map(named),
    ])

export const ISSUER_HELP = `
An issuer is named as <url>#<key>, where the key is what it prints at its start. Without a key it
is asked for it now, and believed.`

/** The issuers with their keys. @throws {@link CommandError} when one does not say its own. */
export const withKeys = (issuers: readonly NamedIssuer[] = []) =>
  Promise.all(issuers.map(async ({ url, publicKey }) => ({ url, publicKey: publicKey ?? (await keyOf(url)) })))

async function keyOf(url: string): Promise<string> {
  try {
    const { issuer } = (await (await fetch(url, { redirect: 'error' })).json()) as { readonly issuer?: unknown }
    if (typeof issuer === 'string' && /^[0-9A-F]{64}$/.test(issuer)) return issuer
  } catch (cause) {
    throw new CommandError(`The issuer at ${url} does not answer: is it running?`, EXIT.failed, { cause })
  }
  throw new CommandError(`What answers at ${url} is no issuer.`, EXIT.failed)
}
