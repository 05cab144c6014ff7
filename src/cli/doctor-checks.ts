/** The checks of a configuration: the account, the nodes, the secret, the store, the public URL. They change nothing. */
import { accessSync, constants, existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { openStore } from '#stores/open'
import { NodeRefusedError } from '../errors.ts'
import { type NanoAddress, nanoAddress, parseXno } from '../nano/index.ts'
import { accountInfo, createFeed, createRpc, type Network, nodeSync, type RpcClient } from '../rpc/index.ts'
import { sealKey } from '../secret.ts'
import { attempt, type Check, check } from './check.ts'

/** What a paywall would be given. */
export interface Configuration {
  /** The account that is paid, or all those of a pool. */
  readonly accounts: readonly string[]
  readonly price: string | undefined
  readonly rpc: readonly string[]
  readonly ws: string | undefined
  readonly network: Network
  readonly store: string | undefined
  readonly secrets: readonly string[]
  readonly publicUrl: string | undefined
  /** Somebody else asks the node, remembers and seals. */
  readonly hasFacilitator: boolean
}

/** Every check but those of routes, in the order in which they are printed. */
export async function checkConfiguration(configuration: Configuration): Promise<readonly Check[]> {
  const { accounts, price, publicUrl, hasFacilitator } = configuration
  const own = [...checkAccounts(accounts), checkPrice(price), checkPublicUrl(publicUrl)]
  if (hasFacilitator) {
    const why = 'a facilitator has it (NANO402_FACILITATOR): run this where it runs'
    const skipped = ['node', 'secret'].map((name) => check(name, 'skipped', why))
    // It keeps answers here, if anything.
    const { store } = configuration
    const kept = store ? await attempt('store', () => checkStore(store)) : check('store', 'skipped', why)
    return [...own, ...skipped, kept].flat()
  }
  const others = await Promise.all([
    checkNodes(configuration),
    checkWebsocket(configuration),
    attempt('secret', () => checkSecrets(configuration.secrets)),
    attempt('store', () => checkStore(configuration.store)),
  ])
  return [...own, ...others.flat()]
}

function accountOf(text: string): NanoAddress | undefined {
  try {
    return nanoAddress(text)
  } catch {
    return undefined
  }
}

/** What each account of a pool is called in the list; an account alone needs no number. */
const numbered = (name: string, index: number, { length }: readonly unknown[]) =>
  length === 1 ? name : `${name} ${index + 1}`

function checkAccounts(accounts: readonly string[]): readonly Check[] {
  if (accounts.length === 0) return [check('account', 'failed', 'None: set NANO402_PAY_TO to your nano_ account.')]
  return accounts.map((text, index) => {
    const name = numbered('account', index, accounts)
    const account = accountOf(text)
    if (account === undefined) {
      return check(
        name,
        'failed',
        'NANO402_PAY_TO is no Nano account: expected nano_ and 60 characters, with a checksum that fits.',
      )
    }
    const isTwice = accounts.findIndex((other) => accountOf(other) === account) < index
    return isTwice
      ? check(name, 'failed', `${account} is there twice: NANO402_PAY_TO lists each account of a pool once.`)
      : check(name, 'ok', account)
  })
}

function checkPrice(price: string | undefined): Check {
  if (price === undefined)
    return check('price', 'skipped', 'NANO402_PRICE is not set: each route has to have a price of its own.')
  try {
    if (parseXno(price.replace(/ XNO$/, '')) >= 10n ** 20n)
      return check('price', 'ok', `${price.replace(/ XNO$/, '')} XNO`)
  } catch {
    // Said below.
  }
  return check('price', 'failed', "NANO402_PRICE is no price: expected XNO such as '0.001', at least 0.0000000001.")
}

function checkPublicUrl(publicUrl: string | undefined): Check {
  const name = 'publicUrl'
  if (publicUrl === undefined) {
    return check(
      name,
      'warning',
      'None: 402s will name the path alone, and in production there are no channels. Set NANO402_PUBLIC_URL, such as https://api.example.com.',
    )
  }
  const url = URL.canParse(publicUrl) ? new URL(publicUrl) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    return check(name, 'failed', 'NANO402_PUBLIC_URL is no origin such as https://api.example.com.')
  }
  if (url.protocol === 'http:' && !isLocal(url)) {
    return check(name, 'warning', `${url.origin} is not https: whoever listens can use what a client paid for.`)
  }
  return check(name, 'ok', url.origin)
}

const isLocal = ({ hostname }: URL) => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)

