import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey, derivePublicKey, nanoAddress, publicKeyToAddress, raw } from 'nano402/nano'
import { derivePrivateKeyFromPhrase } from 'nano402/nano/phrase'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sentBy } from '../client/support.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { freshAccount } from '../support/world.ts'
import keys from '../vectors/keys.json' with { type: 'json' }
import { nano402, ran, start } from './support.ts'

const XNO = 10n ** 30n
const ZERO_SEED = '0'.repeat(64)
const ZERO_ACCOUNT = publicKeyToAddress(derivePublicKey(derivePrivateKey(ZERO_SEED, 0)))

let served: ServedDevnet
let folder: string
beforeAll(async () => {
  served = await serveDevnet({ port: 0, wsPort: 0, confirmMs: 0 })
})
afterAll(() => served.close())
beforeEach(() => {
  folder = temporaryDirectory()
})

const online = (seed: string) => ({ NANO402_SEED: seed, NANO402_RPC_URL: served.url, NANO402_NETWORK: 'nano:devnet' })
const newSeed = () => Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('hex')
const accountOf = (seed: string) => publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, 0)))
const faucet = (account: string, amount: bigint) => served.devnet.faucet(account, raw(amount))

describe('nano402 wallet create', () => {
  test('draws a seed that is different each time, and prints its account', async () => {
    const [one, two] = await Promise.all([
      nano402(['wallet', 'create', '--json']),
      nano402(['wallet', 'create', '--json']),
    ])
    const { account, seed } = JSON.parse(one.out)
    expect(accountOf(seed)).toBe(account)
    expect(JSON.parse(two.out).seed).not.toBe(seed)
    const text = await ran(['wallet', 'create'])
    expect(text.out).toMatch(/^account {2}nano_\w{60}\nseed {5}[0-9A-F]{64}\n$/)
    expect(text.err).toMatch(/cannot be drawn again/)
  })

  test.each([12, 24])('draws a phrase of %i words', async (words) => {
    const { account, phrase } = JSON.parse((await ran(['wallet', 'create', '--words', String(words), '--json'])).out)
    expect(phrase.split(' ')).toHaveLength(words)
    expect(publicKeyToAddress(derivePublicKey(derivePrivateKeyFromPhrase(phrase, 0)))).toBe(account)
  })

  test('writes it into a new file that only its owner may read, does not print it, and overwrites none', async () => {
    const file = join(folder, 'seed')
    const { status, out } = await ran(['wallet', 'create', '--out', file])
    const seed = readFileSync(file, 'utf8').trim()
    expect(status).toBe(0)
    expect(out).toContain(accountOf(seed))
    expect(out).not.toContain(seed)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await ran(['wallet', 'create', '--out', file])).toMatchObject({
      status: 2,
      err: expect.stringMatching(/is there already, and is left as it is: name another/),
    })
    expect(readFileSync(file, 'utf8').trim()).toBe(seed)
    expect((await ran(['wallet', 'address', '--seed-file', file])).out.trim()).toBe(accountOf(seed))
  })
})

