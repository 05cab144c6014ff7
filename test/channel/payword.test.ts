import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChain, hashDown, isOfChain, MAX_K } from '../../src/channel/payword.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const salt = new Uint8Array(16).fill(3)
const seed = new Uint8Array(32).fill(9)

test('a step is SHA-256 over nc1, salt and token', () => {
  fc.assert(
    fc.property(bytes(16), bytes(32), (salt, token) => {
      const expected = createHash('sha256').update('nc1').update(salt).update(token).digest()
      expect(Buffer.from(hashDown(salt, token, 1))).toEqual(expected)
    }),
  )
})

describe('a chain', () => {
  test.each([1, 2, 3, 4, 5, 99, 100, 101, 1_000])('of %i tokens gives each of them in any order', async (maxK) => {
    const chain = await createChain({ seed, salt, maxK })
    const expected = Array.from({ length: maxK + 1 }, (_, k) => hashDown(salt, seed, maxK - k))
    const shuffled = [...expected.keys()].sort((a, b) => ((a * 7919) % (maxK + 1)) - ((b * 7919) % (maxK + 1)))
    for (const k of shuffled) expect(chain.token(k), `token ${k}`).toEqual(expected[k])
    expect(chain.token(0)).toEqual(chain.root)
  })

  test('cannot be had longer than a server takes it, nor asked for what it has not', async () => {
    for (const maxK of [0, -1, 1.5, Number.NaN, MAX_K + 1]) {
      await expect(createChain({ seed, salt, maxK })).rejects.toMatchObject({ code: 'ERR_INVALID_VALUE' })
    }
    const chain = await createChain({ seed, salt, maxK: 5 })
    for (const k of [-1, 6, 0.5, Number.NaN]) expect(() => chain.token(k)).toThrow('Not a token')
  })

  test('of 2^20 tokens takes under 2 s and holds under 1 MB', async () => {
    const startMs = performance.now()
    const before = process.memoryUsage().arrayBuffers
    const chain = await createChain({ seed, salt, maxK: MAX_K })
    for (let k = 1; k <= 5_000; k++) chain.token(k)
    expect(performance.now() - startMs).toBeLessThan(2_000)
    // Two segments and the checkpoints, of 1,024 tokens each.
    collectGarbage()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
    expect(hashDown(salt, chain.token(1_000), 1_000)).toEqual(chain.root)
  })
})

describe('a token', () => {
  test('is of the chain, whichever of the two came first', async () => {
    const chain = await createChain({ seed, salt, maxK: 200 })
    const at = (k: number) => ({ k, token: chain.token(k) })
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), (a, b) => {
        expect(isOfChain(salt, at(a), at(b))).toBe(true)
      }),
    )
  })

  test('with one bit flipped, under another number, or of another salt is not', async () => {
    const chain = await createChain({ seed, salt, maxK: 200 })
    const known = { k: 50, token: chain.token(50) }
    fc.assert(
      fc.property(fc.nat(200), fc.nat(255), (k, bit) => {
        const token = chain.token(k)
        token[bit >> 3] = (token[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(isOfChain(salt, known, { k, token })).toBe(false)
        expect(isOfChain(salt, known, { k: k + 1, token: chain.token(k) })).toBe(false)
        if (k !== 50) expect(isOfChain(new Uint8Array(16), known, { k, token: chain.token(k) })).toBe(false)
      }),
    )
  })
})
