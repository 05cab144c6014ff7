import { memoryStore } from 'nano402/stores/memory'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ed25519Signer } from '#channel/ed25519'
import { proofBytes, requestHash } from '../../src/channel/binding.ts'
import { type Channels, createChannels } from '../../src/channel/channels.ts'
import { channelId } from '../../src/channel/config.ts'
import * as payword from '../../src/channel/payword.ts'
import { type Chain, createChain } from '../../src/channel/payword.ts'
import { createJudge, type JudgeProof, type Shown } from '../../src/channel/proof.ts'
import { hmacSha256 } from '../../src/channel/sha256.ts'
import { bytesToHex, hexToBytes } from '../../src/nano/hex.ts'
import { freshBlock, NOW_MS, order, paywordConfig, voucherConfig } from './support.ts'

const MAC_KEY = 'E'.repeat(64)
const UNIT = 1_000n
const REQUEST = { method: 'GET', url: 'https://api.example.com/report', bodyHash: new Uint8Array(32) }
const hashed = vi.spyOn(payword, 'isOfChain')

let clock: { nowMs: number }
let channels: Channels
let judge: JudgeProof
beforeEach(() => {
  clock = { nowMs: NOW_MS }
  const now = () => clock.nowMs
  channels = createChannels({ store: memoryStore({ now }), now })
  judge = createJudge({ channels, now })
  hashed.mockClear()
})

describe('a token', () => {
  const salt = 'C'.repeat(32)
  let chain: Chain
  let id: string
  beforeEach(async () => {
    chain = await createChain({ seed: new Uint8Array(32).fill(5), salt: hexToBytes(salt), maxK: 5_000 })
    const config = paywordConfig({ salt, root: bytesToHex(chain.root), maxK: chain.maxK, unit: String(UNIT) })
    id = channelId(config)
    await channels.open({ config, macKey: MAC_KEY }, { block: freshBlock(), amount: 10_000_000n })
  })

  /** What the payer shows for token k; `change` is done to it afterwards. */
  function shown(
    k: number,
    { paymentId = `payment ${k}`, use = 'pay' as Shown['use'] } = {},
    change: object = {},
  ): Shown {
    const kind = use === 'pay' ? 'token' : 'authorize-token'
    const said = { channelId: id, reach: String(k), paymentId, requestHash: requestHash(REQUEST) }
    const mac = bytesToHex(hmacSha256(hexToBytes(MAC_KEY))(proofBytes(kind, said)))
    const token = bytesToHex(chain.token(Math.min(k, chain.maxK)))
    return { proof: { type: 'token', channelId: id, k, token, mac, ...change }, paymentId, request: REQUEST, use }
  }
  const code = (code: string) => ({ kind: 'refused', code })
  /** Reserves and charges it. */
  async function pay(k: number): Promise<void> {
    const judged = await judge(shown(k))
    if (judged.kind !== 'genuine') throw new Error(JSON.stringify(judged))
    const held = { ...order(judged.id, judged.reach), ...judged, amount: UNIT }
    expect(await channels.authorizeAndReserve(id, held)).toBe('reserved')
    expect(await channels.charge(id, { ...held, amount: UNIT })).toBe(true)
  }

  test('is genuine in any order, and is worth k units in all', async () => {
    await pay(7)
    expect(await judge(shown(6))).toMatchObject({ kind: 'genuine', reach: 6n * UNIT })
    expect(hashed).toHaveBeenCalledTimes(2)
    expect(await judge(shown(7, { paymentId: 'another' }))).toMatchObject({ kind: 'genuine', reach: 7n * UNIT })
    expect(await judge(shown(8, { use: 'authorize' }))).toMatchObject({ kind: 'genuine', reach: 8n * UNIT })
  })

  test('with another request, payment identifier, number, use or MAC is refused, and hashes nothing', async () => {
    const one = shown(3)
    for (const wrong of [
      { ...one, paymentId: 'another' },
      { ...one, use: 'authorize' as const },
      { ...one, request: { ...REQUEST, method: 'POST' } },
      { ...one, request: { ...REQUEST, url: 'https://api.example.com/other' } },
      { ...one, request: { ...REQUEST, bodyHash: new Uint8Array(32).fill(1) } },
      shown(3, {}, { k: 4 }),
      shown(3, {}, { mac: 'A'.repeat(64) }),
      shown(5_000, {}, { mac: 'A'.repeat(64) }),
    ]) {
      expect(await judge(wrong)).toEqual(code('mac'))
    }
    expect(hashed).not.toHaveBeenCalled()
  })

  test('flipped, of another root, or under another number with a genuine MAC is no proof', async () => {
    const flipped = bytesToHex(chain.token(3)).replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    expect(await judge(shown(3, {}, { token: flipped }))).toEqual(code('proof'))
    expect(await judge(shown(3, {}, { token: bytesToHex(chain.token(4)) }))).toEqual(code('proof'))
    await pay(7)
    expect(await judge(shown(6, {}, { token: flipped }))).toEqual(code('proof'))
  })

  test('is at most 1,024 steps from the best one, the first one included, and one that is further is not hashed', async () => {
    expect(await judge(shown(1_025))).toEqual(code('step_exceeded'))
    expect(await judge(shown(5_000))).toEqual(code('step_exceeded'))
    expect(hashed).not.toHaveBeenCalled()
    await pay(1_024)
    await pay(2_048)
    expect(await judge(shown(1_023))).toEqual(code('step_exceeded'))
    expect(await judge(shown(1_024, { paymentId: 'late' }))).toMatchObject({ kind: 'genuine' })
  })

  test('that another process has gone far beyond is judged by where that one is', async () => {
    const store = memoryStore({ now: () => NOW_MS })
    const [here, there] = [createChannels({ store, now: () => NOW_MS }), createChannels({ store, now: () => NOW_MS })]
    const terms = await channels.terms(id)
    if (!terms) throw new Error('unreachable')
    await here.open(terms, { block: freshBlock(), amount: 10_000_000n })
    await there.authorize(id, { reach: 1_000n * UNIT, proof: bytesToHex(chain.token(1_000)) })
    expect(await createJudge({ channels: here })(shown(1_500))).toMatchObject({ kind: 'genuine' })
  })

  test('k = 0, k above the chain, and one of an unknown channel are refused', async () => {
    expect(await judge(shown(0))).toEqual(code('payload'))
    expect(await judge(shown(5_001))).toEqual(code('payload'))
    const unknown = shown(1, {}, { channelId: '0'.repeat(64) })
    expect(await judge(unknown)).toEqual(code('channel_not_found'))
    expect(hashed).not.toHaveBeenCalled()
  })

  test('of a payment that was charged is answered with what it cost, however far the channel has gone', async () => {
    await pay(1)
    await pay(1_025)
    await pay(2_049)
    expect(await judge(shown(1))).toMatchObject({ kind: 'answered', charged: UNIT })
    const other = { ...REQUEST, url: 'https://api.example.com/other' }
    const said = { channelId: id, reach: '1', paymentId: 'payment 1', requestHash: requestHash(other) }
    const mac = bytesToHex(hmacSha256(hexToBytes(MAC_KEY))(proofBytes('token', said)))
    expect(await judge({ ...shown(1, {}, { mac }), request: other })).toEqual(code('payment_identifier_conflict'))
  })

  test('that is far off, again and again with a genuine MAC, costs 65,536 hashes a second, and holds up no other', async () => {
    const far = shown(1_024, {}, { token: 'F'.repeat(64) })
    const codes = []
    for (let i = 0; i < 69; i++) codes.push(await judge(far)) // 64 steps of each are free
    expect(codes.slice(0, 68)).toEqual(Array(68).fill(code('proof')))
    expect(codes[68]).toEqual(code('busy'))
    await pay(1)
    clock.nowMs += 1_000
    expect(await judge(far)).toEqual(code('proof'))
  })
})

