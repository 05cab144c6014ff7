/** The resource servers that a facilitator works for, and the bearer tokens that it knows them by. */
import { encodeUtf8, equalInConstantTime } from '../core/bytes.ts'
import { ConfigError } from '../errors.ts'

/** Names of resource servers, each with its token, or with its tokens while one takes the place of another. */
export type Tokens = Readonly<Record<string, string | readonly string[]>>

const MIN_LENGTH = 16
const REMEDY = 'Make one with: openssl rand -hex 32'

/**
 * Reads `NANO402_FACILITATOR_TOKENS`: `name:token`, separated by commas.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`)
 * @example
 * Object.keys(parseTokens('shop:0123456789abcdef')) // ['shop']
 */
export function parseTokens(text: string): Tokens {
  const tokens = new Map<string, readonly string[]>()
  for (const entry of text.split(',')) {
    const [, name, token] = /^\s*([^:\s]+):(\S+)\s*$/.exec(entry) ?? []
    if (!name || !token) throw new ConfigError('NANO402_FACILITATOR_TOKENS must be name:token, separated by commas.')
    tokens.set(name, [...(tokens.get(name) ?? []), token])
  }
  return Object.fromEntries(tokens)
}

/** Says whose a token is; undefined when it is nobody's. Takes as long whichever it is. */
export type TokenReader = (token: string) => Promise<string | undefined>

/** @throws {@link ConfigError} (`ERR_CONFIG`) for a token that can be guessed. It is not quoted. */
export function createTokenReader(tokens: Tokens): TokenReader {
  const all = Object.entries(tokens).flatMap(([name, own]) => [own].flat().map((token) => ({ name, token })))
  if (all.some(({ token }) => token.length < MIN_LENGTH)) {
    throw new ConfigError(`A token of the facilitator must have at least ${MIN_LENGTH} characters. ${REMEDY}`)
  }
  if (all.some(({ token }) => !/^[\x21-\x7e]+$/.test(token))) {
    throw new ConfigError(`A token of the facilitator is made of visible ASCII characters. ${REMEDY}`)
  }
  if (new Set(all.map(({ token }) => token)).size < all.length) {
    throw new ConfigError('Two resource servers have the same token of the facilitator.')
  }
  let known: Promise<readonly { readonly name: string; readonly digest: Uint8Array }[]> | undefined
  return async (token) => {
    known ??= Promise.all(all.map(async ({ name, token }) => ({ name, digest: await digestOf(token) })))
    const presented = await digestOf(token)
    let found: string | undefined
    for (const { name, digest } of await known) if (equalInConstantTime(digest, presented)) found = name
    return found
  }
}

const digestOf = async (text: string) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(encodeUtf8(text))))
