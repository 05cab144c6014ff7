import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { stores } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'

const cases = frameworks.flatMap((framework) => stores.map((store) => ({ ...framework, ...store })))

/** Other ways to write the hash, all of which some Nano node reads as the same block. */
const spellings: Readonly<Record<string, (hash: string) => string>> = {
  'lower case': (hash) => hash.toLowerCase(),
  'mixed case': (hash) => hash.replace(/[A-F]/g, (digit, at: number) => (at % 2 ? digit : digit.toLowerCase())),
  'no leading digit': (hash) => hash.slice(1),
  'a leading zero more': (hash) => `0${hash}`,
  'leading zeros dropped': (hash) => hash.replace(/^0+/, '').slice(1),
  'a space before it': (hash) => ` ${hash}`,
  'a space behind it': (hash) => `${hash} `,
  'a line break behind it': (hash) => `${hash}\n`,
  '0x before it': (hash) => `0x${hash}`,
  'full-width digits': (hash) => hash.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
}
const isAnotherCase = (name: string) => name.endsWith('case')

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(cases)('R8 over $name with $store', ({ serve, open }) => {
  test('a spent block is spent in every spelling of its hash', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open() }))
    const offer = offerOf(await fetch(`${app.url}/report`))
    const hash = await world.buyer.pay(offer)
    const attempt = watch(world, app)
    const present = (proof: string) => attempt(() => fetch(`${app.url}/report`, { headers: proofHeader(offer, proof) }))
    expect(await present(hash)).toMatchObject({ status: 200, ran: 1 })
    for (const [name, spell] of Object.entries(spellings)) {
      const code = isAnotherCase(name) ? 'payment_already_spent' : 'invalid_payload'
      expect(await present(spell(hash)), name).toEqual({
        status: isAnotherCase(name) ? 402 : 400,
        code,
        ran: 0,
        asked: 0,
      })
    }
  })

  test('a block that was spent in lower case is spent in upper case', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open() }))
    const offer = offerOf(await fetch(`${app.url}/report`))
    const hash = await world.buyer.pay(offer)
    const attempt = watch(world, app)
    const present = (proof: string) => attempt(() => fetch(`${app.url}/report`, { headers: proofHeader(offer, proof) }))
    expect(await present(hash.toLowerCase())).toMatchObject({ status: 200, ran: 1 })
    expect(await present(hash)).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })
})
