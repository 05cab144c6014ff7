/** The integration test, pointed at a devnet: it must be right on the day somebody has a node and a seed for it. */
import { serveDevnet } from 'nano402/devnet/server'
import { expect, test, vi } from 'vitest'
import { startChild } from '../support/child.ts'

vi.setConfig({ testTimeout: 60_000 })

/** What lies in e2e.env on this machine is not for this. */
const start = (env: Record<string, string>) =>
  startChild('npm', ['run', '--silent', 'test:integration'], { env: { E2E_ENV_FILE: '', ...env } })

test('it refuses to start without a network, a node and a seed, and names what is missing', async () => {
  await using nothing = start({})
  expect(await nothing.ended).toBe(1)
  for (const name of ['NANO402_NETWORK', 'NANO402_RPC_URL', 'NANO402_SEED', 'This spends XNO']) {
    expect(nothing.output()).toContain(name)
  }
})

test('it says what it spends, and sells and pays on the node that it is given', async () => {
  const { url, devnet, close } = await serveDevnet({ confirmMs: 20 })
  try {
    const { seed, account } = await devnet.fundedSeed()
    await using integration = start({
      NANO402_NETWORK: 'nano:devnet',
      NANO402_RPC_URL: url,
      NANO402_SEED: seed,
      NANO402_WORK: 'cpu',
    })
    expect(await integration.ended, integration.output()).toBe(0)
    expect(integration.output()).toContain(
      `This spends XNO on nano:devnet: 0.000021 at most, sent from ${account} to nano_`,
    )
    expect(integration.output()).not.toContain(seed)
    expect(devnet.asked('process')).toBe(2)
  } finally {
    await close()
  }
})
