import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks, type Served } from '../support/frameworks.ts'
import { exchange } from '../support/raw.ts'
import { createWorld, type World } from '../support/world.ts'

const hosts: Readonly<Record<string, readonly string[]>> = {
  'no Host': [],
  'an empty Host': ['Host:'],
  'an IPv6 Host': ['Host: [::1]:8080'],
  'half an IPv6 Host': ['Host: [::1'],
  'a Host with spaces': ['Host: a b'],
  'a Host with a path': ['Host: shop.example/free'],
  'a Host with a user': ['Host: free@shop.example'],
  'a Host with a port beyond 65535': ['Host: shop.example:99999'],
  'a Host of 4 KB': [`Host: ${'a'.repeat(4_096)}`],
  'a Host with letters beyond ASCII': ['Host: sh\xf6p.example'],
  'two Hosts': ['Host: shop.example', 'Host: free.example'],
}

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
