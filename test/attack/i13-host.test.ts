import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { exchange } from '../support/raw.ts'
import { createWorld, type World } from '../support/world.ts'
import { hosts } from './list/disguises.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('I13 over $name', ({ serve }) => {
  let app: Served
  beforeAll(async () => {
    app = await serve(world.options)
  })
  afterAll(() => app.close())

  test.each(Object.entries(hosts))('%s crashes nothing and opens nothing', async (_name, lines) => {
    for (const version of ['1.1', '1.0']) {
      const { status } = await exchange(app.url, [`GET /report HTTP/${version}`, ...lines, 'Connection: close'])
      expect([400, 402], `HTTP/${version}`).toContain(status)
    }
    expect((await fetch(`${app.url}/report`)).status).toBe(402)
    expect([app.runs(), world.devnet.asked('blocks_info')]).toEqual([0, 0])
  })
})
