import { createDevnet, DEVNET_GENESIS_ACCOUNT, type Devnet } from 'nano402/devnet'
import {
  addressToPublicKey,
  type BlockHash,
  blockHash,
  blockToJson,
  derivePrivateKey,
  derivePublicKey,
  parseBlock,
  parseRaw,
  publicKeyToAddress,
  raw,
  signBlock,
  ZERO_HASH,
} from 'nano402/nano'
import {
  accountInfo,
  type ConfirmationFeed,
  createLedger,
  type FeedListener,
  type LedgerOptions,
  type NanoNode,
} from 'nano402/rpc'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { ConfigError, NodeUnavailableError } from '../../src/errors.ts'
import { answering, change, type Fields, failure, PAYEE, pay, SEND, SEND_INFO } from './support.ts'

const unknownHash = (n: number) => blockHash(n.toString(16).padStart(64, '0'))
const UNKNOWN = unknownHash(1)

function devnet(): Devnet {
  const net = createDevnet({ confirmMs: 0 })
  onTestFinished(() => net.close())
  return net
}

/** The same node, with its questions written down, and its answers delayed or changed on request. */
function watched(node: NanoNode) {
  const asked: BlockHash[][] = []
  const control = {
    /** Answers wait for it. */
    gate: undefined as Promise<void> | undefined,
    lie: (hash: string, info: Fields): Fields => (hash ? info : info),
  }
  const spied: NanoNode = {
    async call(action, parameters, signal) {
      const { hashes } = parameters
      if (action === 'blocks_info' && Array.isArray(hashes)) asked.push(hashes)
      const answer = await node.call(action, parameters, signal)
      await control.gate
      if (typeof answer.blocks !== 'object') return answer
      const blocks = Object.entries(answer.blocks as Record<string, Fields>)
      return { ...answer, blocks: Object.fromEntries(blocks.map(([hash, info]) => [hash, control.lie(hash, info)])) }
    },
  }
  return { node: spied, asked, control }
}

function open(node: NanoNode, options: Partial<LedgerOptions> = {}) {
  const ledger = createLedger({ node, nodes: [node], pollMs: 10, ...options })
  onTestFinished(() => ledger.close())
  return ledger
}

function gate() {
  let open = () => {}
  const closed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { closed, open }
}

