/** What any `NanoNode` does for us, as cases that it passes or not. Run it over a test network: it publishes blocks. */
import { NodeRefusedError } from '../errors.ts'
import {
  addressToPublicKey,
  type BlockHash,
  blockHash,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  hashBlock,
  type NanoAddress,
  type PrivateKey,
  publicKeyToAddress,
  type Raw,
  raw,
  type StateBlock,
  type StateBlockContent,
  signBlock,
  WORK_THRESHOLDS,
  workRoot,
  ZERO_HASH,
} from '../nano/index.ts'
import { accountInfo, blocksInfo, type NodeBlock, publish, receivable } from '../rpc/calls.ts'
import type { NanoNode } from '../rpc/node.ts'
import { expectEqual } from './assert.ts'
import type { ContractCase } from './contract.ts'

/** A node under test, and a purse on its network. */
export interface NodeUnderTest {
  readonly node: NanoNode
  /** Sends this much, in raw, to the account, and gives the hash of the send. */
  fund(account: NanoAddress, amount: Raw): Promise<BlockHash>
  close(): Promise<void>
}

const CONFIRMED_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 20
const FUNDS = raw(10n ** 24n)
const UNKNOWN = blockHash('5'.repeat(64))

/**
 * The node contract. `open` is called once per case; the network's work thresholds are those of `nano:devnet`.
 *
 * @example
 * nodeContract(async () => { throw new Error('only listed here') }).length // 11
 */
export function nodeContract(open: () => Promise<NodeUnderTest>): readonly ContractCase[] {
  const withNode = (name: string, run: (tested: NodeUnderTest) => Promise<void>): ContractCase => ({
    name,
    async run() {
      const tested = await open()
      try {
        await run(tested)
      } finally {
        await tested.close()
      }
    },
  })

  return [
    withNode('a block that nobody published is not there, and that is no error', async ({ node }) => {
      expectEqual([...(await blocksInfo(node, [UNKNOWN]))], [[UNKNOWN, undefined]], 'the answer about an unknown block')
    }),

    withNode('a question about a known and an unknown block answers both', async ({ node, fund }) => {
      const hash = await fund(stranger().account, FUNDS)
      const found = await blocksInfo(node, [UNKNOWN, hash])
      expectEqual(found.get(UNKNOWN), undefined, 'the unknown block')
      expectEqual(found.get(hash)?.block.hash, hash, 'the hash of the contents of the known block')
    }),

    withNode('a hundred and twenty-eight blocks can be asked for at once', async ({ node, fund }) => {
      const hash = await fund(stranger().account, FUNDS)
      const hashes = Array.from({ length: 127 }, (_, n) => blockHash((n + 1).toString(16).padStart(64, '0')))
      const found = await blocksInfo(node, [...hashes, hash])
      expectEqual(found.get(hash)?.block.hash, hash, 'the hash of the one that is there')
      expectEqual([...found.values()].filter((block) => block !== undefined).length, 1, 'the number of blocks found')
    }),

    withNode(
      'a send is shown with its amount, its kind and when it was seen, and becomes confirmed',
      async (tested) => {
        const { block, ...shown } = await confirmed(tested.node, await tested.fund(stranger().account, FUNDS))
        expectEqual(block.type, 'state', 'the type of the send')
        const { localTimestampMs, ...rest } = shown
        expectEqual(rest, { amount: FUNDS, confirmed: true, subtype: 'send' }, 'what is said about the send')
        const ageMs = Date.now() - (localTimestampMs ?? 0)
        expectEqual(Math.abs(ageMs) < 60_000, true, 'the send to have been seen within the last minute')
      },
    ),

    withNode('an account without blocks is unknown, and has nothing to receive', async ({ node }) => {
      const { account } = stranger()
      expectEqual(await accountInfo(node, account), undefined, 'the state of the account')
      expectEqual(await receivable(node, account, { count: 10 }), [], 'what it can receive')
    }),

    withNode('a confirmed send can be received until it is', async (tested) => {
      const { node } = tested
      const { account, key } = stranger()
      const hash = await tested.fund(account, FUNDS)
      await confirmed(node, hash)
      expectEqual(await receivable(node, account, { count: 10 }), [{ hash, amount: FUNDS }], 'what can be received')
      await receive(node, { account, key }, hash)
      const left = await receivable(node, account, { count: 10 })
      expectEqual(
        left.some((send) => send.hash === hash),
        false,
        'the send to be received still',
      )
    }),

    withNode('a published block moves the account on, and is confirmed', async (tested) => {
      const { node } = tested
      const owner = stranger()
      const first = await opened(tested, owner)
      const content = sendOf(first, raw(7n))
      const hash = await publish(node, await signed(content, owner.key), 'send')
      expectEqual(hash, hashBlock(content), 'the hash that publishing gives')
      await confirmed(node, hash)
      expectEqual(
        await accountInfo(node, owner.account),
        {
          frontier: hash,
          balance: content.balance,
          representative: content.representative,
          confirmedFrontier: hash,
          confirmedBalance: content.balance,
          confirmedRepresentative: content.representative,
        },
        'the state of the account after the block',
      )
    }),

    withNode('a block can be published again: it is there', async (tested) => {
      const owner = stranger()
      const block = await signed(sendOf(await opened(tested, owner), raw(7n)), owner.key)
      const hash = await publish(tested.node, block, 'send')
      expectEqual(await publish(tested.node, block, 'send'), hash, 'the hash when published again')
      await confirmed(tested.node, hash)
      expectEqual(await publish(tested.node, block, 'send'), hash, 'the hash when published once confirmed')
    }),

    withNode(
      'a second block on the same frontier, and one that its account did not sign, are refused',
      async (tested) => {
        const owner = stranger()
        const first = await opened(tested, owner)
        const forged = { ...(await signed(sendOf(first, raw(7n)), owner.key)), signature: first.signature }
        await refused(publish(tested.node, forged, 'send'), 'a block with a false signature')
        await publish(tested.node, await signed(sendOf(first, raw(7n)), owner.key), 'send')
        const second = await signed(sendOf(first, raw(8n)), owner.key)
        await refused(publish(tested.node, second, 'send'), 'a second block on one frontier')
      },
    ),

    withNode("the node's own error text is a refusal that keeps it", async ({ node }) => {
      const error = await refused(node.call('no_such_action', {}), 'an action that does not exist')
      expectEqual(
        'nodeError' in error ? typeof error.nodeError : undefined,
        'string',
        "the type of the error's nodeError",
      )
    }),

    withNode('a call can be given up, and the next one works', async ({ node, fund }) => {
      const given = 'a call that was given up'
      const parameters = { json_block: true, hash: UNKNOWN }
      await rejection(node.call('block_info', parameters, AbortSignal.abort()), `${given} before it began`)
      const giveUp = new AbortController()
      const call = rejection(node.call('block_info', parameters, giveUp.signal), given)
      giveUp.abort()
      await call
      const hash = await fund(stranger().account, FUNDS)
      expectEqual((await blocksInfo(node, [hash])).get(hash)?.block.hash, hash, 'the block asked for afterwards')
    }),
  ]
}

