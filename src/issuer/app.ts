/** The issuer over HTTP, as a Hono app: strict JSON in, JSON out. docs/protocol_rev1.md has each endpoint. */
import { type Context, Hono } from 'hono'
import { sha256 } from '../channel/sha256.ts'
import { encodeUtf8, equalInConstantTime } from '../core/bytes.ts'
import { targetOf } from '../core/request.ts'
import { ConfigError, NodeRefusedError, NodeUnavailableError, StoreError } from '../errors.ts'
import { type NanoAddress, nanoAddress } from '../nano/index.ts'
import { readText } from '../rpc/http.ts'
import { parseStrictJson } from '../x402/json.ts'
import { type Account, locked } from './account.ts'
import type { Caller } from './callers.ts'
import { ISSUER_CODES, type IssuerCode, isRefused, type RefusedByIssuer } from './codes.ts'
import type { Issuer } from './issuer.ts'
import { METRICS_TYPE, metricsText } from './metrics.ts'

/** What the operator of an issuer sees. */
export interface IssuerAppOptions {
  /**
   * What the operator shows (`Authorization: Bearer <token>`) for `GET /audit` and `GET /metrics`. At least 16 characters.
   * Without it there is no `/audit`, and `/metrics` is for everybody.
   */
  readonly operatorToken?: string
  /** prom-client's registry, such as that of `createMetrics` (`nano402/metrics`): its metrics come after the issuer's own. */
  readonly registry?: { metrics(): Promise<string> }
}

const MAX_BODY_BYTES = 8_192
const MIN_TOKEN_LENGTH = 16

type Answer = object | undefined | RefusedByIssuer

/**
 * Makes the app of an issuer: `serve({ fetch: issuerApp(issuer).fetch })`.
 *
 * @throws `ConfigError` (`ERR_CONFIG`)
 * @example
 * const issuer = await createIssuer({ privateKey: '0'.repeat(64), rpc: 'http://127.0.0.1:7076', store: 'sqlite:issuer.db' })
 * const app = issuerApp(issuer, { operatorToken: process.env.NANO402_ISSUER_TOKEN ?? '' })
 */