/** Lets everything run that waits for nothing. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('find', () => {
  test('shows what a payment sent, to whom, and that it is confirmed', async () => {
    const net = devnet()
    const payer = await net.fundedSeed()
    const hash = await pay(net, payer, raw(12345n))
    expect(await open(net).find(hash)).toMatchObject({
      block: expect.objectContaining({ hash, account: payer.account, link: addressToPublicKey(PAYEE) }),
      sent: 12345n,
      confirmed: true,
      localTimestampMs: expect.any(Number),
    })
  })

  test('is undefined for a block that the node has not seen', async () => {
    expect(await open(devnet()).find(UNKNOWN)).toBeUndefined()
  })

  test('calls nothing but a send a send', async () => {
    const net = devnet()
    const payer = await net.fundedSeed()
    await change(net, payer)
    const ledger = open(net)
    const kinds = new Map<unknown, boolean>()
    for (const account of [payer.account, DEVNET_GENESIS_ACCOUNT]) {
      let hash = (await accountInfo(net, account))?.frontier
      while (hash !== undefined && hash !== ZERO_HASH) {
        const found = await ledger.find(hash)
        const { contents, subtype } = await net.call('block_info', { hash, json_block: true })
        kinds.set(subtype ?? (contents as Fields).type, found?.sent !== undefined)
        hash = found?.block.previous
      }
    }
    expect(Object.fromEntries(kinds)).toEqual({ receive: false, change: false, send: true, epoch: false, open: false })
  })

  test('asks once for all that one tick wants, and once for the blocks before them', async () => {
    const net = devnet()
    const { node, asked } = watched(net)
    const hashes: BlockHash[] = []
    for (let i = 0; i < 10; i++) hashes.push(await net.faucet(PAYEE, raw(BigInt(i + 1))))
    const ledger = open(node)
    const blocks = await Promise.all(hashes.map((hash) => ledger.find(hash)))
    expect(blocks.map((block) => block?.sent)).toEqual(hashes.map((_, i) => BigInt(i + 1)))
    expect(asked.map((batch) => batch.length)).toEqual([10, 1])
  })

  test('asks once however many want the same block, also while the question is out', async () => {
    const net = devnet()
    const { node, asked, control } = watched(net)
    const { closed, open: release } = gate()
    control.gate = closed
    const ledger = open(node)
    const first = Array.from({ length: 250 }, () => ledger.find(UNKNOWN))
    await settle()
    const second = Array.from({ length: 250 }, () => ledger.find(UNKNOWN))
    release()
    expect(await Promise.all([...first, ...second])).toEqual(Array(500).fill(undefined))
    expect(asked).toEqual([[UNKNOWN]])
  })

  test('gathers while a question is out, up to a bound, and refuses beyond it', async () => {
    const { node, asked, control } = watched(devnet())
    const { closed, open: release } = gate()
    control.gate = closed
    const ledger = open(node, { maxBatch: 4 })
    const out = ledger.find(unknownHash(1))
    await settle()
    const gathered = [2, 3, 4, 5].map((n) => ledger.find(unknownHash(n)))
    expect(await failure(ledger.find(unknownHash(6)))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    const shared = ledger.find(unknownHash(5))
    release()
    expect(await Promise.all([out, ...gathered, shared])).toEqual(Array(6).fill(undefined))
    expect(asked.map((batch) => batch.length)).toEqual([1, 4])
  })

  test('knows a confirmed block from then on, and asks nobody', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    const { node, asked } = watched(net)
    const ledger = open(node)
    expect(ledger.peek(hash)).toBeUndefined()
    const found = await ledger.find(hash)
    const askedBefore = asked.length
    expect(ledger.peek(hash)).toBe(found)
    expect(await ledger.find(hash)).toBe(found)
    expect(await ledger.waitConfirmed(hash, { timeoutMs: 0 })).toBe(found)
    expect(asked).toHaveLength(askedBefore)
  })

  test('does not remember that a block was there before it is confirmed: it can vanish', async () => {
    const net = devnet()
    net.hold()
    const payer = await net.fundedSeed()
    const hash = await pay(net, payer, raw(5n))
    const ledger = open(net)
    expect(await ledger.find(hash)).toMatchObject({ sent: 5n, confirmed: false })
    expect(ledger.peek(hash)).toBeUndefined()
    expect(net.vanish(hash)).toBe(true)
    expect(await ledger.find(hash)).toBeUndefined()
  })

  test('does not unlearn a confirmation because an older answer comes late', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const { node, asked, control } = watched(net)
    const ledger = open(node, { pollMs: 1 })
    const giveUp = new AbortController()
    const waiting = ledger.waitConfirmed(hash, { timeoutMs: 60_000, signal: giveUp.signal })
    await ledger.find(hash)
    const { closed, open: release } = gate()
    control.gate = closed
    const before = asked.length
    while (asked.length === before) await settle()
    // A look at the unconfirmed block is out. Meanwhile the block is confirmed, and a lookup says so.
    giveUp.abort()
    expect(await failure(waiting)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    control.gate = undefined
    net.confirm(hash)
    const found = await ledger.find(hash)
    expect(found).toMatchObject({ confirmed: true })
    release()
    await settle()
    expect(ledger.peek(hash)).toBe(found)
  })

  test('one that gives up does not disturb another that wants the same', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    const giveUp = new AbortController()
    const ledger = open(net)
    const gone = ledger.find(hash, giveUp.signal)
    const stays = ledger.find(hash)
    giveUp.abort()
    expect(await failure(gone)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    expect(await stays).toMatchObject({ sent: 5n })
  })

  test('is not stuck behind a node that never answers and does not listen', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    let silent = true
    const node: NanoNode = {
      call: (action, parameters) => (silent ? new Promise(() => {}) : net.call(action, parameters)),
    }
    const ledger = open(node, { lookupTimeoutMs: 20 })
    expect(await failure(ledger.find(hash))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    silent = false
    expect(await ledger.find(hash)).toMatchObject({ sent: 5n })
  })

  test('says that the node is unavailable when it is', async () => {
    const net = devnet()
    net.faults.down = 'html'
    expect(await failure(open(net).find(UNKNOWN))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    net.faults.down = 'empty-object'
    expect(await failure(open(net).find(UNKNOWN))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })
})

describe('a node that lies', () => {
  async function lied(lie: (info: Fields) => Fields) {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    const { node, control } = watched(net)
    control.lie = (of, info) => (of === hash ? lie(info) : info)
    return open(node).find(hash)
  }
  const contents = (info: Fields) => info.contents as Fields

  test('about the amount is not heard: the block before says it', async () => {
    expect(await lied((info) => ({ ...info, amount: '1000', balance: '0', subtype: 'receive' }))).toMatchObject({
      sent: 5n,
    })
  })

  test('about the contents is a node that is unavailable', async () => {
    const forged = lied((info) => ({
      ...info,
      contents: { ...contents(info), link: addressToPublicKey(PAYEE), balance: '1' },
    }))
    expect(await failure(forged)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('about the signature is found out when it is asked for, and not remembered', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    const { node, control } = watched(net)
    const ledger = open(node)
    control.lie = (_of, info) => ({ ...info, contents: { ...contents(info), signature: 'AB'.repeat(64) } })
    expect((await ledger.find(hash))?.isSigned()).toBe(false)
    control.lie = (_of, info) => info
    expect((await ledger.find(hash))?.isSigned()).toBe(true)
  })

  test('about the block before is a node that is unavailable', async () => {
    const net = devnet()
    await net.faucet(PAYEE, raw(1n))
    const hash = await net.faucet(PAYEE, raw(5n))
    const { node, control } = watched(net)
    const rich = (info: Fields) => ({ ...info, contents: { ...contents(info), balance: '9'.repeat(38) } })
    control.lie = (of, info) => (of === hash ? info : rich(info))
    expect(await failure(open(node).find(hash))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('spoils only the block it lies about, not what was asked with it', async () => {
    const net = devnet()
    const bad = await net.faucet(PAYEE, raw(1n))
    await net.faucet(PAYEE, raw(2n))
    const good = await net.faucet(PAYEE, raw(3n))
    const { node, asked, control } = watched(net)
    control.lie = (of, info) => (of === bad ? { ...info, contents: null } : info)
    const ledger = open(node)
    const [first, second] = await Promise.allSettled([ledger.find(bad), ledger.find(good)])
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled'])
    expect(asked[0]).toEqual([bad, good])
  })
})

/** A feed that says what a test says. */
function hinted() {
  const listeners = new Set<FeedListener>()
  const feed: ConfirmationFeed = {
    on(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    watch: () => {},
    state: () => 'open',
    close: () => {},
  }
  const hint = (hash: BlockHash | undefined) => {
    for (const listener of listeners) listener(hash)
  }
  return { feed, hint, listeners }
}

describe('waitConfirmed', () => {
  test('ends when the block is confirmed', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const waiting = open(net).waitConfirmed(hash, { timeoutMs: 10_000 })
    setTimeout(() => net.release(), 30)
    expect(await waiting).toMatchObject({ sent: 5n, confirmed: true })
  })

  test('waits for a block that nobody has seen yet', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    net.faults.lost.add(hash)
    const waiting = open(net).waitConfirmed(hash, { timeoutMs: 10_000 })
    setTimeout(() => net.faults.lost.delete(hash), 30)
    expect(await waiting).toMatchObject({ sent: 5n, confirmed: true })
  })

  test('gives what it saw last when the time is over: the words "false" and "true" are not the same', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const ledger = open(net)
    expect(await ledger.waitConfirmed(hash, { timeoutMs: 50 })).toMatchObject({ sent: 5n, confirmed: false })
    expect(await ledger.waitConfirmed(UNKNOWN, { timeoutMs: 50 })).toBeUndefined()
    expect(await ledger.waitConfirmed(hash, { timeoutMs: 0 })).toMatchObject({ confirmed: false })
  })

  test('rejects when the node was last unavailable, and waits on through a moment of that', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    let down = false
    const { node } = answering({
      blocks_info({ hashes }) {
        if (down) throw new NodeUnavailableError('down')
        return { blocks: '', blocks_not_found: hashes }
      },
    })
    const ledger = open(node)
    const fails = failure(ledger.waitConfirmed(UNKNOWN, { timeoutMs: 1_000 }))
    const stays = ledger.waitConfirmed(UNKNOWN, { timeoutMs: 2_000 })
    await vi.advanceTimersByTimeAsync(500)
    down = true
    await vi.advanceTimersByTimeAsync(500)
    expect(await fails).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: 'down' })
    down = false
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await stays).toBeUndefined()
  })

  test('five hundred that wait for one block are one entry of one question', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const { node, asked } = watched(net)
    const ledger = open(node)
    const waiting = Array.from({ length: 500 }, () => ledger.waitConfirmed(hash, { timeoutMs: 60 }))
    await Promise.all(waiting)
    expect(asked.length).toBeLessThan(20)
    for (const batch of asked) expect(batch).toHaveLength(1)
  })

  test('whoever comes while somebody waits hears what was seen last, and has nobody asked', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const { node, asked } = watched(net)
    const ledger = open(node, { pollMs: 60_000 })
    const waiting = ledger.waitConfirmed(hash, { timeoutMs: 60_000 })
    while (asked.length < 2) await settle()
    await settle()
    const before = asked.length
    const later: Promise<unknown>[] = []
    for (let i = 0; i < 20; i++) {
      expect(await ledger.find(hash)).toMatchObject({ sent: 5n, confirmed: false })
      later.push(failure(ledger.waitConfirmed(hash, { timeoutMs: 60_000 })))
    }
    expect(asked).toHaveLength(before)
    ledger.close()
    expect(await failure(waiting)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    await Promise.all(later)
  })

  test('one that gives up does not disturb another that waits for the same', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const giveUp = new AbortController()
    const ledger = open(net)
    const gone = ledger.waitConfirmed(hash, { timeoutMs: 10_000, signal: giveUp.signal })
    const stays = ledger.waitConfirmed(hash, { timeoutMs: 10_000 })
    setTimeout(() => giveUp.abort(), 20)
    expect(await failure(gone)).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    net.release()
    expect(await stays).toMatchObject({ confirmed: true })
  })

  test('has no place for more than its bound, and says at once what is known then', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const ledger = open(net, { maxWaiting: 4 })
    const giveUp = new AbortController()
    const options = { timeoutMs: 60_000, signal: giveUp.signal }
    const unseen = [1, 2].map((n) => failure(ledger.waitConfirmed(unknownHash(n), options)))
    await ledger.find(hash)
    // Hashes that nobody has seen can be made up, so they get half of the places, and a real payment still has one.
    expect(await ledger.waitConfirmed(unknownHash(3), options)).toBeUndefined()
    const real = ledger.waitConfirmed(hash, options)
    net.release()
    expect(await real).toMatchObject({ confirmed: true })
    giveUp.abort()
    await Promise.all(unseen)
  })

  test('a flood of unknown hashes being waited for does not delay a first lookup', async () => {
    const net = devnet()
    const hash = await net.faucet(PAYEE, raw(5n))
    const { node, asked, control } = watched(net)
    const ledger = open(node, { maxBatch: 8, maxWaiting: 64, pollMs: 1 })
    const flood: Promise<unknown>[] = []
    for (let i = 0; i < 32; i += 8) {
      const wave = Array.from({ length: 8 }, (_, n) => unknownHash(i + n + 1))
      flood.push(...wave.map((unknown) => failure(ledger.waitConfirmed(unknown, { timeoutMs: 60_000 }))))
      await settle()
    }
    const { closed, open: release } = gate()
    control.gate = closed
    const polled = asked.length
    while (asked.length === polled) await settle()
    // A poll is out and is not answered; the first lookup goes out all the same.
    const found = ledger.find(hash)
    await settle()
    expect(asked.at(-1)).toEqual([hash])
    release()
    expect(await found).toMatchObject({ sent: 5n })
    ledger.close()
    await Promise.all(flood)
  })

  test('leaves no timer behind', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const node = answering({ blocks_info: ({ hashes }) => ({ blocks: '', blocks_not_found: hashes }) }).node
    const ledger = open(node, { pollMs: 250 })
    const giveUp = new AbortController()
    const gone = failure(ledger.waitConfirmed(UNKNOWN, { timeoutMs: 10_000, signal: giveUp.signal }))
    const stays = ledger.waitConfirmed(UNKNOWN, { timeoutMs: 1_100 })
    await vi.advanceTimersByTimeAsync(500)
    expect(vi.getTimerCount()).toBeGreaterThan(0)
    giveUp.abort()
    await gone
    // In the middle of a pause between two looks.
    await vi.advanceTimersByTimeAsync(600)
    expect(await stays).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  /** How often a node is asked in each of three seconds that something is waited for. */
  async function looksPerSecond(
    hashes: readonly BlockHash[],
    node: ReturnType<typeof watched>,
    feed?: ConfirmationFeed,
  ) {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const ledger = open(node.node, { pollMs: 250, ...(feed && { feed }) })
    const waiting = hashes.map((hash, n) => {
      const begins = new Promise((resolve) => setTimeout(resolve, 2 * n))
      return failure(begins.then(() => ledger.waitConfirmed(hash, { timeoutMs: 60_000 })))
    })
    const counts: number[] = []
    for (let second = 0; second < 3; second++) {
      const before = node.asked.length
      await vi.advanceTimersByTimeAsync(1_000)
      counts.push(node.asked.length - before)
    }
    ledger.close()
    await Promise.all(waiting)
    vi.useRealTimers()
    return counts
  }

  /** A block that stays unconfirmed. */
  async function pending() {
    const net = devnet()
    net.hold()
    return { hash: await pay(net, await net.fundedSeed(), raw(5n)), node: watched(net) }
  }

  test('looks at a block that exists soon at first, and later as seldom as at one that nobody has seen', async () => {
    const { hash, node } = await pending()
    const [first = 0, , third = 0] = await looksPerSecond([hash], node)
    expect(first).toBeGreaterThanOrEqual(9)
    expect(first).toBeLessThanOrEqual(14)
    expect(third).toBeLessThanOrEqual(4)
    const [atFirst = 0] = await looksPerSecond([UNKNOWN], node)
    expect(atFirst).toBeLessThanOrEqual(5)
  })

  test('is in no hurry while the feed tells when to look', async () => {
    const { hash, node } = await pending()
    const { feed } = hinted()
    const [open = 0] = await looksPerSecond([hash], node, feed)
    expect(open).toBeLessThanOrEqual(6)
    const [down = 0] = await looksPerSecond([hash], node, { ...feed, state: () => 'down' })
    expect(down).toBeGreaterThanOrEqual(9)
  })

  test('looks together at those that came one after another: five rounds in the longest pause at most', async () => {
    const { node } = await pending()
    const unknown = Array.from({ length: 100 }, (_, n) => unknownHash(n + 1))
    const [, second = 0] = await looksPerSecond(unknown, node)
    expect(second).toBeLessThanOrEqual(20)
  })

  test('ends when the ledger is closed', async () => {
    const ledger = open(devnet())
    const waiting = failure(ledger.waitConfirmed(UNKNOWN, { timeoutMs: 10_000 }))
    await ledger.find(unknownHash(2))
    ledger.close()
    expect(await waiting).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })
})