/** Each node for itself: the second one is not asked in a paywall until the first one is down. */
async function checkNodes({ rpc, network, accounts }: Configuration): Promise<readonly Check[]> {
  if (rpc.length === 0) return [check('node', 'failed', 'None: set NANO402_RPC_URL to the URL of a Nano node.')]
  const checks = await Promise.all(
    rpc.map(async (url, index) => {
      const name = rpc.length === 1 ? 'node' : `node ${index + 1}`
      const node = createRpc({ endpoints: [url], network })
      try {
        const answers = await attempt(name, () => checkSync(name, node, network))
        if (answers.verdict === 'failed') return [answers]
        const opened = accounts.flatMap((text, i) => {
          const account = accountOf(text)
          const what = numbered(`${name}: account`, i, accounts)
          return account === undefined ? [] : attempt(what, () => checkOpened(what, node, account))
        })
        return [answers, ...(await Promise.all(opened))]
      } finally {
        node.close()
      }
    }),
  )
  return checks.flat()
}

/** More blocks than a node in sync is behind at any moment. */
const MAX_BEHIND = 10_000

async function checkSync(name: string, node: RpcClient, network: Network): Promise<Check> {
  try {
    const { blocks, confirmed, confirmedByOthers } = await nodeSync(node)
    const behind = Math.max(blocks, confirmedByOthers ?? 0) - confirmed
    const counts = `${confirmed} of ${Math.max(blocks, confirmedByOthers ?? 0)} blocks confirmed`
    if (behind > MAX_BEHIND)
      return check(name, 'failed', `Not in sync: ${counts}. Wait until it is, or name another node.`)
    return check(name, 'ok', `answers for ${network}, in sync (${counts})`)
  } catch (error) {
    if (!(error instanceof NodeRefusedError)) throw error
    return check(
      name,
      'warning',
      `answers for ${network}, but does not tell whether it is in sync (${error.nodeError})`,
    )
  }
}

async function checkOpened(name: string, node: RpcClient, account: NanoAddress): Promise<Check> {
  const info = await accountInfo(node, account)
  return info === undefined
    ? check(
        name,
        'warning',
        'Not opened. It can be paid; receive something once, to be sure that the account is yours.',
      )
    : check(name, 'ok', 'opened')
}

const WEBSOCKET_MS = 5_000

async function checkWebsocket({ ws, accounts }: Configuration): Promise<Check> {
  const name = 'websocket'
  const [account] = accounts.flatMap((text) => accountOf(text) ?? [])
  if (ws === undefined) return check(name, 'skipped', 'NANO402_WS_URL is not set: confirmations are asked for instead.')
  if (!/^wss?:\/\//.test(ws) || !URL.canParse(ws))
    return check(name, 'failed', 'NANO402_WS_URL is no ws:// or wss:// URL.')
  if (account === undefined) return check(name, 'skipped', 'There is no account to watch.')
  const feed = createFeed({ url: ws })
  let timer: ReturnType<typeof setTimeout> | undefined
  try {
    const isOpen = await new Promise<boolean>((resolve) => {
      feed.on(() => resolve(feed.state() === 'open'))
      feed.watch(account)
      timer = setTimeout(() => resolve(false), WEBSOCKET_MS)
    })
    return isOpen
      ? check(name, 'ok', 'takes subscriptions')
      : check(name, 'failed', `No subscription within ${WEBSOCKET_MS} ms: correct NANO402_WS_URL, or leave it out.`)
  } finally {
    clearTimeout(timer)
    feed.close()
  }
}

function checkSecrets(secrets: readonly string[]): Check {
  if (secrets.length === 0) {
    return check(
      'secret',
      'failed',
      'None: set NANO402_SECRET, the same in every process. Make one with: openssl rand -hex 32',
    )
  }
  for (const secret of secrets) sealKey(secret)
  if (new Set(secrets).size < secrets.length) return check('secret', 'warning', 'NANO402_SECRET lists a secret twice.')
  return check(
    'secret',
    'ok',
    secrets.length === 1 ? 'one, long enough' : `${secrets.length}, long enough; the first seals`,
  )
}

async function checkStore(url: string | undefined): Promise<Check> {
  const remedy = 'set NANO402_STORE to sqlite:<path> or redis://<host>'
  if (url === undefined || url === 'memory') {
    return check('store', 'failed', `In memory: it forgets at every start which payments were used; ${remedy}.`)
  }
  const path = /^sqlite:(.+)/.exec(url)?.[1]
  if (path !== undefined && !existsSync(path)) {
    // To open it would make it, with this process's user as its owner.
    accessSync(dirname(path), constants.W_OK)
    return check('store', 'ok', 'a SQLite file that will be made')
  }
  const store = await openStore(url)
  try {
    const since = new Date(await store.epochMs()).toISOString()
    if (!store.durable) return check('store', 'failed', `It does not outlive its process; ${remedy}.`)
    return check('store', 'ok', `durable, remembers since ${since}`)
  } finally {
    await store.close()
  }
}
