/** Clients that pay: the official ones with our plug-ins, our own, and those that NanoSession's documents describe. */
import { wrap } from '@faremeter/fetch'
import { x402Client as AxiosX402Client, wrapAxiosWithPayment } from '@x402/axios'
import { wrapFetchWithPayment, x402Client } from '@x402/fetch'
import axios from 'axios'
import { createPayer, type Payer } from 'nano402/client'
import { paymentHandler } from 'nano402/faremeter'
import { nanoSessionPaymentHandler } from 'nano402/nanosession'
import { type NanoClient, nanoClient } from 'nano402/x402'
import { forms, settle } from '../support/forms.ts'
import { challengeOf, offerOf, paymentHeader, receiptFor } from '../support/world.ts'
import type { Bought, Client, Trial } from './pair.ts'

type Get = (url: string) => Promise<Bought>

/** A client made from a payer. */
const client = (name: string, wires: Client['wires'], get: (payer: Payer) => Get): Client => ({
  name,
  wires,
  open({ devnet }, { key: privateKey }, { wire }) {
    const budget = { perRequest: '0.01', total: '1' }
    const payer = createPayer({
      ...{ privateKey, rpc: devnet, network: 'nano:devnet', budget, work: 'cpu' },
      wire: [wire],
    })
    return { get: get(payer), close: () => payer.close() }
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

/**
 * A client written from the documents of one form, and not from our code. It is given no payer: it sends by itself. By
 * `signature` it does the stateless variant of revision 7.
 */
const documents: Client = {
  name: "NanoSession's documents",
  wires: ['nanosession-3', 'nanosession-5', 'nanosession-7'],
  mechanisms: ['session', 'signature'],
  open: (_world, purse, { wire, mechanism }: Trial) => ({
    async get(url) {
      const asked = await fetch(url)
      if (mechanism === 'signature') {
        const offer = offerOf(asked, 'nanoSignature')
        return readAll(await fetch(url, { headers: paymentHeader(receiptFor(offer, await purse.pay(offer), purse)) }))
      }
      const form = forms.find(({ name }) => name === wire)
      if (!form) throw new Error(`Nobody speaks ${wire}.`)
      const bill = await form.read(asked)
      return readAll(await fetch(url, { headers: bill.present(await settle(purse, bill)) }))
    },
    close() {},
  }),
}

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
  client(
    'nano402/client',
    ['x402', 'x402-v1', 'nanosession-3', 'nanosession-5', 'nanosession-7'],
    (payer) => async (url) => readAll(await payer.fetch(url)),
  ),
  client('nano402/nanosession', ['x402', 'nanosession-7'], (payer) => {
    const { handle } = nanoSessionPaymentHandler(payer)
    return async (url) => {
      const { accepts } = challengeOf(await fetch(url))
      const [execer] = await handle({ request: url }, accepts)
      if (!execer) throw new Error('Nothing that is offered can be paid.')
      const { payload } = await execer.exec()
      const headers = paymentHeader({ x402Version: 2, accepted: execer.requirements, payload })
      return readAll(await fetch(url, { headers }))
    }
  }),
  documents,
]
