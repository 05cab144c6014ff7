/** A page of a server that has a facilitator in place of a node. */
import { paywallPage } from 'nano402/page'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type ServedFacilitator, startFacilitator } from '../support/facilitator.ts'
import { frameworks } from '../support/frameworks.ts'
import { openShop } from '../support/shop.ts'
import { createWorld, freshAccount, offerOf, sessionIdOf, type World } from '../support/world.ts'
import { askedBy, BROWSER_ACCEPT, fakeBrowser, statesOf } from './browser.ts'

let world: World
let facilitator: ServedFacilitator
const tokens = { shop: 'a-token-of-these-tests-0123', other: 'another-token-of-these-tests' }
beforeAll(async () => {
  world = await createWorld()
  facilitator = await startFacilitator(world, { confirmTimeoutMs: 100 }, { tokens })
})
afterAll(async () => {
  await facilitator.close()
  world.close()
})

const optionsOf = (token: string) => ({
  ...facilitator.options,
  facilitator: { url: facilitator.url, token },
  page: paywallPage(),
  payTo: freshAccount(), // whose payments nobody has looked for a moment ago
})
const openPage = (more: Parameters<typeof openShop>[0] = {}) => openShop({ ...optionsOf(tokens.shop), ...more })
const visit = (cookie?: string) => ({ accept: BROWSER_ACCEPT, ...(cookie && { cookie }) })
const cookieOf = (page: Response) => page.headers.getSetCookie()[0]?.split(';')[0] ?? ''

// The first: later on, somebody is looked for a while longer.
test('the node is asked nothing for a session that is forged, of another server, or for another request', async () => {
  const { ask } = openPage()
  const stranger = openShop(optionsOf(tokens.other))
  const cookie = cookieOf(await ask(visit()))
  const [name = '', id = ''] = cookie.split(/[=.]/)
  const foreign = sessionIdOf(offerOf(await stranger.ask(visit())))
  const before = world.devnet.asked()
  for (const value of [`${id}AAAA`, id.replace(/.{8}$/, 'AAAAAAAA'), foreign]) {
    for (const how of ['events', 'now']) {
      const answer = await ask({ cookie: `${name}=${value}`, 'nano402-page': how })
      expect([answer.status, await answer.json()]).toEqual([404, { state: 'unknown' }])
    }
  }
  expect((await ask({ cookie, 'nano402-page': 'now' }, { path: '/other' })).status).toBe(404)
  expect(world.devnet.asked()).toBe(before)
})

test('from the 402 to the content: told as it happens, presented by the cookie, served once', async () => {
  const [express] = frameworks
  if (!express) throw new Error('No framework.')
  const { url, runs, close } = await express.serve(optionsOf(tokens.shop))
  onTestFinished(close)
  const browser = fakeBrowser()
  const { payTo, amount } = await askedBy(await browser.go(`${url}/report`))
  expect((await askedBy(await browser.go(`${url}/report`))).amount).toBe(amount)
  const states = statesOf(await browser.ask(`${url}/report`, 'events'))
  expect((await states.next()).value).toBe('waiting')
  world.devnet.hold()
  await world.buyer.send(payTo, amount)
  expect((await states.next()).value).toBe('seen')
  expect([(await browser.go(`${url}/report`)).status, runs()]).toEqual([503, 0])
  world.devnet.release()
  expect((await states.next()).value).toBe('confirmed')
  const answers = await Promise.all([1, 2, 3].map(() => browser.go(`${url}/report`)))
  expect(answers.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1)
  expect((await askedBy(await browser.go(`${url}/report`))).amount).not.toBe(amount)
  expect(runs()).toBe(1)
})

test('a price that read a header is asked for what it read, and the facilitator is shown no value', async () => {
  const price = (request: { header(name: string): string | undefined }) =>
    request.header('x-plan') ? '0.002' : '0.001'
  const { ask } = openPage({ price })
  const page = await ask({ ...visit(), 'x-plan': 'gold' })
  const cookie = cookieOf(page)
  const status = async (plan: string) => (await ask({ cookie, 'nano402-page': 'now', 'x-plan': plan })).json()
  expect([await status('gold'), await status('silver')]).toEqual([{ state: 'waiting' }, { state: 'unknown' }])
})

test('a price that rose since leaves the offer as it was made, until a new one is wanted', async () => {
  let price = '0.001'
  const { ask, runs } = openPage({ price: () => price })
  const page = await ask(visit())
  price = '0.002'
  expect(await askedBy(await ask(visit(cookieOf(page))))).toEqual(await askedBy(page.clone()))
  expect((await askedBy(await ask(visit()))).amount / 10n ** 27n).toBe(2n)
  await world.buyer.send(offerOf(page).payTo, BigInt(offerOf(page).amount))
  expect([(await ask(visit(cookieOf(page)))).status, runs()]).toEqual([200, 1])
})
