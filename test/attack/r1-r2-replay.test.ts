import { Agent, get } from 'node:http'
import type { Store } from 'nano402'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { stores } from '../support/stores.ts'
import { disposable, gate, until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

const cases = frameworks.flatMap((framework) => stores.map((store) => ({ ...framework, ...store })))

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** GET with a connection of the agent's; `fetch` cannot be told whether to keep it. */
const getStatus = (url: string, headers: Record<string, string>, agent: Agent) =>
  new Promise<number>((resolve, reject) => {
    get(url, { headers, agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    }).on('error', reject)
  })

describe.each(cases)('R1, R2 over $name with $store', ({ serve, open }) => {
  test('R1: a proof that bought its answer buys none again, and is not looked up again', async () => {
    await using app = disposable(await serve({ ...world.options, store: await open() }))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const attempt = watch(world, app)
    expect(await attempt(() => fetch(`${app.url}/report`, { headers }))).toMatchObject({ status: 200, ran: 1 })
    for (let i = 0; i < 10; i++) {
      const again = await attempt(() => fetch(`${app.url}/report`, { headers }))
      expect(again).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
    }
  })

  test.each([true, false])(
    'R2: a hundred copies of a proof at once buy one answer (keep-alive: %s)',
    async (keepAlive) => {
      const store: Store = await open()
      await using app = disposable(await serve({ ...world.options, store }))
      const { headers } = await buy(world.buyer, `${app.url}/report`)
      const asked = world.devnet.asked('blocks_info')
      const agent = new Agent({ keepAlive, maxSockets: keepAlive ? 20 : 100 })
      const statuses = await Promise.all(
        Array.from({ length: 100 }, () => getStatus(`${app.url}/report`, headers, agent)),
      )
      agent.destroy()
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
      expect(statuses.filter((status) => status !== 200 && status !== 409 && status !== 402)).toEqual([])
      expect(app.runs()).toBe(1)
      expect(world.devnet.asked('blocks_info') - asked).toBeLessThanOrEqual(2) // the block, and the one before it
    },
  )

  test('R2: while the handler runs, every copy is told to wait, and none is billed anew', async () => {
    const finish = gate()
    await using app = disposable(
      await serve({ ...world.options, store: await open() }, async () => {
        await finish.promise
        return { body: 'paid content' }
      }),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const first = fetch(`${app.url}/report`, { headers })
    await until(() => app.runs() === 1)
    const attempt = watch(world, app)
    for (let i = 0; i < 5; i++) {
      const copy = await attempt(() => fetch(`${app.url}/report`, { headers }))
      expect(copy).toEqual({ status: 409, code: 'payment_in_progress', ran: 0, asked: 0 })
    }
    finish.open()
    expect((await first).status).toBe(200)
    const after = await attempt(() => fetch(`${app.url}/report`, { headers }))
    expect(after).toEqual({ status: 402, code: 'payment_already_spent', ran: 0, asked: 0 })
  })
})
