import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { stores } from '../support/stores.ts'
import { disposable } from '../support/wait.ts'
import { createWorld, offerOf, proofHeader, type World } from '../support/world.ts'
import { isAnotherCase, spellings } from './list/wrong-values.ts'

const cases = frameworks.flatMap((framework) => stores.map((store) => ({ ...framework, ...store })))

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
