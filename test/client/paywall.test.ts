import type { AddressInfo } from 'node:net'
import express from 'express'
import { createPaywall } from 'nano402'
import { paywall } from 'nano402/express'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buyerFor, devnetForTest, SHOP, sentBy } from './support.ts'

const SECRET = 'a secret of the payer tests, 0123456789abcdef'

/** Our own paywall before a handler. */
async function open(handler: express.Handler) {
  const devnet = devnetForTest()
  const options = { network: 'nano:devnet', rpc: devnet, payTo: SHOP, price: '0.001', secret: SECRET } as const
  const instance = createPaywall(options)
  const app = express()
  app.all('/report', paywall(instance), handler)
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    server.close()
    await instance.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/report`
  return { devnet, url, ...(await buyerFor(devnet)) }
}

describe('our own paywall', () => {
  test('is paid, and its settlement is told', async () => {
    const { devnet, url, payer, events } = await open((_, res) => void res.send('the report'))
    expect(await (await payer.fetch(url)).text()).toBe('the report')
    expect(events.at(-1)).toMatchObject({ type: 'paid', settlement: { success: true, network: 'nano:devnet' } })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('whose handler fails is asked again with the same payment', async () => {
    let runs = 0
    const { devnet, url, payer } = await open((_, res) => {
      runs++
      if (runs === 1) res.status(500).send('oh')
      else res.send('the report')
    })
    expect((await payer.fetch(url)).status).toBe(500)
    expect(await (await payer.fetch(url)).text()).toBe('the report')
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })

  test('serves twenty requests at once', async () => {
    const { devnet, url, payer } = await open((req, res) => void res.send(String(req.query.n)))
    const responses = await Promise.all(Array.from({ length: 20 }, (_, n) => payer.fetch(`${url}?n=${n}`)))
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual(
      Array.from({ length: 20 }, (_, n) => `${n}`),
    )
    expect(await sentBy(devnet, payer.address)).toHaveLength(20)
  })

  test('whose handler keeps failing ends the payment after its attempts, and is not paid again in that call', async () => {
    const { devnet, url, payer } = await open((_, res) => void res.status(500).send('oh'))
    for (let i = 0; i < 3; i++) expect((await payer.fetch(url)).status).toBe(500)
    await expect(payer.fetch(url)).rejects.toMatchObject({ refusal: 'attempts_exhausted', retryable: false })
    expect(await sentBy(devnet, payer.address)).toHaveLength(1)
  })
})
