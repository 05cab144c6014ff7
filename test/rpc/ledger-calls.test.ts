/** What a ledger makes of a node's answers about accounts and publishing, as a real node gave them (test/node). */
import { type BlockHash, nanoAddress, parseBlock, type StateBlock } from 'nano402/nano'
import { createLedger, type LedgerOptions, type NanoNode } from 'nano402/rpc'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { NodeUnavailableError } from '../../src/errors.ts'
import { isObject, type Recording, recordings } from '../devnet/recordings.ts'
import { answering, type Fields, failure } from './support.ts'

const recorded = (name: string): Recording & { readonly request: Fields; readonly response: Fields } => {
  const found = recordings.find(({ file }) => file === name)
  if (!isObject(found?.request) || !isObject(found.response)) throw new Error(`There is no recording ${name}.`)
  return { ...found, request: found.request, response: found.response }
}

function open(node: NanoNode, options: Partial<LedgerOptions> = {}) {
  const ledger = createLedger({ node, nodes: [node], ...options })
  onTestFinished(() => ledger.close())
  return ledger
}

const sendOf = ({ block }: Fields): StateBlock & { readonly hash: BlockHash } => {
  const parsed = parseBlock(block)
  if (parsed.type !== 'state') throw new Error('Not a state block.')
  return parsed
}

/** A node that answers `process` as the real one did, and has the block or not. */
function nodeAnswering({ request, response }: ReturnType<typeof recorded>, isThere: boolean) {
  const { hash } = sendOf(request)
  const blocks = isThere ? { [hash]: { contents: request.block, confirmed: 'false' } } : ''
  return answering({
    process: () => response,
    blocks_info: ({ hashes }) => ({ blocks, blocks_not_found: isThere ? '' : hashes }),
  })
}

/** Every refusal of a send that the node is known to give, whatever hides behind it. */
const REFUSALS = [
  '118-process-send-again-old', // the block is there, and the subtype is checked before that
  '136-process-fork-of-unconfirmed-subtype',
  '228-process-err-bad-signature',
  '230-process-err-bad-signature-zero',
  '236-process-err-work-below-entry',
  '237-process-err-work-insufficient-for-send',
  '258-process-err-gap-previous-subtype',
  '294-process-err-old-block-confirmed',
  '298-process-err-fork-double-spend',
  '299-process-err-fork-double-spend-higher-balance',
]

describe('publishing', () => {
  test('a send that the node takes gives its hash, and says to the node that it is a send', async () => {
    const taken = recorded('114-process-send')
    const { node, asked } = nodeAnswering(taken, true)
    expect(await open(node).publish(sendOf(taken.request))).toBe(taken.response.hash)
    expect(asked.map(({ action, parameters }) => [action, parameters.subtype])).toEqual([['process', 'send']])
  })

  test.each(REFUSALS)('%s: whether the ledger has the block decides, and not what the node says', async (name) => {
    const refused = recorded(name)
    const block = sendOf(refused.request)
    expect(await open(nodeAnswering(refused, true).node).publish(block)).toBe(block.hash)
    const error = await failure(open(nodeAnswering(refused, false).node).publish(block))
    expect(error).toMatchObject({ code: 'ERR_NODE_REFUSED', nodeError: refused.response.error })
  })

  test('"Old block" is one that the ledger has', async () => {
    const old = recorded('119-process-send-again-old-no-subtype')
    expect(await open(nodeAnswering(old, false).node).publish(sendOf(old.request))).toBe(sendOf(old.request).hash)
  })

  test('a refusal is not known to be one while the ledger cannot be asked', async () => {
    const refused = recorded('298-process-err-fork-double-spend')
    const { node } = answering({
      process: () => refused.response,
      blocks_info: () => {
        throw new NodeUnavailableError('down')
      },
    })
    expect(await failure(open(node).publish(sendOf(refused.request)))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('the same block twice at once is handed to the node once', async () => {
    const taken = recorded('114-process-send')
    const { node, asked } = nodeAnswering(taken, true)
    const ledger = open(node)
    const block = sendOf(taken.request)
    expect(await Promise.all([ledger.publish(block), ledger.publish(block)])).toEqual([block.hash, block.hash])
    expect(asked).toHaveLength(1)
  })
})

describe('an account', () => {
  const A = nanoAddress('nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg')
  const stateIn = (name: string) => open(answering({ account_info: () => recorded(name).response }).node).account(A)

  test('whose last two blocks are not confirmed has two ends, of one answer', async () => {
    const { response } = recorded('439-partial-account_info-A-include_confirmed')
    expect(await stateIn('439-partial-account_info-A-include_confirmed')).toMatchObject({
      frontier: response.frontier,
      balance: 124358023580235802358023580235747n,
      confirmedFrontier: response.confirmed_frontier,
      confirmedBalance: 124358023580235802358023580235780n,
    })
  })

  test('that was opened by an unconfirmed block has nothing for good', async () => {
    const state = await stateIn('142-account_info-A-opened-unconfirmed-include_confirmed')
    expect(state).toMatchObject({ confirmedFrontier: undefined, confirmedBalance: undefined })
  })

  test('whose blocks are all confirmed has one end', async () => {
    const state = await stateIn('159-account_info-A-confirmed')
    expect(state?.confirmedFrontier).toBe(state?.frontier)
  })

  test('without a block is none', async () => {
    expect(await stateIn('129-account_info-A-still-unopened')).toBeUndefined()
  })

  test('is asked about with what is confirmed, and once however many want to know at once', async () => {
    const { node, asked } = answering({ account_info: () => recorded('159-account_info-A-confirmed').response })
    const ledger = open(node)
    await Promise.all([ledger.account(A), ledger.account(A), ledger.account(A)])
    expect(asked.map(({ parameters }) => parameters)).toEqual([expect.objectContaining({ include_confirmed: true })])
    await ledger.account(A)
    expect(asked).toHaveLength(2) // what was true a moment ago is not kept
  })

  test('beyond a number of questions at once is refused, and so is waiting too long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const ledger = open({ call: () => new Promise(() => {}) }, { maxCalls: 1, lookupTimeoutMs: 1_000 })
    const first = failure(ledger.account(A))
    const other = nanoAddress('nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo')
    expect(await failure(ledger.account(other))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: /Too much/ })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await first).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: /1000 ms/ })
  })
})
