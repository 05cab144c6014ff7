/**
 * x402's `offer-receipt`: each offer of a 402, and a receipt with each paid answer, signed. An offer shows what was asked,
 * a receipt who paid for which resource; both can be checked by anybody, long after and without us.
 */
import type { Extension } from '../core/extension.ts'
import type { Signer } from './jws.ts'

const VERSION = 1

export function offerReceipt(signer: Signer): Extension {
  const signed = async (payload: Readonly<Record<string, unknown>>) => ({
    format: 'jws',
    signature: await signer.sign({ version: VERSION, ...payload }),
  })
  return {
    name: 'offer-receipt',

    async offer({ accepts, resource }) {
      const resourceUrl = resource.url
      const nowSeconds = Math.floor(Date.now() / 1000)
      const offers = accepts.map(async ({ scheme, network, asset, payTo, amount, maxTimeoutSeconds }, acceptIndex) => {
        const validUntil = nowSeconds + maxTimeoutSeconds
        return { acceptIndex, ...(await signed({ resourceUrl, scheme, network, asset, payTo, amount, validUntil })) }
      })
      return { info: { offers: await Promise.all(offers) }, schema: OFFERS }
    },

    // Before the handler runs, as headers leave first; it leaves only with an answer that was paid for.
    async settle({ network, payer, transaction }, { url }) {
      const issuedAt = Math.floor(Date.now() / 1000)
      return {
        info: { receipt: await signed({ network, resourceUrl: url, payer, issuedAt, transaction }) },
        schema: RECEIPT,
      }
    },
  }
}

/** Short, because a header carries them. */
const signedSchema = {
  type: 'object',
  properties: { format: { const: 'jws' }, signature: { type: 'string' } },
  required: ['format', 'signature'],
}
const infoSchema = (name: string, schema: object) => ({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  properties: { [name]: schema },
  required: [name],
})
const OFFERS = infoSchema('offers', { type: 'array', items: signedSchema })
const RECEIPT = infoSchema('receipt', signedSchema)
