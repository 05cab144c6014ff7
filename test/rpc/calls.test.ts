import {
  blockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  hashBlock,
  nanoAddress,
  parseRaw,
  publicKeyToAddress,
  signBlock,
  WORK_THRESHOLDS,
  type Work,
  ZERO_HASH,
} from 'nano402/nano'
import { accountInfo, blocksInfo, generateWorkRemotely, type NanoNode, publish, receivable } from 'nano402/rpc'
import { describe, expect, test } from 'vitest'
import { lookUpBlocks } from '../../src/rpc/calls.ts'
import { answering, type Fields, failure, SEND, SEND_INFO } from './support.ts'

const UNKNOWN = blockHash('AB'.repeat(32))
const ACCOUNT = nanoAddress(SEND_INFO.block_account)

describe('blocksInfo', () => {
  const show = (info: unknown) => answering({ blocks_info: () => ({ blocks: { [SEND]: info }, blocks_not_found: '' }) })
  const shown = async (changes: Fields) => (await blocksInfo(show({ ...SEND_INFO, ...changes }).node, [SEND])).get(SEND)

  test('reads a block of a real node', async () => {
    expect(await shown({})).toEqual({
      block: expect.objectContaining({ type: 'state', hash: SEND, account: ACCOUNT }),
      amount: 123456789012345678901234567890123n,
      confirmed: true,
      localTimestampMs: 1_795_222_581_000,
      subtype: 'send',
    })
  })

  test('asks once for each hash, and asks nothing for no hash', async () => {
    const { node, asked } = show(SEND_INFO)
    await blocksInfo(node, [SEND, SEND])
    expect(asked).toEqual([
      { action: 'blocks_info', parameters: { json_block: true, include_not_found: true, hashes: [SEND] } },
    ])
    expect((await blocksInfo(node, [])).size).toBe(0)
    expect(asked).toHaveLength(1)
  })

  test('takes a block for confirmed only at the word true, and not at a word that is merely there', async () => {
    const words = ['true', true, 'false', false, 'True', '1', 1, undefined, null, {}]
    const confirmed = await Promise.all(words.map(async (word) => (await shown({ confirmed: word }))?.confirmed))
    expect(confirmed).toEqual([true, true, ...Array(8).fill(false)])
  })

  test('takes a timestamp of 0, or none, for unknown', async () => {
    for (const seconds of ['0', undefined, '', 'x', '-1', '1.5', '9'.repeat(30)]) {
      expect((await shown({ local_timestamp: seconds }))?.localTimestampMs).toBeUndefined()
    }
  })

  test('knows a block that is not there from one that is not mentioned', async () => {
    const missing = answering({ blocks_info: () => ({ blocks: '', blocks_not_found: [UNKNOWN] }) })
    expect(await blocksInfo(missing.node, [UNKNOWN])).toEqual(new Map([[UNKNOWN, undefined]]))
    const silent = answering({ blocks_info: () => ({ blocks: '', blocks_not_found: '' }) })
    expect(await failure(blocksInfo(silent.node, [UNKNOWN]))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test.each<[string, unknown]>([
    ['another block', { ...SEND_INFO, contents: { ...SEND_INFO.contents, balance: '1' } }],
    ['contents as text', { ...SEND_INFO, contents: JSON.stringify(SEND_INFO.contents) }],
    ['no contents', { ...SEND_INFO, contents: undefined }],
    ['an amount that is none', { ...SEND_INFO, amount: '0x1' }],
    ['a list', [SEND_INFO]],
    ['a text', 'yes'],
    ['null', null],
  ])('calls %s under our hash no answer', async (_, info) => {
    expect(await failure(blocksInfo(show(info).node, [SEND]))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test.each([{}, { blocks: [] }, { blocks: null }, { blocks: 'none' }])('calls %j no answer', async (answer) => {
    const { node } = answering({ blocks_info: () => answer })
    expect(await failure(blocksInfo(node, [SEND]))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('one bad block spoils only itself where each is wanted for itself', async () => {
    const { node } = answering({ blocks_info: () => ({ blocks: { [SEND]: SEND_INFO, [UNKNOWN]: SEND_INFO } }) })
    const found = await lookUpBlocks(node, [SEND, UNKNOWN])
    expect(found.get(SEND)).toMatchObject({ confirmed: true })
    expect(found.get(UNKNOWN)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test.each(['Unknown command', 'Action not allowed', 'Block not found'])(
    'asks one by one where the node says "%s" to a joint question',
    async (error) => {
      const { node, asked } = answering({
        blocks_info: () => ({ error }),
        block_info: ({ hash }) => (hash === SEND ? SEND_INFO : { error: 'Block not found' }),
      })
      const found = await blocksInfo(node, [UNKNOWN, SEND])
      expect(found.get(SEND)).toMatchObject({ confirmed: true })
      expect(found.has(UNKNOWN) && found.get(UNKNOWN) === undefined).toBe(true)
      expect(asked.map(({ action }) => action)).toEqual(['blocks_info', 'block_info', 'block_info'])
    },
  )

  test('any other refusal is passed on', async () => {
    const { node } = answering({ blocks_info: () => ({ error: 'Bad hash number' }) })
    expect(await failure(blocksInfo(node, [SEND]))).toMatchObject({ nodeError: 'Bad hash number' })
  })
})

describe('accountInfo', () => {
  const INFO = {
    frontier: SEND,
    balance: '123456789012345678901234567890123',
    representative: ACCOUNT,
    confirmed_balance: '5',
    confirmed_height: '1',
    confirmed_frontier: UNKNOWN,
    confirmed_representative: ACCOUNT,
  }
  const read = (answer: unknown) => accountInfo(answering({ account_info: () => answer }).node, ACCOUNT)

  test('keeps what is confirmed apart from what is not', async () => {
    expect(await read(INFO)).toEqual({
      frontier: SEND,
      balance: 123456789012345678901234567890123n,
      representative: ACCOUNT,
      confirmedFrontier: UNKNOWN,
      confirmedBalance: 5n,
      confirmedRepresentative: ACCOUNT,
    })
  })

  test('has nothing confirmed while no block is', async () => {
    for (const confirmed_frontier of [ZERO_HASH, undefined]) {
      expect(await read({ ...INFO, confirmed_frontier })).toMatchObject({
        frontier: SEND,
        confirmedFrontier: undefined,
        confirmedBalance: undefined,
      })
    }
  })

  test('an account without blocks is undefined, and any other refusal is passed on', async () => {
    expect(await read({ error: 'Account not found' })).toBeUndefined()
    expect(await failure(read({ error: 'Bad account number' }))).toMatchObject({ code: 'ERR_NODE_REFUSED' })
  })

  test.each([{}, { ...INFO, balance: 5 }, { ...INFO, frontier: '0' }, { ...INFO, confirmed_balance: undefined }])(
    'calls %j no answer',
    async (answer) => expect(await failure(read(answer))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' }),
  )
})

describe('receivable', () => {
  const read = (answers: Parameters<typeof answering>[0]) => receivable(answering(answers).node, ACCOUNT, { count: 10 })
  const blocks = { [SEND]: '100', [UNKNOWN]: '1' }

  test('lists hashes with their amounts, confirmed ones only', async () => {
    const { node, asked } = answering({ receivable: () => ({ blocks }) })
    expect(await receivable(node, ACCOUNT, { count: 10 })).toEqual([
      { hash: SEND, amount: 100n },
      { hash: UNKNOWN, amount: 1n },
    ])
    expect(asked[0]?.parameters).toMatchObject({ account: ACCOUNT, count: '10', include_only_confirmed: true })
  })

  test('is an empty list where the node says ""', async () => {
    expect(await read({ receivable: () => ({ blocks: '' }) })).toEqual([])
  })

  test('is asked for by its old name where the new one is unknown', async () => {
    expect(await read({ pending: () => ({ deprecated: '1', blocks }) })).toHaveLength(2)
  })

  test('is no answer where amounts are missing', async () => {
    for (const wrong of [[SEND], { [SEND]: 1 }, { x: '1' }, undefined]) {
      const error = await failure(read({ receivable: () => ({ blocks: wrong }) }))
      expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    }
  })
})

describe('publish', () => {
  const key = derivePrivateKey('00'.repeat(32), 0)
  const account = publicKeyToAddress(derivePublicKey(key))
  const block = signBlock(
    { account, previous: SEND, representative: account, balance: parseRaw('7'), link: UNKNOWN },
    key,
  )
  const hash = hashBlock(block)
  const ours = {
    blocks_info: () => ({
      blocks: { [hash]: { contents: blockToJson(block), confirmed: 'false' } },
      blocks_not_found: '',
    }),
  }
  const unknown = { blocks_info: () => ({ blocks: '', blocks_not_found: [hash] }) }

  test('sends the block as JSON and gives its hash', async () => {
    const { node, asked } = answering({ process: () => ({ hash }) })
    expect(await publish(node, block, 'send')).toBe(hash)
    expect(asked[0]?.parameters).toMatchObject({ json_block: true, subtype: 'send', block: { balance: '7', account } })
  })

  test('a block that the ledger has already is published', async () => {
    expect(await publish(answering({ process: () => ({ error: 'Old block' }) }).node, block, 'send')).toBe(hash)
  })

  test.each(['Invalid block balance for given subtype', 'Gap previous block', 'Fork'])(
    'a refusal "%s" counts only if the ledger does not have the block',
    async (error) => {
      const refused = { process: () => ({ error }) }
      expect(await publish(answering({ ...refused, ...ours }).node, block, 'send')).toBe(hash)
      expect(await failure(publish(answering({ ...refused, ...unknown }).node, block, 'send'))).toMatchObject({
        code: 'ERR_NODE_REFUSED',
        nodeError: error,
      })
    },
  )

  test('another hash than ours is no answer', async () => {
    for (const wrong of [{ hash: UNKNOWN }, { hash: '' }, {}]) {
      const error = await failure(publish(answering({ process: () => wrong }).node, block, 'send'))
      expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    }
  })
})

describe('generateWorkRemotely', () => {
  const threshold = WORK_THRESHOLDS['nano:devnet'].send
  const give = (work: unknown): NanoNode => answering({ work_generate: () => ({ work }) }).node

  test('gives work that reaches the threshold', async () => {
    const work = await generateWork(SEND, threshold)
    expect(await generateWorkRemotely(give(work), SEND, threshold)).toBe(work)
  })

  test('does not believe work that was not checked', async () => {
    const weak = '0000000000000000' as Work
    expect(await failure(generateWorkRemotely(give(weak), SEND, threshold))).toMatchObject({ code: 'ERR_WORK' })
    for (const none of ['', 'zz', 7, undefined]) {
      const error = await failure(generateWorkRemotely(give(none), SEND, threshold))
      expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    }
  })
})
