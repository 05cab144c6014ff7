import { blake2b } from '@noble/hashes/blake2.js'
import fc from 'fast-check'
import {
  addressToPublicKey,
  blockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  hashBlock,
  isSignedByAccount,
  isValidWork,
  nanoAddress,
  parseBlock,
  parseRaw,
  privateKey,
  publicKey,
  publicKeyToAddress,
  raw,
  type StateBlock,
  type StateBlockContent,
  signature,
  signBlock,
  signHash,
  WORK_THRESHOLDS,
  work,
  workDifficulty,
  workRoot,
  ZERO_HASH,
} from 'nano402/nano'
import { describe, expect, test } from 'vitest'
import vectors from '../vectors/blocks.json' with { type: 'json' }
import { blockContent, bytesOf, hex32, upperHex } from './arbitraries.ts'

const REFUSED = expect.objectContaining({ code: expect.stringMatching(/^ERR_(INVALID_VALUE|AMOUNT)$/) })

/** A vector's block as parts; the older vectors spell accounts xrb_. */
const contentOf = (block: (typeof vectors.stateBlocks)[number]['block']): StateBlockContent => ({
  account: nanoAddress(block.account),
  previous: blockHash(block.previous),
  representative: nanoAddress(block.representative),
  balance: parseRaw(block.balance),
  link: block.link.toUpperCase(),
})

/** The hash by another library, over the 176 bytes that the protocol names. */
const hashByNoble = (block: StateBlockContent) =>
  upperHex(
    blake2b(
      bytesOf(
        '6'.padStart(64, '0') +
          addressToPublicKey(block.account) +
          block.previous +
          addressToPublicKey(block.representative) +
          block.balance.toString(16).padStart(32, '0') +
          block.link,
      ),
      { dkLen: 32 },
    ),
  )
const parsedState = (json: unknown) => {
  const parsed = parseBlock(json)
  if (parsed.type !== 'state') throw new Error('not a state block')
  return parsed
}

describe('state blocks', () => {
  test.each(vectors.stateBlocks)('$hash is the hash', (v) => {
    const content = contentOf(v.block)
    expect(hashBlock(content)).toBe(v.hash)
    expect(upperHex(blake2b(bytesOf(v.preimage), { dkLen: 32 }))).toBe(v.hash)
    expect(addressToPublicKey(content.account)).toBe(v.publicKey.toUpperCase())
  })

  const signed = vectors.stateBlocks.filter((v) => 'signatureValid' in v)
  test.each(signed)('$hash: the signature is $signatureValid', (v) => {
    const block = parsedState(v.block)
    expect(block.hash).toBe(v.hash)
    expect(isSignedByAccount(block)).toBe(v.signatureValid)
  })
  test.each(signed)('$hash: the work is $workDifficulty', (v) => {
    const block = parsedState(v.block)
    const nonce = work(block.work)
    const { send, receive } = WORK_THRESHOLDS['nano:mainnet']
    expect(workRoot(block)).toBe(v.workRoot?.toUpperCase())
    expect(workDifficulty(workRoot(block), nonce)).toBe(v.workDifficulty)
    expect(isValidWork(workRoot(block), nonce, send)).toBe(v.workValidSend)
    expect(isValidWork(workRoot(block), nonce, receive)).toBe(v.workValidReceive)
  })
  test.each(vectors.stateBlocks.filter((v) => 'deterministicSignature' in v))('$hash is signed the same', (v) => {
    const key = privateKey(v.privateKey)
    expect(derivePublicKey(key)).toBe(v.publicKey.toUpperCase())
    expect(signBlock(contentOf(v.block), key).signature).toBe(v.deterministicSignature?.toUpperCase())
    expect(v.block.signature?.toUpperCase() === v.deterministicSignature?.toUpperCase()).toBe(
      v.signatureIsDeterministic,
    )
  })
  test.each(vectors.stateBlocks.filter((v) => 'link_as_account' in v))('$hash names its link as an account', (v) => {
    expect(blockToJson(parsedState(v.block)).link_as_account).toBe(v.link_as_account)
  })

  test('the hash is what another library makes of the same fields', () => {
    fc.assert(
      fc.property(blockContent, (block) => {
        expect(hashBlock(block)).toBe(hashByNoble(block))
      }),
    )
  })
  test('a block is read back from its JSON, hash included', () => {
    const signatureAndWork = fc.record({
      signature: fc.tuple(hex32, hex32).map(([a, b]) => signature(a + b)),
      work: fc.option(
        hex32.map((hex) => work(hex.slice(0, 16))),
        { nil: undefined },
      ),
    })
    fc.assert(
      fc.property(blockContent, signatureAndWork, (content, rest) => {
        const block: StateBlock = { type: 'state', ...content, ...rest }
        const json = JSON.parse(JSON.stringify(blockToJson(block)))
        expect(parseBlock(json)).toEqual({ ...block, hash: hashBlock(content) })
      }),
    )
  })
  test('another spelling of accounts and hex is the same block', () => {
    const json = blockToJson(signBlock(BLOCK, KEY, work('0'.repeat(16))))
    const spelled = {
      ...json,
      account: json.account.replace('nano_', 'xrb_'),
      previous: json.previous.toLowerCase(),
      link: json.link.toLowerCase(),
      signature: json.signature.toLowerCase(),
    }
    expect(parseBlock(spelled)).toEqual(parseBlock(json))
  })
  test('the hash changes with every field that it covers, and with no other', () => {
    const other = publicKeyToAddress(publicKey('7'.repeat(64)))
    const changes: readonly Partial<StateBlockContent>[] = [
      { account: other },
      { previous: ZERO_HASH },
      { representative: other },
      { balance: raw(BLOCK.balance + 1n) },
      { link: '7'.repeat(64) },
    ]
    const hashes = [BLOCK, ...changes.map((change) => ({ ...BLOCK, ...change }))].map(hashBlock)
    expect(new Set(hashes).size).toBe(6)
    const json = blockToJson(signBlock(BLOCK, KEY))
    const dressed = {
      ...json,
      work: 'f'.repeat(16),
      signature: '0'.repeat(128),
      link_as_account: other,
      hash: 'x',
      amount: '1',
    }
    expect(parseBlock(dressed)).toMatchObject({ hash: hashBlock(BLOCK), link: BLOCK.link })
  })
  test('a block is signed with its own account’s key or not at all', () => {
    expect(isSignedByAccount(signBlock(BLOCK, KEY))).toBe(true)
    expect(isSignedByAccount({ ...signBlock(BLOCK, KEY), balance: raw(BLOCK.balance + 1n) })).toBe(false)
    expect(() => signBlock(BLOCK, derivePrivateKey('1'.repeat(64), 0))).toThrow(REFUSED)
  })
  test('the work of a first block is computed over the account, of any other over the previous', () => {
    expect(workRoot(BLOCK)).toBe(BLOCK.previous)
    expect(workRoot({ ...BLOCK, previous: ZERO_HASH })).toBe(derivePublicKey(KEY))
  })
})