describe('the key of a command', () => {
  const file = (text: string, mode = 0o600) => {
    const path = join(folder, 'key')
    writeFileSync(path, text, { mode })
    return path
  }
  const [phrase] = keys.bip44
  const [spelled] = keys.seedAsMnemonic

  test('comes from the environment, a file, or standard input, built and from source', async () => {
    const expected = { status: 0, out: `${ZERO_ACCOUNT}\n`, err: '' }
    expect(await nano402(['wallet', 'address'], { env: { NANO402_SEED: ZERO_SEED } })).toEqual(expected)
    expect(await nano402(['wallet', 'address', '--seed-file', '-'], { input: `${ZERO_SEED}\n` })).toEqual(expected)
    expect(await ran(['wallet', 'address', '--seed-file', file(ZERO_SEED)])).toEqual(expected)
    const env = { NANO402_SEED_FILE: file(ZERO_SEED), NANO402_SEED: 'f'.repeat(64) }
    expect(await ran(['wallet', 'address'], { env })).toEqual(expected)
  })

  test('of a phrase is that of other wallets, with its passphrase; or that of the seed that 24 words spell', async () => {
    for (const account of phrase?.accounts ?? []) {
      const env = { NANO402_SEED: phrase?.mnemonic ?? '', NANO402_PASSPHRASE: phrase?.passphrase ?? '' }
      const { out } = await ran(['wallet', 'address', '--account-index', String(account.index)], { env })
      expect(out.trim()).toBe(account.address)
    }
    const env = { NANO402_SEED: spelled?.mnemonic ?? '' }
    expect((await ran(['wallet', 'address', '--phrase', 'seed'], { env })).out.trim()).toBe(
      accountOf(spelled?.seed ?? ''),
    )
  })

  const SENTINEL = '5EC2E7'.repeat(10)
  test.each([
    ['no seed', () => [], {}, /^No seed: set NANO402_SEED, or --seed-file to a file that holds it/],
    [
      'a seed too short',
      () => [],
      { NANO402_SEED: SENTINEL },
      /^What NANO402_SEED holds is no seed: expected 64 hex digits/,
    ],
    ['a phrase mistyped', () => [], { NANO402_SEED: `${SENTINEL} abandon about` }, /^Not a recovery phrase/],
    [
      'a file that others may read',
      () => ['--seed-file', file(ZERO_SEED, 0o644)],
      {},
      /Others may read the seed file (.*): run chmod 600 \1$/,
    ],
    [
      'a file that is not there',
      () => ['--seed-file', join(folder, 'no')],
      {},
      /is not there: make one with nano402 wallet create/,
    ],
    ['a folder', () => ['--seed-file', folderOf()], {}, /is a folder: --seed-file takes the path of a file\.$/],
    [
      'the seed in place of its file',
      () => ['--seed-file', `${SENTINEL}5EC2`],
      {},
      /takes the path of a file, not the seed/,
    ],
    ['the seed as an argument', () => [`${SENTINEL}5EC2`], {}, /^Too many arguments/],
    [
      'an index too large',
      () => ['--account-index', '4294967296'],
      { NANO402_SEED: ZERO_SEED },
      /Expected a whole number/,
    ],
  ])('%s is one sentence that repeats nothing secret', async (_, args, env, sentence) => {
    const { status, out, err } = await ran(['wallet', 'address', ...args()], { env })
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(err.trimEnd().replace('nano402: ', '')).toMatch(sentence)
    expect(err).not.toContain('5EC2E7')
    expect(err.trimEnd()).not.toContain('\n')
  })
  const folderOf = () => {
    chmodSync(folder, 0o700)
    return folder
  }

  test('is not typed where it would be shown', async () => {
    const { status, err } = await ran(['wallet', 'address', '--seed-file', '-'], { tty: true })
    expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining('A seed typed here would be shown') })
  })
})