export function issuerApp(issuer: Issuer, { operatorToken, registry }: IssuerAppOptions = {}): Hono {
  if (operatorToken !== undefined && operatorToken.length < MIN_TOKEN_LENGTH) {
    throw new ConfigError(`The operator's token of the issuer must have at least ${MIN_TOKEN_LENGTH} characters.`)
  }
  const app = new Hono()
  const rejections = new Map<string, number>()

  function problem(c: Context, code: IssuerCode): Response {
    const { status, message } = ISSUER_CODES[code]
    rejections.set(code, (rejections.get(code) ?? 0) + 1)
    if (status === 503 || status === 429) c.header('Retry-After', '1')
    return c.json(
      { error: code, message, ...(code === 'stale_request' && { now: Math.floor(Date.now() / 1_000) }) },
      status,
    )
  }

  const isOperator = (c: Context) =>
    operatorToken !== undefined && isSame(c.req.header('authorization') ?? '', `Bearer ${operatorToken}`)

  /** Answers what one account asks, once its signature is genuine. */
  const signed = (
    method: 'get' | 'put' | 'post',
    path: string,
    answer: (caller: Caller, c: Context, body: unknown) => Promise<Answer>,
  ) =>
    app[method](path, async (c) => {
      const body = await readText(c.req.raw.body, MAX_BODY_BYTES).catch(() => '')
      if (body === undefined) return problem(c, 'body_too_large')
      const request = { method: c.req.method, target: targetOf(c.req.raw), body }
      const caller = await issuer.authenticate(c.req.header('authorization'), request)
      if (isRefused(caller)) return problem(c, caller.refused)
      const { address } = c.req.param() as { readonly address?: string }
      if (address !== undefined && address !== caller.account) return problem(c, 'unauthorized')
      const said = await answer(caller, c, body === '' ? undefined : parseStrictJson(body))
      if (said === undefined) return problem(c, 'not_found')
      return isRefused(said) ? problem(c, said.refused) : c.json(said)
    })

  app.use(async (c, next) => {
    await next()
    c.header('Cache-Control', 'no-store')
  })
  app.get('/', (c) => c.json(issuer.info))
  app.get('/health', async (c) => {
    const health = await issuer.health()
    return c.json(health, health.node.ok && health.store.ok ? 200 : 503)
  })
  app.get('/metrics', async (c) => {
    if (operatorToken !== undefined && !isOperator(c)) return problem(c, 'unauthorized')
    const text = await metricsText(issuer, rejections)
    return c.text(text + ((await registry?.metrics()) ?? ''), 200, { 'Content-Type': METRICS_TYPE })
  })
  app.get('/audit', async (c) => {
    if (operatorToken === undefined) return problem(c, 'not_found')
    return isOperator(c) ? c.json(inText(await issuer.audit())) : problem(c, 'unauthorized')
  })

  app.post('/accounts/:address/deposits', async (c) => {
    const address = addressIn(c)
    if (address === undefined) return problem(c, 'not_found')
    if (!issuer.isDeposit(c.req.query('amount'))) return problem(c, 'invalid_amount')
    const outcome = await issuer.deposits.guard(c.req.raw)
    if (outcome.kind === 'refused') return outcome.toResponse()
    const { transaction: block, amount } = outcome.payment
    return outcome.deliver(async () => {
      await issuer.credit(address, outcome.payment)
      return Response.json({ account: address, block, amount: String(amount) })
    })
  })

  signed('put', '/accounts/:address', async (caller, _, body) => {
    const account = await issuer.register(caller, body)
    return isRefused(account) ? account : viewOf(account)
  })
  signed('get', '/accounts/:address', async (caller) => {
    const account = await issuer.account(caller)
    return account && viewOf(account)
  })
  signed('get', '/accounts/:address/statement', async (caller, c) => {
    const before = c.req.query('before')
    if (before !== undefined && !/^\d{1,15}$/.test(before)) return { refused: 'invalid_request' }
    const { lines, before: next } = await issuer.statement(caller, before === undefined ? undefined : Number(before))
    const shown = lines.map(({ atMs, ...line }) => ({ at: Math.floor(atMs / 1_000), ...line }))
    return inText({ lines: shown, ...(next !== undefined && { before: next }) })
  })
  signed('post', '/accounts/:address/withdrawals', (caller, _, body) => issuer.withdraw(caller, body))
  signed('get', '/accounts/:address/withdrawals/:id', (caller, c) => issuer.withdrawal(caller, idIn(c)))
  signed('post', '/channels', (caller, _, body) => issuer.open(caller, body))
  signed('get', '/channels/:id', (caller, c) => issuer.channel(caller, idIn(c)))
  signed('post', '/channels/:id/settle', (caller, c, body) => issuer.settle(caller, idIn(c), body))
  signed('post', '/channels/:id/close', (caller, c, body) => issuer.close(caller, idIn(c), body))

  app.notFound((c) => problem(c, 'not_found'))
  app.onError((fault, c) => problem(c, codeOf(fault)))
  return app
}

const idIn = (c: Context): string => c.req.param('id') ?? ''

function addressIn(c: Context): NanoAddress | undefined {
  try {
    return nanoAddress(c.req.param('address'))
  } catch {
    return undefined
  }
}

/** An account as its holder sees it. */
const viewOf = (account: Account) => {
  const { address, balance, keys, locks, withdrawals } = account
  return inText({
    account: address,
    balance,
    locked: locked(account),
    keys: keys.map(({ key, expiresAtMs }) => ({ key, expiresAt: expiresAtMs / 1_000 })),
    channels: locks
      .filter(({ state }) => state === 'open')
      .map(({ channelId, payee, amount, settleByMs }) => ({ channelId, payee, amount, settleBy: settleByMs / 1_000 })),
    withdrawals: withdrawals.map(({ id, amount }) => ({ id, amount, state: 'pending' })),
  })
}

/** Amounts as decimal text. */
const inText = (value: object): object =>
  JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? String(item) : item)))

/** Takes as long whichever it is. */
const isSame = (shown: string, ours: string): boolean =>
  equalInConstantTime(sha256(encodeUtf8(shown)), sha256(encodeUtf8(ours)))

/** The code for what was thrown. */
function codeOf(fault: unknown): IssuerCode {
  if (fault instanceof StoreError) return 'store_unavailable'
  if (fault instanceof NodeUnavailableError || fault instanceof NodeRefusedError) return 'node_unavailable'
  return 'unexpected_error'
}
