import { accountInfo, receivable } from 'nano402/rpc'
import { beforeAll, describe, expect, test } from 'vitest'
import { gate } from '../../support/wait.ts'
import { createWorld, type World } from '../../support/world.ts'
import { openScene, PRICE, said, URL_ } from './support.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
const MODES = ['payword-sha256', 'voucher-ed25519'] as const

describe.each(MODES)('a payer with channels of %s', (mode) => {
  test('makes one deposit for many requests, and gets what is left back to the raw', async () => {
    const scene = await openScene({ world, shop: { channel: { modes: [mode] } } })
    const { payer, runs } = scene
    const before = (await accountInfo(world.devnet, payer.address))?.balance ?? 0n
    for (let i = 0; i < 5; i++) expect(await (await payer.fetch(URL_)).text()).toBe('paid content')
    expect(said(scene)).toEqual(['nothing', 'open', ...Array(5).fill(mode === 'payword-sha256' ? 'token' : 'voucher')])
    expect(runs()).toBe(5)
    expect(await payer.channels()).toMatchObject([{ mode, phase: 'open', charged: 5n * PRICE, authorized: 5n * PRICE }])

    const [closed] = await payer.closeChannels()
    expect(closed).toMatchObject({ charged: 5n * PRICE, refunded: (closed?.deposited ?? 0n) - 5n * PRICE })
    expect(await payer.channels()).toEqual([])
    await payer.receive()
    const after = (await accountInfo(world.devnet, payer.address))?.balance ?? 0n
    expect(before - after).toBe(5n * PRICE)
    expect(await receivable(world.devnet, payer.address, { count: 10 })).toEqual([])
  })

  test('has thirty requests under way at once, each charged once', async () => {
    const { payer, runs } = await openScene({ world, shop: { channel: { modes: [mode] } } })
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => payer.fetch(`${URL_}?n=${n}`)))
    expect(answers.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(runs()).toBe(30)
    expect(await payer.channels()).toMatchObject([{ charged: 30n * PRICE, authorized: 30n * PRICE }])
  })

  test('shows proofs for what was charged, what is under way and what it asks for, and never for more', async () => {
    const scene = await openScene({ world, shop: { channel: { modes: [mode] } } })
    let [begun, ended] = [0n, 0n]
    const excess: bigint[] = []
    scene.between = async ({ request, payload }, next) => {
      if (payload?.type !== 'token' && payload?.type !== 'voucher') return next(request)
      const reach = payload.type === 'token' ? BigInt(payload.k) * PRICE : payload.cumulative
      if (reach > begun * PRICE) excess.push(reach)
      const isServed = ++ended % 3n !== 0n
      return isServed ? next(request) : new Response(null, { status: 500 })
    }
    for (const together of [1, 5, 2, 8, 1]) {
      await Promise.all(
        Array.from({ length: together }, async (_, n) => {
          begun++
          await scene.payer.fetch(`${URL_}?n=${begun}-${n}`)
        }),
      )
    }
    expect(excess).toEqual([])
    const [channel] = await scene.payer.channels()
    expect(channel?.authorized).toBeLessThanOrEqual(begun * PRICE)
  })

  test('counts both of two payments whose answers overtake each other', async () => {
    const scene = await openScene({ world, shop: { channel: { modes: [mode] } } })
    await scene.payer.fetch(URL_)
    const [answered, mayArrive] = [gate(), gate()]
    scene.between = async ({ request }, next) => {
      const isSlow = request.url.endsWith('slow')
      const answer = await next(request)
      if (isSlow) answered.open()
      if (isSlow) await mayArrive.promise
      return answer
    }
    const slow = scene.payer.fetch(`${URL_}?slow`)
    await answered.promise
    await scene.payer.fetch(URL_)
    mayArrive.open()
    await slow
    expect(await scene.payer.channels()).toMatchObject([{ charged: 3n * PRICE }])
  })
})