const KEY = derivePrivateKey('0'.repeat(64), 0)
const BLOCK: StateBlockContent = {
  account: publicKeyToAddress(derivePublicKey(KEY)),
  previous: blockHash('AB'.repeat(32)),
  representative: publicKeyToAddress(publicKey('C'.repeat(64))),
  balance: parseRaw('1234'),
  link: 'DE'.repeat(32),
}

describe('blocks from outside', () => {
  const json = blockToJson(signBlock(BLOCK, KEY, work('0123456789abcdef')))
  const bad = [
    '',
    ' ',
    'x',
    '0',
    '0x00',
    null,
    0,
    1,
    true,
    [],
    {},
    ['0'.repeat(64)],
    `${'0'.repeat(63)}g`,
    '0'.repeat(65),
  ]

  for (const field of ['account', 'previous', 'representative', 'balance', 'link', 'signature', 'work'] as const) {
    test.each(bad)(`a ${field} of %j is refused`, (value) => {
      if (field === 'balance' && value === '0') return expect(parseBlock({ ...json, balance: '0' })).toBeTruthy()
      expect(() => parseBlock({ ...json, [field]: value })).toThrow(REFUSED)
    })
  }
  test.each(['account', 'previous', 'representative', 'balance', 'link', 'signature'])(
    'a missing %s is refused',
    (field) => {
      expect(() => parseBlock({ ...json, [field]: undefined })).toThrow(REFUSED)
    },
  )
  test.each(['1e3', '-1', '+1', '01', '1.0', '0x10', '٣', 2n ** 128n, String(2n ** 128n)])(
    'a balance of %s is refused',
    (balance) => {
      expect(() => parseBlock({ ...json, balance })).toThrow(REFUSED)
    },
  )
  test.each(['State', 'epoch', '', undefined, null, '__proto__', 'utx'])('a type of %j is refused', (type) => {
    expect(() => parseBlock({ ...json, type })).toThrow(REFUSED)
  })
  test('whatever is no block is refused with a stable code and nothing else', () => {
    const type = fc.constantFrom('state', 'open', 'send', 'receive', 'change')
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(() => parseBlock(value)).toThrow(REFUSED)
      }),
    )
    fc.assert(
      fc.property(type, fc.dictionary(fc.constantFrom(...Object.keys(json)), fc.anything()), (type, fields) => {
        expect(() => parseBlock({ ...fields, type })).toThrow(REFUSED)
      }),
    )
  })
})

describe('legacy blocks', () => {
  test.each(vectors.legacyBlocks)('$hash, $kind', (v) => {
    const account = publicKeyToAddress(publicKey(v.publicKey))
    const json = {
      type: 'open',
      source: v.publicKey,
      representative: account,
      account,
      signature: v.signature,
      work: v.work,
    }
    expect(parseBlock(json)).toEqual({ type: 'open', previous: ZERO_HASH, hash: v.hash, balance: undefined })
    expect(workDifficulty(v.workRoot, work(v.work))).toBe(v.workDifficulty)
  })
  test('each kind is hashed over its own fields, as another library does it', () => {
    const fields = fc.record({ previous: hex32, source: hex32, account: hex32, representative: hex32, balance: hex32 })
    fc.assert(
      fc.property(fields, ({ previous, source, account, representative, balance: digits }) => {
        const balance = digits.slice(0, 32)
        const address = (hex: string) => publicKeyToAddress(publicKey(hex))
        const json = { previous, source, balance, account: address(account), representative: address(representative) }
        const preimages = {
          open: source + representative + account,
          send: previous + account + balance,
          receive: previous + source,
          change: previous + representative,
        }
        for (const [type, preimage] of Object.entries(preimages)) {
          expect(parseBlock({ ...json, destination: json.account, type })).toEqual({
            type,
            previous: type === 'open' ? ZERO_HASH : previous,
            hash: upperHex(blake2b(bytesOf(preimage), { dkLen: 32 })),
            balance: type === 'send' ? BigInt(`0x${balance}`) : undefined,
          })
        }
      }),
    )
  })
})

test('a signature over the hash by itself is the block’s signature', () => {
  expect(signBlock(BLOCK, KEY).signature).toBe(signHash(hashBlock(BLOCK), KEY))
})
