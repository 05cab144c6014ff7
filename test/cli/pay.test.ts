import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import express from 'express'
import { createPaywall } from 'nano402'
import { type ServedDevnet, serveDevnet } from 'nano402/devnet/server'
import { paywall } from 'nano402/express'
import { blockHash, type NanoAddress, nanoAddress } from 'nano402/nano'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { sentBy } from '../client/support.ts'
import { temporaryDirectory } from '../support/stores.ts'
import { freshAccount, SECRET } from '../support/world.ts'
import { nano402, type Ran, ran, start } from './support.ts'

let served: ServedDevnet
let account: NanoAddress
let env: Record<string, string>
let home: string
let url: string
let runs: number
beforeAll(async () => {
  served = await serveDevnet({ port: 0, wsPort: 0, confirmMs: 20 })
})
afterAll(() => served.close())

/** An Express server with a route that is charged for. */
beforeEach(async () => {
  const funded = await served.devnet.fundedSeed()
  account = nanoAddress(funded.account)
  home = temporaryDirectory()
  env = {
    NANO402_SEED: funded.seed,
    NANO402_RPC_URL: served.url,
    NANO402_NETWORK: 'nano:devnet',
    XDG_STATE_HOME: home,
  }
  const shop = createPaywall({
    network: 'nano:devnet',
    rpc: served.url,
    payTo: freshAccount(),
    price: '0.001',
    secret: `${SECRET}-cli`,
  })
  runs = 0
  const app = express()
  const half = (response: express.Response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half')
    setTimeout(() => response.destroy(), 20)
  }
  app.get('/free', (request, response) => void ('half' in request.query ? half(response) : response.send('free today')))
  app.use(paywall(shop))
  app.all('/report', express.text({ type: '*/*' }), (request, response) => {
    runs++
    response
      .set('x-method', request.method)
      .send(`report for ${String(request.headers['x-name'])} ${String(request.body)}`)
  })
  app.get('/binary', (_, response) => void response.type('bin').send(Buffer.from([0xff, 0x00, 0xfe])))
  app.get('/half', (_, response) => half(response))
  app.get('/broken', (_, response) => void response.status(500).send('broken'))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(async () => {
    server.close()
    server.closeAllConnections()
    await shop.close({ timeoutMs: 1 })
  })
})

const paid = () => sentBy(served.devnet, account)
const pay = (...args: readonly string[]): Promise<Ran> => ran(['pay', ...args], { env })

