import { type Store, StoreError } from 'nano402'
import { memoryStore } from 'nano402/stores/memory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { expressAnswers, nodeAnswers } from '../support/answers.ts'
import { fetchServers, nodeServers, type Served } from '../support/frameworks.ts'
import { codeIn, connectTo } from '../support/raw.ts'
import { stores } from '../support/stores.ts'
import { disposable, gate, until } from '../support/wait.ts'
import { buy, createWorld, type World } from '../support/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

/** A store that is asked to commit, and answers when it is told to. */
function slowStore(inner: Store) {
  const answers = gate()
  let asked = 0
  const store: Store = {
    ...inner,
    async commit(...terms) {
      asked++
      await answers.promise
      return inner.commit(...terms)
    },
  }
  return { store, asked: () => asked, acknowledge: () => answers.open() }
}

/** Gives the server every chance to send: it answers another request, over another connection, and again. */
async function chanceToSend({ url }: Pick<Served, 'url'>) {
  for (let i = 0; i < 3; i++) await (await fetch(`${url}/other`)).text()
}

const request = (method: string, headers: { 'PAYMENT-SIGNATURE': string }) => [
  `${method} /report HTTP/1.1`,
  'Host: shop',
  `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`,
]

describe.each(nodeServers)('R15 over $name', ({ serve, isExpress }) => {
  const ways = Object.entries({ ...nodeAnswers, ...(isExpress ? expressAnswers : {}) })

  test.each(ways)('%s: no byte leaves before the store has acknowledged', async (_name, { answer, method = 'GET' }) => {
    const { store, asked, acknowledge } = slowStore(memoryStore())
    await using app = disposable(await serve({ ...world.options, store }, answer))
    const { headers } = await buy(world.buyer, `${app.url}/report`, { method })
    const client = await connectTo(app.url)
    client.send(request(method, headers))
    await until(() => asked() === 1)
    await chanceToSend(app)
    expect(client.pending()).toBe('')
    acknowledge()
    expect((await client.next({ head: method === 'HEAD' })).headers.get('payment-response')).toBeDefined()
    client.close()
  })

  test('two requests on one connection: neither is answered before its own acknowledgement', async () => {
    const { store, asked, acknowledge } = slowStore(memoryStore())
    await using app = disposable(await serve({ ...world.options, store }, (_req, res) => res.end('content')))
    const proofs = [await buy(world.buyer, `${app.url}/report`), await buy(world.buyer, `${app.url}/report`)]
    const client = await connectTo(app.url)
    for (const { headers } of proofs) client.send(request('GET', headers))
    await until(() => asked() === 2)
    await chanceToSend(app)
    expect(client.pending()).toBe('')
    acknowledge()
    for (const { hash } of proofs) {
      const { status, body, headers } = await client.next()
      expect([status, body]).toEqual([200, 'content'])
      expect(atob(headers.get('payment-response')?.[0] ?? '')).toContain(hash)
    }
    client.close()
  })

  test('what was written while the store was asked leaves in its order, and what follows after it', async () => {
    const { store, asked, acknowledge } = slowStore(memoryStore())
    const goOn = gate()
    await using app = disposable(
      await serve({ ...world.options, store }, async (_req, res) => {
        for (let i = 0; i < 50; i++) res.write(`${i},`)
        await goOn.promise
        for (let i = 50; i < 100; i++) res.write(`${i},`)
        res.end()
      }),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = fetch(`${app.url}/report`, { headers })
    await until(() => asked() === 1)
    acknowledge()
    const response = await answer // its head has left, so the first half has
    goOn.open()
    expect(await response.text()).toBe(Array.from({ length: 100 }, (_, i) => `${i},`).join(''))
  })

  test('a producer that waits for drain is held up with the store, and goes on after it', async () => {
    const { store, asked, acknowledge } = slowStore(memoryStore())
    let produced = 0
    await using app = disposable(
      await serve({ ...world.options, store }, async (_req, res) => {
        for (; produced < 20; produced++) {
          if (!res.write('x'.repeat(1_000))) await new Promise((resolve) => res.once('drain', resolve))
        }
        res.end()
      }),
    )
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = fetch(`${app.url}/report`, { headers })
    await until(() => asked() === 1)
    await chanceToSend(app)
    expect(produced).toBe(0) // waiting after the first piece
    acknowledge()
    expect((await (await answer).text()).length).toBe(20_000)
  })

  const writers = Object.entries(nodeAnswers).filter(([name]) =>
    ['end(text)', 'write and end', 'flushHeaders, and the body later', 'a stream, piped', '204', 'HEAD'].includes(name),
  )
  test.each(writers)('%s: when the claim was lost to another, nothing of the content leaves', async (_name, way) => {
    const store: Store = { ...memoryStore(), commit: async () => false }
    await using app = disposable(await serve({ ...world.options, store }, way.answer))
    const method = way.method ?? 'GET'
    const { headers } = await buy(world.buyer, `${app.url}/report`, { method })
    const client = await connectTo(app.url)
    client.send(request(method, headers))
    const answer = await client.next({ head: method === 'HEAD' })
    expect([answer.status, answer.headers.has('x-first')]).toEqual([503, false])
    if (method !== 'HEAD') expect(codeIn(answer.body)).toBe('store_unavailable')
    await chanceToSend(app)
    expect(client.pending()).toBe('')
    client.close()
  })
})

describe.each(fetchServers)('R15 over $name', ({ serve }) => {
  const responses: Readonly<Record<string, () => Response>> = {
    text: () => new Response('content'),
    JSON: () => Response.json({}),
    204: () => new Response(null, { status: 204 }),
    'a redirect': () => Response.redirect('https://example.com/'),
    'a stream': () => new Response(new Blob(['content']).stream()),
  }
  test.each(Object.entries(responses))(
    '%s: no byte leaves before the store has acknowledged',
    async (_name, respond) => {
      const { store, asked, acknowledge } = slowStore(memoryStore())
      await using app = disposable(await serve({ ...world.options, store }, respond))
      const { headers } = await buy(world.buyer, `${app.url}/report`)
      const client = await connectTo(app.url)
      client.send(request('GET', headers))
      await until(() => asked() === 1)
      await chanceToSend(app)
      expect(client.pending()).toBe('')
      acknowledge()
      expect((await client.next()).headers.get('payment-response')).toBeDefined()
      client.close()
    },
  )

  test('when the claim was lost to another, nothing of the content leaves', async () => {
    const store: Store = { ...memoryStore(), commit: async () => false }
    await using app = disposable(await serve({ ...world.options, store }, () => new Response('content')))
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = await fetch(`${app.url}/report`, { headers })
    expect([answer.status, codeIn(await answer.text())]).toEqual([503, 'store_unavailable'])
  })
})

/** The commit, asked until it is answered: by a real store underneath, through a connection that fails. */
describe.each(
  [...nodeServers.slice(0, 1), ...fetchServers].flatMap((server) => stores.map((store) => ({ server, ...store }))),
)('R15 over $server.name with $store', ({ server, open }) => {
  const content = 'the content'
  const respond =
    server.name === 'Express 5'
      ? (_req: unknown, res: { end(text: string): void }) => res.end(content)
      : () => new Response(content)
  const serveWith = async (store: Store, leaseMs: number) =>
    disposable(await server.serve({ ...world.options, store, leaseMs }, respond as never))

  test('a commit that fails is asked again, and the answer leaves once it succeeded', async () => {
    const inner = await open()
    let failures = 0
    const commit: Store['commit'] = async (...terms) => {
      if (++failures <= 3) throw new StoreError('The store is away.')
      return inner.commit(...terms)
    }
    await using app = await serveWith({ ...inner, commit }, 5_000)
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = await fetch(`${app.url}/report`, { headers })
    expect([answer.status, await answer.text()]).toEqual([200, content])
    const again = await fetch(`${app.url}/report`, { headers })
    expect([again.status, codeIn(await again.text()), app.runs()]).toEqual([402, 'payment_already_spent', 1])
  })

  test.each([
    ['that was never answered', () => new Promise<never>(() => {})],
    ['that failed to the end of the lease', () => Promise.reject(new StoreError('The store is away.'))],
  ])('a commit %s cuts the answer short: 503, none of the content, and no second grant', async (_name, commit) => {
    const inner = await open()
    await using app = await serveWith({ ...inner, commit }, 300)
    const { headers } = await buy(world.buyer, `${app.url}/report`)
    const answer = await fetch(`${app.url}/report`, { headers })
    const body = await answer.text()
    expect([answer.status, codeIn(body)]).toEqual([503, 'store_unavailable'])
    expect(body).not.toContain(content)
    expect(answer.headers.get('payment-response')).toBeNull()
    expect(app.runs()).toBe(1)
  })
})
