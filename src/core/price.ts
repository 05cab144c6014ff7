/**
 * What a price function may see of a request. Every read is recorded by name, absence included, and sealed into the
 * session, so that a quote cannot be carried to a request for which the price would be another.
 */
import { PriceError } from '../errors.ts'
import type { Field } from './bytes.ts'
import { type PaywallRequest, readBody, targetOf } from './request.ts'

/** The request as a price function sees it: named reads only. */
export interface RequestView {
  readonly method: string
  /** The original path, without query, as it was sent. */
  readonly path: string
  /** The first query parameter of this name. */
  query(name: string): string | undefined
  /** A header. Payment headers cannot be read: a price may not depend on whether it was paid. */
  header(name: string): string | undefined
  /** The body as bytes, if `priceBodyLimit` is set; a longer one is refused with 413. */
  bytes(): Promise<Uint8Array>
  /** The body as UTF-8 text. */
  text(): Promise<string>
  /** The body as JSON. */
  json(): Promise<unknown>
}

/** What a price depended on, in the order it was first read. */
export interface RecordedView {
  readonly view: RequestView
  readonly inputs: readonly string[]
}

/** The body is longer than the price may read. */
export const BODY_TOO_LARGE = Symbol('body too large')

const MAX_INPUTS = 32
const BODY = 'body'
const isPaymentHeader = (name: string) => /^(x-)?payment|^nano402-/.test(name)

/** A view that writes down what is read through it. `bodyLimit` in bytes; 0: the body may not be read. */
export function recordView(request: PaywallRequest, bodyLimit: number): RecordedView {
  const inputs: string[] = []
  const record = (name: string) => {
    if (inputs.includes(name)) return
    if (inputs.length === MAX_INPUTS) throw new PriceError(`A price may read at most ${MAX_INPUTS} parts of a request.`)
    inputs.push(name)
  }
  const target = () => targetOf(request).split('?')
  const bytes = async () => {
    if (bodyLimit === 0) throw new PriceError('The price reads the body: set priceBodyLimit to the bytes it may read.')
    record(BODY)
    const body = await readBody(request, bodyLimit)
    if (!body) throw BODY_TOO_LARGE
    return body
  }
  const text = async () => new TextDecoder().decode(await bytes())
  const view: RequestView = {
    method: request.method,
    get path() {
      return target()[0] ?? '/'
    },
    query: (name) => new URLSearchParams(target().slice(1).join('?')).get(name) ?? undefined,
    header(name) {
      const lower = name.toLowerCase()
      if (isPaymentHeader(lower)) throw new PriceError('A price may not read a payment header.')
      if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(lower)) throw new PriceError('The price reads a header of no valid name.')
      record(`header:${lower}`)
      return request.headers.get(lower) ?? undefined
    },
    bytes,
    text,
    json: async () => JSON.parse(await text()),
  }
  return { view, inputs }
}

/** The values that go with recorded names, read from this request. Throws {@link BODY_TOO_LARGE}. */
export async function readInputs(
  request: PaywallRequest,
  inputs: readonly string[],
  bodyLimit: number,
): Promise<readonly Field[]> {
  const { view } = recordView(request, bodyLimit)
  return Promise.all(inputs.map((name) => (name === BODY ? view.bytes() : view.header(name.slice('header:'.length)))))
}