describe('a voucher', () => {
  async function opened() {
    const signer = await ed25519Signer(new Uint8Array(32).fill(8))
    const config = voucherConfig({ sessionKey: bytesToHex(signer.publicKey) })
    const id = channelId(config)
    await channels.open({ config, macKey: MAC_KEY }, { block: freshBlock(), amount: 10n ** 38n })
    const shown = async (cumulative: bigint, change: object = {}): Promise<Shown> => {
      const said = { channelId: id, reach: String(cumulative), paymentId: 'payment', requestHash: requestHash(REQUEST) }
      const statement = proofBytes('voucher', said)
      const [signature, mac] = [await signer.sign(statement), hmacSha256(hexToBytes(MAC_KEY))(statement)].map(
        bytesToHex,
      )
      if (!signature || !mac) throw new Error('unreachable')
      const proof = { type: 'voucher' as const, channelId: id, cumulative, signature, mac, ...change }
      return { proof, paymentId: 'payment', request: REQUEST, use: 'pay' }
    }
    return { id, shown }
  }

  test('is genuine for its sum, to the last digit', async () => {
    const { shown } = await opened()
    expect(await judge(await shown(10n ** 38n - 1n))).toMatchObject({ kind: 'genuine', reach: 10n ** 38n - 1n })
  })
  test('that its own client signed falsely is no proof', async () => {
    const { shown } = await opened()
    expect(await judge(await shown(1_000n, { signature: 'A'.repeat(128) }))).toEqual({ kind: 'refused', code: 'proof' })
  })
  test('with another sum, request, identifier, use or MAC is refused, and no signature is checked', async () => {
    const { shown } = await opened()
    const one = await shown(1_000n)
    for (const wrong of [
      await shown(1_000n, { cumulative: 1_001n }),
      await shown(1_000n, { mac: 'A'.repeat(64), signature: 'A'.repeat(128) }),
      { ...one, paymentId: 'another' },
      { ...one, use: 'authorize' as const },
      { ...one, request: { ...REQUEST, method: 'POST' } },
    ]) {
      expect(await judge(wrong)).toEqual({ kind: 'refused', code: 'mac' })
    }
  })
  test('pays no channel that was opened for tokens, nor a token one for vouchers', async () => {
    const { id, shown } = await opened()
    const token = { type: 'token' as const, channelId: id, k: 1, token: 'A'.repeat(64), mac: 'A'.repeat(64) }
    expect(await judge({ ...(await shown(1n)), proof: token })).toEqual({ kind: 'refused', code: 'payload' })
    const config = paywordConfig()
    await channels.open({ config, macKey: MAC_KEY }, { block: freshBlock(), amount: 5n })
    const other = await shown(1n, { channelId: channelId(config) })
    expect(await judge(other)).toEqual({ kind: 'refused', code: 'payload' })
  })
})
