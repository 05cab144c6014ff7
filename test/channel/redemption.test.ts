/** What a payee keeps of a channel is what an issuer takes, whatever it was shown for. */
import { memoryStore } from 'nano402/stores/memory'
import { describe, expect, test } from 'vitest'
import { ed25519Signer } from '#channel/ed25519'
import { proofBytes, requestHash } from '../../src/channel/binding.ts'
import { createChannels } from '../../src/channel/channels.ts'
import { type ChannelConfig, channelId } from '../../src/channel/config.ts'
import { createChain, MAX_K } from '../../src/channel/payword.ts'
import { createJudge, lastProofOf, type Shown } from '../../src/channel/proof.ts'
import { judgeLastProof, readLastProof } from '../../src/channel/redemption.ts'
import { hmacSha256 } from '../../src/channel/sha256.ts'
import { bytesToHex, hexToBytes } from '../../src/nano/hex.ts'
import { freshBlock, NOW_MS, order, paywordConfig, voucherConfig } from './support.ts'

const REQUEST = { method: 'GET', url: '/report', bodyHash: new Uint8Array(32) }
const MAC_KEY = 'E'.repeat(64)
const SALT = 'C'.repeat(32)
const PAYMENT_ID = 'an:identifier:with:colons'
const mac = hmacSha256(hexToBytes(MAC_KEY))

/** Has a payee judge a proof, and gives what it has to show for it. */
async function kept(
  config: ChannelConfig,
  use: Shown['use'],
  make: (bytes: Uint8Array) => Promise<Shown['proof']>,
  reach: string,
) {
  const now = () => NOW_MS
  const channels = createChannels({ store: memoryStore({ now }), now })
  await channels.open({ config, macKey: MAC_KEY }, { block: freshBlock(), amount: 10_000_000n })
  const id = channelId(config)
  const type = config.mode === 'payword-sha256' ? 'token' : 'voucher'
  const kind = use === 'pay' ? type : (`authorize-${type}` as const)
  const said = { channelId: id, reach, paymentId: PAYMENT_ID, requestHash: requestHash(REQUEST) }
  const proof = await make(proofBytes(kind, said))
  const judged = await createJudge({ channels, now })({ proof, paymentId: PAYMENT_ID, request: REQUEST, use })
  if (judged.kind !== 'genuine') throw new Error(JSON.stringify(judged))
  if (use === 'pay') await channels.authorizeAndReserve(id, { ...order('1', judged.reach), ...judged, amount: 1n })
  else await channels.authorize(id, judged)
  const state = await channels.state(id)
  return state && readLastProof(lastProofOf(config, state))
}

describe.each(['pay', 'authorize'] as const)('shown to %s', (use) => {
  test('a token is worth its number in units', async () => {
    const chain = await createChain({ seed: new Uint8Array(32).fill(5), salt: hexToBytes(SALT), maxK: 1_000 })
    const config = paywordConfig({ salt: SALT, root: bytesToHex(chain.root) })
    const id = channelId(config)
    const token = bytesToHex(chain.token(77))
    const make = async (bytes: Uint8Array) =>
      ({ type: 'token', channelId: id, k: 77, token, mac: bytesToHex(mac(bytes)) }) as const
    const proof = await kept(config, use, make, '77')
    expect(proof && (await judgeLastProof(config, proof))).toBe(77n * BigInt(config.unit))
    expect(proof && (await judgeLastProof(voucherConfig(), proof))).toBe('wrong_mode')
  })

  test('a voucher is worth what it says', async () => {
    const { publicKey, sign } = await ed25519Signer(new Uint8Array(32).fill(6))
    const config = voucherConfig({ sessionKey: bytesToHex(publicKey) })
    const id = channelId(config)
    const make = async (bytes: Uint8Array) => {
      const signature = bytesToHex(await sign(bytes))
      return { type: 'voucher', channelId: id, cumulative: 9_999n, signature, mac: bytesToHex(mac(bytes)) } as const
    }
    const proof = await kept(config, use, make, '9999')
    expect(proof && (await judgeLastProof(config, proof))).toBe(9_999n)
    expect(proof && (await judgeLastProof(paywordConfig(), proof))).toBe('wrong_mode')
    expect(proof && (await judgeLastProof({ ...config, nonce: 'another' }, proof))).toBe('proof')
  })
})

test('the last token of the longest chain is judged without holding up anybody, and rubbish in its place is rubbish', async () => {
  const config = paywordConfig({ maxK: MAX_K, unit: '1' })
  let turns = 0
  const ticking = setInterval(() => turns++)
  expect(await judgeLastProof(config, { k: MAX_K, token: 'A'.repeat(64) })).toBe('proof')
  clearInterval(ticking)
  expect(turns).toBeGreaterThan(10)
  expect(await judgeLastProof(config, { k: MAX_K + 1, token: 'A'.repeat(64) })).toBe('proof')
})

test.each([
  ['a token of 31 bytes', { k: 1, token: 'A'.repeat(62) }],
  ['a token of 33 bytes', { k: 1, token: 'A'.repeat(66) }],
  ['k = 0', { k: 0, token: 'A'.repeat(64) }],
  ['k that is no integer', { k: 1.5, token: 'A'.repeat(64) }],
  ['lower case', { k: 1, token: 'a'.repeat(64) }],
  ['a field more', { k: 1, token: 'A'.repeat(64), more: 1 }],
  ['nothing', null],
  [
    'a sum above what a block can carry, in too many digits',
    {
      cumulative: '1'.repeat(40),
      signature: 'A'.repeat(128),
      kind: 'voucher',
      paymentId: '',
      requestHash: 'A'.repeat(64),
    },
  ],
])('%s is no proof', (_, value) => {
  expect(readLastProof(value)).toBeUndefined()
})
