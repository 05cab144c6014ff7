import { createDevnet, DEVNET_GENESIS_ACCOUNT } from 'nano402/devnet'
import { nanoAddress, raw } from 'nano402/nano'
import { accountHistory, receivable } from 'nano402/rpc'
import { describe, expect, test } from 'vitest'
import { recordings } from '../devnet/recordings.ts'
import { answering, failure, PAYEE } from './support.ts'

const ACCOUNT = nanoAddress('nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg')
const recorded = (name: string) => recordings.find(({ file }) => file === name)?.response
const showing = (answer: unknown) => answering({ account_history: () => answer })

describe('accountHistory', () => {
  test('reads what a real node listed: of each receive, the send', async () => {
    const { node, asked } = showing(recorded('201-account_history-A-raw'))
    const { entries, previous } = await accountHistory(node, ACCOUNT, { count: 10 })
    expect(previous).toBeUndefined()
    expect(entries.map(({ subtype, source }) => [subtype, source])).toEqual([
      ['send', undefined],
      ['send', undefined],
      ['change', undefined],
      ['send', undefined],
      ['receive', 'F30B0FA1DFEBB7FC0ED2A629A64676BDA97CBBB5875B3553235E73519FFB0D98'],
      ['receive', 'C2E39714FF24E046360063187792507FB67DDF179E5B851044B87DEDECD99A13'],
    ])
    expect(entries[0]).toMatchObject({
      hash: '3A6169F7FEC1D023A270B049C2F479DC868B6FEBEF384E79CBFEEB8B995BF740',
      localTimestampMs: 1_795_222_592_000,
    })
    expect(asked).toEqual([{ action: 'account_history', parameters: { account: ACCOUNT, count: '10', raw: true } }])
  })

  test('reads a history without blocks, and where the next page begins', async () => {
    const empty = showing(recorded('035-account_history-unopened'))
    expect(await accountHistory(empty.node, ACCOUNT, { count: 5 })).toEqual({ entries: [], previous: undefined })
    const { node } = showing({ history: '', previous: 'ab'.repeat(32) })
    expect(await accountHistory(node, ACCOUNT, { count: 1 })).toMatchObject({ previous: 'AB'.repeat(32) })
  })

  test('walks the whole chain page by page, each block once', async () => {
    const devnet = createDevnet({ confirmMs: 0 })
    const { account } = await devnet.fundedSeed()
    await devnet.fundedSeed()
    const seen: string[] = []
    let page = await accountHistory(devnet, DEVNET_GENESIS_ACCOUNT, { count: 2 })
    seen.push(...page.entries.map(({ hash }) => hash))
    while (page.previous !== undefined) {
      page = await accountHistory(devnet, DEVNET_GENESIS_ACCOUNT, { count: 2, head: page.previous })
      seen.push(...page.entries.map(({ hash }) => hash))
    }
    expect(seen).toHaveLength(5)
    expect(new Set(seen).size).toBe(5)
    const [entry] = (await accountHistory(devnet, account, { count: 1 })).entries
    expect(seen).toContain(entry?.source)
  })

  test.each([
    { history: {} },
    { history: ['x'] },
    { history: [{ type: 'state', subtype: 'receive', hash: 'AB'.repeat(32) }] },
    { history: [{ type: 'receive', hash: 'AB'.repeat(32), source: 'x' }] },
    { history: [], previous: 'x' },
    {},
  ])('%j is no history', async (answer) => {
    const failed = await failure(accountHistory(showing(answer).node, ACCOUNT, { count: 1 }))
    expect(failed).toMatchObject({ code: 'ERR_NODE_UNAVAILABLE' })
  })
})

test('receivable can leave out the first ones, so that very many can be listed page by page', async () => {
  const devnet = createDevnet({ confirmMs: 0 })
  const sent = [
    await devnet.faucet(PAYEE, raw(1n)),
    await devnet.faucet(PAYEE, raw(2n)),
    await devnet.faucet(PAYEE, raw(3n)),
  ]
  const pages = [
    await receivable(devnet, PAYEE, { count: 2 }),
    await receivable(devnet, PAYEE, { count: 2, offset: 2 }),
    await receivable(devnet, PAYEE, { count: 2, offset: 4 }),
  ]
  expect(pages.map(({ length }) => length)).toEqual([2, 1, 0])
  expect(
    pages
      .flat()
      .map(({ hash }) => hash)
      .toSorted(),
  ).toEqual(sent.toSorted())
})