describe('nano402 pay', () => {
  test.each([
    ['built', (args: readonly string[]) => nano402(args, { env })],
    ['from source', (args: readonly string[]) => ran(args, { env })],
  ])('%s pays with --yes: the answer goes to the output, all else beside it', async (_, run) => {
    const { status, out, err } = await run(['pay', '--yes', '-H', 'X-Name: Ada', `${url}/report`])
    expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining('report for Ada') })
    const [amount] = await paid()
    expect(err).toMatch(
      /^402 GET http:.*\/report\n {2}price {3}0\.001 XNO\n {2}amount {2}0\.001\d+ XNO, .*\n {2}to {6}nano_\w{60}\n/,
    )
    expect(err).toMatch(/Computing proof of work .*\nProof of work: \d+ ms\nPublished block [0-9A-F]{64}\n/)
    const digits = String(amount).padStart(30, '0').replace(/0+$/, '')
    expect(err).toMatch(new RegExp(`Paid 0\\.${digits} XNO \\(block [0-9A-F]{64}\\)\\n$`))
    expect(err + out).not.toContain('\u001b')
    expect(runs).toBe(1)
  })

  test('asks a person, and pays on yes', async () => {
    const command = start(['pay', `${url}/report`], { env, tty: true })
    await command.printed(/price {3}0\.001 XNO/)
    await command.printed(/Pay this\? \[y\/N\] $/)
    expect(await paid()).toEqual([])
    command.type('y')
    const { status, out, err } = await command.ended
    expect({ status, out }).toEqual({ status: 0, out: expect.stringContaining('report for') })
    expect(err).toContain('\r\u001b[K- Waiting for its confirmation')
    expect(err).toContain('\u001b[32mPaid\u001b[39m')
    expect(await paid()).toHaveLength(1)
  })

  test.each(['n', '', 'ye', 'no'])('pays nothing when the person says %j', async (answer) => {
    const command = start(['pay', `${url}/report`], { env, tty: true })
    await command.printed(/Pay this/)
    command.type(answer)
    expect(await command.ended).toMatchObject({
      status: 4,
      out: '',
      err: expect.stringContaining('was not approved: nothing was paid'),
    })
    expect(await paid()).toEqual([])
  })

  test('pays nothing when the person presses Ctrl-C instead', async () => {
    const command = start(['pay', `${url}/report`], { env, tty: true })
    await command.printed(/Pay this/)
    command.interrupt()
    expect(await command.ended).toMatchObject({
      status: 130,
      err: expect.stringContaining('Interrupted: nothing was paid'),
    })
    expect(await paid()).toEqual([])
  })

  test('that is interrupted after it paid ends with 5, and the same command again uses that payment', async () => {
    served.devnet.faults.confirmLagMs = 600_000
    const command = start(['pay', '-y', `${url}/report`], { env })
    await command.printed(/Published block/)
    command.interrupt()
    expect(await command.ended).toMatchObject({
      status: 5,
      out: '',
      err: expect.stringMatching(/Make the same request again: it uses the same payment\.\n$/),
    })
    served.devnet.faults.confirmLagMs = 0
    const [hash = ''] = /[0-9A-F]{64}/.exec(command.err()) ?? []
    served.devnet.confirm(blockHash(hash))
    expect(await pay('-y', `${url}/report`)).toMatchObject({
      status: 0,
      err: expect.stringContaining(`using it (block ${hash})`),
    })
    expect(await paid()).toHaveLength(1)
    expect(runs).toBe(1)
  })

  test('pays nothing where nobody can be asked, and says how it would', async () => {
    expect(await pay(`${url}/report`)).toMatchObject({
      status: 4,
      out: '',
      err: expect.stringMatching(/Add --yes, and a --max\.\n$/),
    })
    expect(await paid()).toEqual([])
  })

  test('pays nothing above --max, nor above --max-per-day, counted over its runs', async () => {
    expect(await pay('--yes', '--max', '0.0005', `${url}/report`)).toMatchObject({
      status: 4,
      err: expect.stringMatching(/asks for 0\.001\d+ XNO, and --max is 0\.0005: nothing was paid\. Raise --max/),
    })
    const daily = ['--yes', '--max-per-day', '0.0015', `${url}/report`]
    expect(await pay(...daily)).toMatchObject({ status: 0 })
    expect(await pay(...daily)).toMatchObject({
      status: 4,
      err: expect.stringMatching(/more than --max-per-day allows: 0\.0004\d* XNO is left/),
    })
    expect(await paid()).toHaveLength(1)
  })

  test('makes the request that curl would: method, headers, body, and what costs nothing is not paid', async () => {
    const body = join(home, 'body.txt')
    writeFileSync(body, 'from a file')
    expect((await pay('-y', '-d', 'a=1', `${url}/report`)).out).toContain('a=1')
    expect((await pay('-y', '-X', 'put', '-d', `@${body}`, `${url}/report`)).out).toContain('from a file')
    const piped = await ran(['pay', '-y', '-d', '@-', `${url}/report`], { env, input: 'from the input' })
    expect(piped.out).toContain('from the input')
    expect(await paid()).toHaveLength(3)
    expect(await pay(`${url}/free`)).toEqual({ status: 0, out: 'free today', err: '' })
    expect(await paid()).toHaveLength(3)
  })

  test('--json prints one object with the answer and the payment, and -o writes the answer to a file', async () => {
    const text = JSON.parse((await pay('--json', '-y', `${url}/report`)).out)
    const [amount] = await paid()
    expect(text).toMatchObject({
      url: `${url}/report`,
      status: 200,
      headers: { 'x-method': 'GET' },
      body: expect.stringContaining('report for'),
      payment: {
        served: true,
        price: `1${'0'.repeat(27)}`,
        amount: String(amount),
        settlement: { success: true, payer: account },
      },
    })
    expect(text.payment.block).toBe(text.payment.settlement.transaction)
    expect(JSON.parse((await pay('--json', '-y', `${url}/binary`)).out)).toMatchObject({ bodyBase64: '/wD+' })
    const file = join(home, 'report.bin')
    expect(await pay('-y', '-o', file, `${url}/binary`)).toMatchObject({ status: 0, out: '' })
    expect([...readFileSync(file)]).toEqual([0xff, 0x00, 0xfe])
    expect(JSON.parse((await pay('--json', `${url}/free`)).out)).toMatchObject({ body: 'free today', payment: null })
  })

  test('an answer that does not use the payment up ends with 5, and the same command again pays nothing more', async () => {
    const first = await pay('-y', `${url}/broken`)
    expect(first).toMatchObject({
      status: 5,
      out: 'broken',
      err: expect.stringMatching(/is not used up\. Repeat the command to use it\.\n$/),
    })
    const again = await pay('-y', `${url}/broken`)
    expect(again.err).toContain('An earlier payment for this request is unused')
    expect(await paid()).toHaveLength(1)
  })

  test('a lack of balance is one sentence that says where to send XNO', async () => {
    const { status, err } = await ran(['pay', '-y', `${url}/report`], {
      env: { ...env, NANO402_SEED: 'ab'.repeat(32) },
    })
    expect(status).toBe(4)
    expect(err.split('\n').at(-2)).toMatch(
      /^nano402: nano_\w{60} is not opened, but 0\.001\d* XNO is to be paid: send XNO to it\.$/,
    )
  })

  test.each([
    ['no URL', () => [], 2, "Missing required argument 'url'. See nano402 pay --help."],
    ['an address of another kind', () => ['ftp://x/'], 2, /Expected an http or https URL/],
    [
      'a server that is not there',
      () => ['-y', 'http://127.0.0.1:59/'],
      1,
      /^http:\/\/127\.0\.0\.1:59 does not answer \(ECONNREFUSED\): is the URL right/,
    ],
    [
      'a node that is not there',
      () => ['-y', '--rpc', 'http://127.0.0.1:1', `${url}/report`],
      1,
      /^Nano node 1 of 1 gave no usable answer/,
    ],
    [
      'a node of another network',
      () => ['-y', '--network', 'nano:mainnet', `${url}/report`],
      4,
      /its network is not nano:mainnet/,
    ],
    [
      'a price that is none',
      () => ['--max', '$1', `${url}/report`],
      2,
      /'--max <xno>' argument '\$1' is invalid\. Not an amount in XNO/,
    ],
    ['a header that is none', () => ['-H', 'x', `${url}/report`], 2, /Expected 'Name: value'/],
    [
      'a file that is not there',
      () => ['-d', '@/no/such', `${url}/report`],
      2,
      /The file \/no\/such cannot be read \(ENOENT\)/,
    ],
    [
      'an output that cannot be written',
      () => ['-y', '-o', '/no/such/file', `${url}/report`],
      2,
      /cannot be written \(ENOENT\): name another file/,
    ],
    [
      'a journal that cannot be written',
      () => ['-y', '--journal', '/dev/null/x', `${url}/report`],
      2,
      /journal .* cannot be used \(E\w+\)/,
    ],
    ['standard input twice', () => ['-d', '@-', '--seed-file', '-', `${url}/report`], 2, /cannot be both/],
  ])('%s is one sentence, and nothing is paid', async (_, args, status, sentence) => {
    const result = await pay(...args())
    const last = result.err.split('\n').at(-2)?.replace('nano402: ', '')
    expect(last).toEqual(typeof sentence === 'string' ? sentence : expect.stringMatching(sentence))
    expect(result).toMatchObject({ status, out: '' })
    expect(result.err).not.toMatch(/\n {4}at /)
    expect(await paid()).toEqual([])
  })

  test('an answer that breaks off ends with 5 if it was paid for, and with 1 if not', async () => {
    expect(await pay('-y', `${url}/half`)).toMatchObject({
      status: 5,
      err: expect.stringMatching(/broke off before its end\.\n$/),
    })
    expect(await pay('-y', `${url}/free?half`)).toMatchObject({
      status: 1,
      err: 'nano402: The answer broke off before its end.\n',
    })
    expect(await paid()).toHaveLength(1)
  })

  test('what a server says cannot move the cursor', async () => {
    const result = await pay(`${url}/report?x=%1b[2J\u202e`)
    expect(result.err).not.toContain('\u001b')
    expect(result.err).not.toContain('\u202e')
  })

  test('two processes do not pay from one account at once', async () => {
    const first = start(['pay', `${url}/report`], { env, tty: true })
    await first.printed(/Pay this/)
    expect(await nano402(['pay', '-y', `${url}/report`], { env })).toMatchObject({
      status: 1,
      err: expect.stringMatching(
        new RegExp(`^nano402: Process ${process.pid} is paying from this account: wait for it`),
      ),
    })
    first.type('n')
    await first.ended
    expect(await pay('-y', `${url}/report`)).toMatchObject({ status: 0 })
    const journal = join(home, 'nano402', `nano-devnet-${account}.jsonl`)
    expect(statSync(journal).mode & 0o777).toBe(0o600)
    writeFileSync(`${journal}.lock`, '999999999') // somebody who was killed
    expect(await pay('-y', `${url}/report`)).toMatchObject({ status: 0 })
  })
})
