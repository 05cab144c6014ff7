import { beforeAll, describe, expect, test } from 'vitest'
import { createWorld, type Purse, type World } from '../support/world.ts'
import { codeOf, outcomeOf, prepareChannel, settlementOf } from './client.ts'
import { openChannelShop } from './shop.ts'

let world: World
let purse: Purse
beforeAll(async () => {
  world = await createWorld()
  purse = world.buyer
})

const MODES = ['payword-sha256', 'voucher-ed25519'] as const

describe.each(MODES)('a channel of %s', (mode) => {
  test('is opened with its first payment, pays, and refunds what is left', async () => {
    const { ask, runs } = openChannelShop(world)
    const channel = await prepareChannel(ask, purse, { mode })
    const opened = await channel.open()
    expect([opened.status, await opened.text(), settlementOf(opened).transaction]).toEqual([
      200,
      'paid content',
      channel.block,
    ])
    for (let k = 2; k <= 5; k++) {
      const answer = await channel.pay(k)
      expect(answer.status).toBe(200)
      const outcome = outcomeOf(answer)
      expect(outcome).toMatchObject({
        chargedAmount: String(channel.unit),
        channelState: { charged: String(BigInt(k) * channel.unit), reserved: '0' },
      })
      expect(await channel.isReceipt(outcome, { path: '/report' })).toBe(true)
    }
    expect(runs()).toBe(5)
    const closed = await channel.close()
    expect([closed.status, codeOf(closed)]).toEqual([204, undefined])
  })
})