describe('a hint of the feed', () => {
  test.each(['its hash', 'that something was missed'])(
    '%s ends a wait without waiting for the next poll',
    async (about) => {
      const net = devnet()
      net.hold()
      const hash = await pay(net, await net.fundedSeed(), raw(5n))
      const { feed, hint } = hinted()
      const ledger = open(net, { feed, pollMs: 60_000 })
      const waiting = ledger.waitConfirmed(hash, { timeoutMs: 60_000 })
      await ledger.find(hash)
      await settle()
      net.confirm(hash)
      hint(about === 'its hash' ? hash : undefined)
      expect(await waiting).toMatchObject({ confirmed: true })
    },
  )

  test('is no proof, and about an unknown block asks nothing', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const { feed, hint } = hinted()
    const { node, asked } = watched(net)
    const ledger = open(node, { feed, pollMs: 60_000 })
    const ended = vi.fn()
    const waiting = failure(ledger.waitConfirmed(hash, { timeoutMs: 60_000 })).finally(ended)
    await ledger.find(hash)
    await settle()
    const before = asked.length
    hint(hash)
    hint(UNKNOWN)
    await settle()
    expect(asked.slice(before)).toEqual([[hash]])
    // By the time that this later question is answered, the one that the hint caused is, too.
    await ledger.find(hash)
    expect(ended).not.toHaveBeenCalled()
    ledger.close()
    await waiting
  })

  test('that came before anybody waited is remembered, once', async () => {
    const net = devnet()
    net.hold()
    const hash = await pay(net, await net.fundedSeed(), raw(5n))
    const { feed, hint } = hinted()
    const { node, asked, control } = watched(net)
    const ledger = open(node, { feed, pollMs: 60_000 })
    const { closed, open: answer } = gate()
    control.gate = closed
    // The answer is on its way when the block is confirmed: it says that it is not.
    const waiting = ledger.waitConfirmed(hash, { timeoutMs: 60_000 })
    while (asked.length === 0) await settle()
    await settle()
    net.confirm(hash)
    hint(hash)
    answer()
    expect(await waiting).toMatchObject({ confirmed: true })
  })

  test('is not listened to after the ledger is closed', () => {
    const { feed, listeners } = hinted()
    const ledger = open(devnet(), { feed })
    expect(listeners.size).toBe(1)
    ledger.close()
    expect(listeners.size).toBe(0)
  })
})

