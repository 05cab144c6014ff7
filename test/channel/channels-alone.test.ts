import { expect, test } from 'vitest'
import { createWorld } from '../support/world.ts'
import { codeOf, prepareChannel } from './client.ts'
import { openChannelShop } from './shop.ts'

test('where channels alone are offered, a payment needs an identifier, and what pays for nothing does not', async () => {
  const world = await createWorld()
  const { ask, runs } = openChannelShop(world, { mechanisms: ['channel'] })
  const channel = await prepareChannel(ask, world.buyer)
  expect((await channel.openOnly()).status).toBe(204)
  const nameless = await channel.show(await channel.proof(1, { paymentId: channel.newId() }))
  expect([nameless.status, codeOf(nameless), runs()]).toEqual([400, 'payment_identifier_required', 0])
  expect((await channel.pay(1)).status).toBe(200)
  expect((await channel.topUp(await channel.send())).status).toBe(204)
  expect((await channel.state()).status).toBe(204)
  expect((await channel.close()).status).toBe(204)
})
