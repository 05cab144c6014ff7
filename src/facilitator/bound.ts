/**
 * A request as a facilitator knows it: method, URL, and digests in place of what its price has read. The guard sees it as
 * a request whose headers and body are those digests, so that they are sealed and compared like values.
 */
import { encodeUtf8 } from '../core/bytes.ts'
import type { PaywallRequest } from '../core/request.ts'
import type { BoundRequest, Inputs } from '../remote/wire.ts'

export const inputNames = (inputs: Inputs = {}): readonly string[] => Object.keys(inputs)

/** The request that stands for the one at the resource server. */
export const boundAs = ({ method, url, inputs = {} }: BoundRequest): PaywallRequest => ({
  method,
  url,
  headers: { get: (name) => inputs[`header:${name}`] ?? null },
  readBody: async () => encodeUtf8(inputs.body ?? ''),
})