describe('nano402 wallet', () => {
  test('address gives a nano: URI with the exact amount', async () => {
    const args = ['wallet', 'address', '--uri', '--amount', '0.1', '--message', 'two words']
    const { out } = await ran(args, { env: { NANO402_SEED: ZERO_SEED } })
    expect(out).toBe(`nano:${ZERO_ACCOUNT}?amount=${XNO / 10n}&message=two%20words\n`)
  })

  test('balance says what is there and what waits, receive pockets it, and again there is nothing', async () => {
    const seed = newSeed()
    await faucet(accountOf(seed), XNO)
    await faucet(accountOf(seed), 2n * XNO)
    const env = online(seed)
    const before = JSON.parse((await ran(['wallet', 'balance', '--json'], { env })).out)
    expect(before).toMatchObject({
      account: accountOf(seed),
      balance: { raw: '0', xno: '0' },
      receivable: { raw: String(3n * XNO), xno: '3' },
    })
    const received = await ran(['wallet', 'receive'], { env })
    expect(received).toMatchObject({ status: 0, err: '' })
    expect(received.out.trim().split('\n').sort()).toEqual([
      expect.stringMatching(/^Received 1 XNO \(block [0-9A-F]{64}\)$/),
      expect.stringMatching(/^Received 2 XNO/),
    ])
    expect((await ran(['wallet', 'balance'], { env })).out).toMatch(
      /^account.*\nbalance {5}3 XNO\nreceivable {2}0 XNO\n$/,
    )
    expect(await ran(['wallet', 'receive'], { env })).toEqual({
      status: 0,
      out: '',
      err: 'There is nothing to receive.\n',
    })
  })

  test.each([
    ['when the websocket hears of it', () => ['--ws', served.wsUrl, '--every-ms', '3600000']],
    ['when it looks again', () => ['--every-ms', '20']],
  ])('receive --watch pockets what comes %s, until Ctrl-C', async (_, args) => {
    const seed = newSeed()
    const watching = start(['wallet', 'receive', '--watch', '--json', ...args()], { env: online(seed) })
    await watching.printed(/^Watching nano_/)
    await faucet(accountOf(seed), XNO)
    const [line] = await watching.printed(/\{.*\}\n/)
    const told = { account: accountOf(seed), block: expect.any(String), amount: String(XNO), xno: '1' }
    expect(JSON.parse(line)).toEqual(told)
    watching.interrupt()
    expect(await watching.ended).toMatchObject({ status: 0 })
  })

  test('--accounts prints, and pockets side by side, what a pool is paid at', async () => {
    const seed = newSeed()
    const env = online(seed)
    const pool = ['--accounts', '2', '--account-index', '3']
    const accounts = (await ran(['wallet', 'address', ...pool], { env })).out.trim().split('\n')
    expect(accounts).toEqual([3, 4].map((index) => publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, index)))))
    for (const account of accounts) await faucet(account, XNO)
    const once = await ran(['wallet', 'receive', ...pool], { env })
    const lines = once.out.trim().split('\n')
    expect(lines.map((line) => /^Received 1 XNO at (nano_\w+) \(block/.exec(line)?.[1]).sort()).toEqual(
      accounts.toSorted(),
    )
    const watching = start(['wallet', 'receive', '--watch', ...pool, '--ws', served.wsUrl, '--every-ms', '3600000'], {
      env,
    })
    for (const account of accounts) await watching.printed(new RegExp(`Watching ${account}`))
    for (const account of accounts) await faucet(account, 2n * XNO)
    for (const account of accounts) await watching.printed(new RegExp(`Received 2 XNO at ${account} \\(block`))
    watching.interrupt()
    expect(await watching.ended).toMatchObject({ status: 0 })
    const balances = await ran(['wallet', 'balance', '--json', ...pool], { env })
    expect(
      balances.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).balance.xno),
    ).toEqual(['3', '3'])
    for (const n of ['0', '257', '-1', 'x'])
      expect(await ran(['wallet', 'address', '--accounts', n], { env })).toMatchObject({ status: 2, out: '' })
  })

  test('receive --watch outlives a node that does not answer', async () => {
    const seed = newSeed()
    served.devnet.faults.down = 'status-500'
    const watching = start(['wallet', 'receive', '--watch', '--every-ms', '20'], { env: online(seed) })
    await watching.printed(/gave no usable answer.* Looking again in 20 ms\.\n/)
    served.devnet.faults.down = undefined
    await faucet(accountOf(seed), XNO)
    await watching.printed(/Received 1 XNO/)
    watching.interrupt()
    await watching.ended
  })

  test('send asks, sends on yes, and nothing otherwise', async () => {
    const { seed, account } = await served.devnet.fundedSeed()
    const to = freshAccount()
    const sending = (args: readonly string[], tty = true) =>
      start(['wallet', 'send', ...args], { env: online(seed), tty })
    const refused = sending([to, '0.5'])
    await refused.printed(new RegExp(`Send 0\\.5 XNO to ${to}\\? \\[y/N\\] $`))
    refused.type('n')
    expect(await refused.ended).toMatchObject({ status: 4, err: expect.stringContaining('Nothing was sent.') })
    expect(await sending([to, '0.5'], false).ended).toMatchObject({
      status: 4,
      err: expect.stringContaining('Add --yes'),
    })
    expect(await sentBy(served.devnet, nanoAddress(account))).toEqual([])
    const sent = sending([`nano:${to}?amount=${XNO / 2n}`])
    await sent.printed(/\[y\/N\] $/)
    sent.type('yes')
    expect(await sent.ended).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^Sent 0\.5 XNO to nano_\w+ \(block [0-9A-F]{64}\)\n$/),
    })
    expect(await sentBy(served.devnet, nanoAddress(account))).toEqual([XNO / 2n])
    const json = await nano402(['wallet', 'send', '--json', '-y', to, '0.25'], { env: online(seed) })
    expect(JSON.parse(json.out)).toMatchObject({ to, amount: String(XNO / 4n), xno: '0.25', confirmed: true })
  })

  test.each([
    ['no account', ['nano_1', '1'], 2, /is invalid for argument 'to'\. Not a Nano account/],
    ['no amount', [freshAccount()], 2, /^How much\? Put the amount in XNO after the account\./],
    ['nothing', [freshAccount(), '0'], 2, /^There is nothing to send/],
    [
      'two amounts',
      [`nano:${freshAccount()}?amount=1`, '1'],
      2,
      /^The URI asks for 0\.0+1 XNO, and the command line says 1\./,
    ],
    [
      'a balance that lacks',
      [freshAccount(), '1'],
      4,
      /^nano_\w{60} is not opened, but 1 XNO is to be paid: send XNO to it\.$/,
    ],
    ['an unknown command', 'sned', 2, /^Unknown command 'sned': did you mean send\? See nano402 wallet --help\.$/],
  ])('send with %s is one sentence', async (_, args, status, sentence) => {
    const words = typeof args === 'string' ? [args] : ['send', '-y', ...args]
    const result = await ran(['wallet', ...words], { env: online(newSeed()) })
    expect(result).toMatchObject({ status, out: '' })
    expect(result.err.trimEnd().replace('nano402: ', '')).toMatch(sentence)
  })
})
