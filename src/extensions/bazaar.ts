/** x402's `bazaar`: how a resource is asked and what it answers, so that a catalogue can list it and a program can ask. */
import type { Extension } from '../core/extension.ts'

/** How a route is asked, and what it answers. Values are examples, schemas are JSON Schema. */
export interface DiscoveryOptions {
  /** Where the route is: `/report`, or `/items/:id`. Only a route that says so is listed at `/.well-known/x402`. */
  readonly path?: string
  /** Default `GET`, or `POST` where there is a body. */
  readonly method?: string
  readonly queryParams?: Readonly<Record<string, unknown>>
  readonly pathParams?: Readonly<Record<string, unknown>>
  readonly bodyType?: 'json' | 'form-data' | 'text'
  readonly body?: Readonly<Record<string, unknown>>
  /** Of the body where there is one, else of the query parameters. */
  readonly inputSchema?: Readonly<Record<string, unknown>>
  readonly output?: {
    /** Default `json`. */
    readonly type?: string
    readonly example?: unknown
    readonly schema?: Readonly<Record<string, unknown>>
  }
}

export const BAZAAR = 'bazaar'

export const bazaar = (options: DiscoveryOptions): Extension => ({
  name: BAZAAR,
  offer: (_required, request) => bazaarEntry(options, request.method),
})

/** The method that a route is asked with, if it does not matter which request it is. */
export const methodOf = ({ method, bodyType, body }: DiscoveryOptions): string =>
  method ?? (bodyType === undefined && body === undefined ? 'GET' : 'POST')

/** What is said of a route in a 402 and in a list alike. */
export function bazaarEntry(options: DiscoveryOptions, method: string) {
  const { path, queryParams, pathParams, bodyType = 'json', body, inputSchema = {}, output } = options
  const hasBody = body !== undefined || options.bodyType !== undefined
  const given = hasBody ? { bodyType, body: body ?? {} } : queryParams && { queryParams }
  const parts = hasBody
    ? { bodyType: { const: bodyType }, body: inputSchema }
    : { queryParams: { type: 'object', ...inputSchema } }
  return {
    info: {
      input: { type: 'http', method, ...given, ...(pathParams && { pathParams }) },
      ...(output && {
        output: { type: output.type ?? 'json', ...('example' in output && { example: output.example }) },
      }),
    },
    schema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: {
        input: {
          type: 'object',
          properties: {
            type: { const: 'http' },
            method: { enum: [method] },
            ...parts,
            ...(pathParams && { pathParams: { type: 'object' } }),
          },
          required: ['type', 'method', ...(hasBody ? ['bodyType', 'body'] : [])],
          additionalProperties: false,
        },
        ...(output && {
          output: {
            type: 'object',
            properties: { type: { type: 'string' }, ...(output.schema && { example: output.schema }) },
            required: ['type'],
          },
        }),
      },
      required: ['input'],
    },
    ...(path?.includes('/:') && { routeTemplate: path }),
  }
}
