import { createPaywall, type PaywallOptions } from 'nano402'
import { derivePublicKey, privateKey, publicKeyToAddress } from 'nano402/nano'
import { memoryStore } from 'nano402/stores/memory'
import { expect, onTestFinished, test } from 'vitest'

const KEY = '1'.repeat(64)
const SECRET_SEED = 'ABCDEF0123456789'.repeat(4)
const good = {
  network: 'nano:devnet',
  rpc: 'http://127.0.0.1:1',
  store: memoryStore(),
  price: '0.001',
  secret: 'a-secret-of-the-test-suite-0123456789abcdef',
  mechanisms: ['channel'],
  wallet: { key: KEY },
} as const
const open = (options: object) => {
  const paywall = createPaywall({ ...good, ...options } as PaywallOptions)
  onTestFinished(() => paywall.close())
  return paywall
}

test.each<[object, RegExp]>([
  [{ wallet: undefined }, /NANO402_WALLET_SEED \(option wallet\)/],
  [{ wallet: {} }, /\{ seed, index \} or \{ key \}/],
  [{ wallet: { key: KEY, seed: KEY } }, /one of the two/],
  [{ wallet: { seed: `${SECRET_SEED}00` } }, /64 hex digits/],
  [{ wallet: { key: KEY, index: -1 } }, /wallet\.index .* an integer from 0/],
  [{ wallet: { key: KEY, account: 1 } }, /Unknown option wallet\.account\. Known: seed, index, key/],
  [{ wallet: { key: KEY, representative: 'nano_1' } }, /wallet\.representative/],
  [{ channel: { minDeposit: 0.01 } }, /channel\.minDeposit .* an amount such as '0\.001'/],
  [{ channel: { minDeposit: '$1' } }, /channel\.minDeposit is no amount/],
  [{ channel: { minDeposit: '20' } }, /minDeposit <= suggestedDeposit <= maxDeposit/],
  [{ channel: { suggestedDeposit: '11' } }, /minDeposit <= suggestedDeposit <= maxDeposit/],
  [{ channel: { minDeposit: { raw: '1' } } }, /at least 0\.0000000001 XNO/],
  [{ channel: { unit: { raw: '0' } } }, /channel\.unit must be above 0/],
  [{ channel: { maxStep: 1_025 } }, /channel\.maxStep .* from 1 to 1024/],
  [{ channel: { maxK: 2 ** 20 + 1 } }, /channel\.maxK .* from 1 to 1048576/],
  [{ channel: { modes: [] } }, /channel\.modes/],
  [{ channel: { ttlSeconds: 0 } }, /channel\.ttlSeconds .* at least 1/],
  [{ channel: { ttl: 60 } }, /Unknown option channel\.ttl\. Known: modes, unit/],
  [
    { facilitator: 'https://pay.example', rpc: undefined, store: undefined, secret: undefined, mechanisms: undefined },
    /NANO402_WALLET_SEED/,
  ],
])('%j is refused at once, with what is wrong and no secret', (options, message) => {
  expect(() => open(options)).toThrow(message)
  try {
    open(options)
  } catch (error) {
    expect(String(error)).not.toContain(SECRET_SEED)
  }
})

test('channels alone need no other account to be paid at', async () => {
  const paywall = open({})
  const { payTo, schemes } = await paywall.describe()
  expect([payTo, schemes]).toEqual([publicKeyToAddress(derivePublicKey(privateKey(KEY))), ['batch-settlement']])
})