interface Owner {
  readonly account: NanoAddress
  readonly key: PrivateKey
}

/** An account that nobody used before. */
function stranger(): Owner {
  const seed = [...crypto.getRandomValues(new Uint8Array(32))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
  const key = derivePrivateKey(seed, 0)
  return { account: publicKeyToAddress(derivePublicKey(key)), key }
}

const signed = async (content: StateBlockContent, key: PrivateKey): Promise<StateBlock> =>
  signBlock(content, key, await generateWork(workRoot(content), WORK_THRESHOLDS['nano:devnet'].send))

const sendOf = (block: StateBlock, amount: Raw): StateBlockContent => ({
  account: block.account,
  previous: hashBlock(block),
  representative: block.representative,
  balance: raw(block.balance - amount),
  link: addressToPublicKey(block.account),
})

/** Opens an account with what a send brings it. */
async function receive(node: NanoNode, { account, key }: Owner, link: BlockHash): Promise<StateBlock> {
  await confirmed(node, link)
  const block = await signed({ account, previous: ZERO_HASH, representative: account, balance: FUNDS, link }, key)
  await confirmed(node, await publish(node, block, 'open'))
  return block
}

const opened = async ({ node, fund }: NodeUnderTest, owner: Owner): Promise<StateBlock> =>
  receive(node, owner, await fund(owner.account, FUNDS))

async function confirmed(node: NanoNode, hash: BlockHash): Promise<NodeBlock> {
  for (const untilMs = performance.now() + CONFIRMED_WITHIN_MS; ; ) {
    const block = (await blocksInfo(node, [hash])).get(hash)
    if (block?.confirmed) return block
    if (performance.now() > untilMs) {
      throw new Error(`Expected block ${hash} to be confirmed, but it was ${block ? 'unconfirmed' : 'not there'}.`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

async function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error(`Expected ${what} to reject, but it did not.`)
}

async function refused(promise: Promise<unknown>, what: string): Promise<NodeRefusedError> {
  const error = await rejection(promise, what)
  if (!(error instanceof NodeRefusedError)) throw new Error(`Expected ${what} to be refused, but it met: ${error}`)
  return error
}
