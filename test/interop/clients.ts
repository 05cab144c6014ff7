/** Clients that pay: the official ones with our plug-ins, and our own. */
import { wrap } from '@faremeter/fetch'
import { x402Client as AxiosX402Client, wrapAxiosWithPayment } from '@x402/axios'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import axios from 'axios'
import { createPayer, type Payer } from 'nano402/client'
import { paymentHandler } from 'nano402/faremeter'
import { nanoClient } from 'nano402/x402'
import type { World } from '../support/world.ts'
import type { Bought, Client } from './pair.ts'

type Get = (url: string) => Promise<Bought>

/** A client on an account of its own, made from a payer. */
const client = (name: string, get: (payer: Payer) => Get, isOurs = false): Client => ({
  name,
  isOurs,
  wire: 'x402',
  async open({ devnet }: World) {
    const { privateKey } = await devnet.fundedSeed()
    const budget = { perRequest: '0.01', total: '1' }
    const payer = createPayer({ privateKey, rpc: devnet, network: 'nano:devnet', budget, work: 'cpu' })
    return { account: payer.address, get: get(payer), close: () => payer.close() }
  },
})

const readAll = async (response: Response): Promise<Bought> => ({
  status: response.status,
  body: await response.text(),
})

export const clients: readonly Client[] = [
  client('@x402/fetch', (payer) => {
    const pays = wrapFetchWithPayment(fetch, new x402Client().register('nano:devnet', nanoClient(payer)))
    return async (url) => readAll(await pays(url))
  }),
  client('@x402/axios', (payer) => {
    const x402 = new AxiosX402Client().register('nano:devnet', nanoClient(payer))
    const pays = wrapAxiosWithPayment(axios.create({ responseType: 'text' }), x402)
    return async (url) => {
      const { status, data } = await pays.get<string>(url)
      return { status, body: data }
    }
  }),
  client('@faremeter/fetch', (payer) => {
    const pays = wrap(fetch, { handlers: [paymentHandler(payer)], retryCount: 0 })
    return async (url) => readAll(await pays(url))
  }),
  client('nano402/client', (payer) => async (url) => readAll(await payer.fetch(url)), true),
]
