/** Clients that pay: the official ones with our plug-ins, and our own. */
import { wrap } from '@faremeter/fetch'
import { x402Client as AxiosX402Client, wrapAxiosWithPayment } from '@x402/axios'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import axios from 'axios'
import { createPayer, type Payer } from 'nano402/client'
import { paymentHandler } from 'nano402/faremeter'
import { type NanoClient, nanoClient } from 'nano402/x402'
import type { World } from '../support/world.ts'
import type { Bought, Client, Wire } from './pair.ts'

type Get = (url: string) => Promise<Bought>

/** A client on an account of its own, made from a payer. */
const client = (name: string, wires: readonly Wire[], get: (payer: Payer) => Get, isOurs = false): Client => ({
  name,
  isOurs,
  wires,
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

/** Both versions of x402, as a program registers them. */
const register = <
  C extends {
    register(network: 'nano:devnet', client: NanoClient): C
    registerV1(network: string, client: NanoClient): C
  },
>(
  client: C,
  payer: Payer,
) => client.register('nano:devnet', nanoClient(payer)).registerV1('nano:devnet', nanoClient(payer))

export const clients: readonly Client[] = [
  client('@x402/fetch', ['x402', 'x402-v1'], (payer) => {
    const pays = wrapFetchWithPayment(fetch, register(new x402Client(), payer))
    return async (url) => readAll(await pays(url))
  }),
  client('@x402/axios', ['x402', 'x402-v1'], (payer) => {
    const pays = wrapAxiosWithPayment(axios.create(), register(new AxiosX402Client(), payer))
    return async (url) => {
      const { status, data } = await pays.get<string>(url)
      return { status, body: data }
    }
  }),
  client('@faremeter/fetch', ['x402', 'x402-v1'], (payer) => {
    const pays = wrap(fetch, { handlers: [paymentHandler(payer)], retryCount: 0 })
    return async (url) => readAll(await pays(url))
  }),
  client('nano402/client', ['x402'], (payer) => async (url) => readAll(await payer.fetch(url)), true),
]
