/** An OpenAPI document with what its operations cost. */
import { formatXno, parseRaw } from '../nano/index.ts'
import type { DiscoveredResource } from './resources.ts'

/** As much of OpenAPI as is needed here. */
export interface OpenApiDocument {
  readonly paths?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** A resource, and the operation that it is. */
export interface PricedOperation {
  readonly method: string
  /** `/items/:id` */
  readonly path: string
  /** Its price in dollars, if it is in dollars. */
  readonly usd: string | undefined
  /** Undefined: its price depends on the request. */
  readonly resource: DiscoveredResource | undefined
}

/** A copy in which each operation that is charged for says so: `x-payment-info`, and the response 402. */
export function enrichOpenApi<D extends OpenApiDocument>(document: D, operations: readonly PricedOperation[]): D {
  const paths: Record<string, Readonly<Record<string, unknown>>> = { ...document.paths }
  for (const { method, path, usd, resource } of operations) {
    const template = path.replace(/:(\w+)/g, '{$1}')
    const name = method.toLowerCase()
    const operation = paths[template]?.[name]
    if (typeof operation !== 'object' || operation === null) continue
    const responses = 'responses' in operation ? (operation.responses as object) : {}
    paths[template] = {
      ...paths[template],
      [name]: {
        ...operation,
        'x-payment-info': {
          protocols: [{ x402: {} }],
          price: usd === undefined ? priceOf(resource) : { mode: 'fixed', currency: 'USD', amount: usd },
          ...(resource && { accepts: resource.accepts }),
        },
        responses: { 402: PAYMENT_REQUIRED, ...responses },
      },
    }
  }
  return { ...document, paths }
}

function priceOf(resource: DiscoveredResource | undefined) {
  const amount = resource?.accepts[0]?.amount
  return amount === undefined
    ? { mode: 'dynamic', currency: 'XNO' }
    : { mode: 'fixed', currency: 'XNO', amount: formatXno(parseRaw(amount)) }
}

const PAYMENT_REQUIRED = {
  description: 'Payment required: x402 version 2. The header PAYMENT-REQUIRED, and the body, say what and how.',
  headers: { 'PAYMENT-REQUIRED': { description: 'Base64 of the body.', schema: { type: 'string' } } },
  content: {
    'application/json': {
      schema: {
        type: 'object',
        properties: {
          x402Version: { type: 'integer' },
          error: { type: 'string' },
          resource: { type: 'object' },
          accepts: { type: 'array', items: { type: 'object' } },
        },
        required: ['x402Version', 'resource', 'accepts'],
      },
    },
  },
}
