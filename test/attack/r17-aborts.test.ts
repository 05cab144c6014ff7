import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { watch } from '../support/outcome.ts'
import { gate, until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** A handler that ends when it is told to, and counts how many of it run at once. */
function waitingHandler() {
  let running = 0
  let most = 0
  let end = gate()
  const handler = async () => {
    most = Math.max(most, ++running)
    await end.promise
    running--
    return { body: 'paid content' }
  }
  const endAll = () => {
    end.open()
    end = gate()
  }
  return { handler, most: () => most, running: () => running, endAll }
}

/** Asks, and goes away when told to. What it comes to: a status, or that nobody waited for it. */
function askAndLeave(url: string, headers: Record<string, string>) {
  const client = new AbortController()
  const outcome = fetch(url, { headers, signal: client.signal }).then(
    async (response) => (await response.text()) && response.status,
    () => 'gone' as const,
  )
  let over = false
  void outcome.then(() => {
    over = true
  })
  return { outcome, leave: () => client.abort(), isOver: () => over }
}

/** Lets the server notice what has happened to its connections: it answers others meanwhile. */
async function roundTrips(url: string) {
  for (let i = 0; i < 3; i++) await (await fetch(`${url}/other`)).text()
}

describe.each(frameworks)('R17 over $name', ({ serve }) => {
  test('a payer that goes away again and again has the handler run three times, never two at once', async () => {
    const { handler, most, running, endAll } = waitingHandler()
    const app = await serve(world.options, handler)
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    const { headers } = await buy(world.buyer, url)
    for (let run = 1; run <= 3; run++) {
      let client = askAndLeave(url, headers)
      for (; app.runs() < run; await until(() => client.isOver() || app.runs() === run)) {
        // The claim of the run before may still be on its way back.
        if (client.isOver()) client = askAndLeave(url, headers)
      }
      const copies = Array.from({ length: 20 }, () => askAndLeave(url, headers))
      for (const [i, copy] of copies.entries()) if (i % 2 === 0) setTimeout(copy.leave, i)
      client.leave()
      expect(await client.outcome).toBe('gone')
      for (const { outcome } of copies) expect(['gone', 409]).toContain(await outcome)
      await roundTrips(app.url)
      endAll()
      await until(() => running() === 0)
    }
    const attempt = watch(world, app)
    let after = await attempt(() => fetch(url, { headers }))
    while (after.status === 409) after = await attempt(() => fetch(url, { headers }))
    expect(after).toEqual({ status: 402, code: 'attempts_exhausted', ran: 0, asked: 0 })
    expect([app.runs(), most()]).toEqual([3, 1])
  })

  test('a payer that goes away before the payment is confirmed has no handler run, and loses nothing', async () => {
    const app = await serve(world.options)
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    world.devnet.hold()
    const { headers, hash } = await buy(world.buyer, url)
    const before = world.devnet.asked('blocks_info')
    for (let i = 0; i < 20; i++) {
      const clients = [2, 4, 8].map((ms) => {
        const client = askAndLeave(url, headers)
        setTimeout(client.leave, ms)
        return client.outcome
      })
      expect(await Promise.all(clients)).toEqual(['gone', 'gone', 'gone'])
    }
    await roundTrips(app.url) // who leaves while it is served has been served
    expect(app.runs()).toBe(0)
    expect(world.devnet.asked('blocks_info') - before).toBeLessThan(200)
    world.devnet.confirm(hash)
    world.devnet.release()
    await new Promise((resolve) => setTimeout(resolve, 300)) // whoever were still waiting would be served now
    expect(app.runs()).toBe(0)
    expect(await watch(world, app)(() => fetch(url, { headers }))).toMatchObject({ status: 200, ran: 1 })
  })

  test('a payer that goes away while the answer begins gets it once, or can have it again, but not both', async () => {
    const { handler, most, running, endAll } = waitingHandler()
    const app = await serve({ ...world.options, attempts: 1_000 }, handler)
    onTestFinished(() => app.close())
    const url = `${app.url}/report`
    const { headers } = await buy(world.buyer, url)
    let served = 0
    for (let i = 0; i < 20; i++) {
      const client = askAndLeave(url, headers)
      await until(() => client.isOver() || running() > 0)
      if (i % 2 === 0) setTimeout(client.leave, i % 5)
      else client.leave()
      endAll()
      if ((await client.outcome) === 200) served++
      await until(() => running() === 0)
    }
    const final = async () => {
      for (;;) {
        const client = askAndLeave(url, headers)
        await until(() => client.isOver() || running() > 0)
        endAll()
        const status = await client.outcome
        if (status !== 409) return status
      }
    }
    if ((await final()) === 200) served++
    expect(await final()).toBe(402)
    expect(served).toBeLessThanOrEqual(1)
    expect(most()).toBe(1)
  })
})