describe('agreement of two nodes of three', () => {
  async function three(options: { readonly hold?: boolean } = {}) {
    const net = devnet()
    if (options.hold) net.hold()
    const hash = options.hold ? await pay(net, await net.fundedSeed(), raw(5n)) : await net.faucet(PAYEE, raw(5n))
    const nodes = [watched(net), watched(net), watched(net)] as const
    const ledger = open(net, { nodes: nodes.map(({ node }) => node), quorum: 2 })
    const [first] = nodes
    const lie = (about: (info: Fields) => Fields) => {
      first.control.lie = (of, info) => (of === hash ? about(info) : info)
    }
    return { net, hash, nodes, ledger, lie }
  }
  const down: NanoNode = { call: () => Promise.reject(new Error('down')) }

  test('asks all of them', async () => {
    const { hash, nodes, ledger } = await three()
    expect(await ledger.find(hash)).toMatchObject({ sent: 5n, confirmed: true })
    for (const { asked } of nodes) expect(asked[0]).toEqual([hash])
  })

  test('is not had by one that says confirmed too early', async () => {
    const { hash, ledger, lie } = await three({ hold: true })
    lie((info) => ({ ...info, confirmed: 'true' }))
    expect(await ledger.find(hash)).toMatchObject({ confirmed: false })
  })

  test.each<[string, (info: Fields) => Fields]>([
    ['denies the confirmation', (info) => ({ ...info, confirmed: 'false' })],
    ['lies about the amount', (info) => ({ ...info, amount: '7' })],
    ['forges the contents', (info) => ({ ...info, contents: { ...(info.contents as Fields), balance: '0' } })],
    [
      'forges the signature',
      (info) => ({ ...info, contents: { ...(info.contents as Fields), signature: '00'.repeat(64) } }),
    ],
  ])('is not spoilt by one that %s', async (_, about) => {
    const { hash, ledger, lie } = await three()
    lie(about)
    const found = await ledger.find(hash)
    expect(found).toMatchObject({ sent: 5n, confirmed: true })
    expect(found?.isSigned()).toBe(true)
  })

  test('is not spoilt by one that is down or hides the block', async () => {
    const { net, hash } = await three()
    const hiding = devnet()
    for (const third of [down, hiding]) {
      const ledger = open(net, { nodes: [third, net, net], quorum: 2 })
      expect(await ledger.find(hash)).toMatchObject({ sent: 5n, confirmed: true })
    }
  })

  test('that a block is not there is not had where two show something else under its hash', async () => {
    const { hash, nodes, ledger, net } = await three()
    for (const { control } of nodes) control.lie = (of, info) => (of === hash ? { ...info, contents: null } : info)
    expect(await failure(ledger.find(hash))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
    const hiding = open(net, { nodes: [devnet(), nodes[0].node, nodes[1].node], quorum: 2 })
    expect(await failure(hiding.find(hash))).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })

  test('is not had where two are down', async () => {
    const { net, hash } = await three()
    const error = await failure(open(net, { nodes: [down, net, down], quorum: 2 }).find(hash))
    expect(error).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE', message: /1 of 3 .* 2 have to agree/ })
  })

  test('says which first saw the block, the earliest of them', async () => {
    const { hash, ledger, lie } = await three()
    lie((info) => ({ ...info, local_timestamp: '1500000000' }))
    expect((await ledger.find(hash))?.localTimestampMs).toBe(1_500_000_000_000)
  })

  test('a node of another network is said, not outvoted', async () => {
    const { net, hash } = await three()
    const stray: NanoNode = { call: () => Promise.reject(new ConfigError('Set NANO402_NETWORK.')) }
    expect(await failure(open(net, { nodes: [stray, net, net], quorum: 2 }).find(hash))).toMatchObject({
      code: 'ERR_CONFIG',
    })
  })

  test('more than there are nodes is refused at once', () => {
    const net = devnet()
    for (const quorum of [0, 2, 1.5, Number.NaN]) {
      expect(() => createLedger({ node: net, nodes: [net], quorum })).toThrow(/quorum/)
    }
  })
})

describe('the first state block of an account from before 2018', () => {
  const key = derivePrivateKey('55'.repeat(32), 0)
  const account = publicKeyToAddress(derivePublicKey(key))
  const legacy = { type: 'receive', previous: SEND, source: UNKNOWN, signature: '00'.repeat(64), work: '0'.repeat(16) }
  const previous = parseBlock(legacy)
  if (previous.type === 'state') throw new Error('unreachable')
  const state = signBlock(
    {
      account,
      previous: previous.hash,
      representative: account,
      balance: parseRaw('7'),
      link: addressToPublicKey(PAYEE),
    },
    key,
  )
  const { hash } = parseBlock(blockToJson(state))
  const nodeSaying = (amount: string, subtype: string) =>
    answering({
      blocks_info: ({ hashes }) => ({
        blocks: Object.fromEntries(
          (hashes as string[]).map((of) => [
            of,
            of === hash
              ? { contents: blockToJson(state), confirmed: 'true', amount, subtype }
              : { contents: legacy, confirmed: 'true', amount: '12' },
          ]),
        ),
      }),
    }).node
  const find = (quorum: number, ...says: [string, string][]) => {
    const nodes = says.map(([amount, subtype]) => nodeSaying(amount, subtype))
    return open(nodes[0] as NanoNode, { nodes, quorum }).find(hash)
  }

  test('sent what the node says, for want of a balance before it', async () => {
    expect(await find(1, ['5', 'send'])).toMatchObject({ sent: 5n, confirmed: true })
    expect(await find(1, ['5', 'receive'])).toMatchObject({ sent: undefined })
  })

  test('sent what enough nodes agree on, and is unknown where they do not', async () => {
    expect(await find(2, ['9', 'send'], ['5', 'send'], ['5', 'send'])).toMatchObject({ sent: 5n })
    expect(await failure(find(2, ['9', 'send'], ['5', 'send'], ['5', 'receive']))).toMatchObject({
      code: 'ERR_NODE_UNAVAILABLE',
      message: /agree/,
    })
  })
})

test('a block that a real node showed is proven by the real block before it', async () => {
  const { previous } = SEND_INFO.contents
  const epoch = {
    type: 'state',
    account: SEND_INFO.block_account,
    previous: 'B798E3DB79DE3D2AE6D07C411A99ABCCE6B93C9E8BB9EFC6E4410EFE76C7EDEE',
    representative: SEND_INFO.block_account,
    balance: '340282365920938463463374607431768211455',
    link: '65706F636820763220626C6F636B000000000000000000000000000000000000',
    signature:
      'B60113A746A64FB6A410B8E34C90AD966476F55E0C85F64D4F5F926C067B67ADB7DBB675AE0AF5C99BAFD7C502AAC2303E23B4B58B97E9E3647707D001A0C50A',
    work: '645e161f706e3121',
  }
  const { node } = answering({
    blocks_info: ({ hashes }) => ({
      blocks: (hashes as string[])[0] === previous ? { [previous]: { contents: epoch } } : { [SEND]: SEND_INFO },
      blocks_not_found: '',
    }),
  })
  expect(await open(node).find(SEND)).toMatchObject({ sent: 123456789012345678901234567890123n, confirmed: true })
})
