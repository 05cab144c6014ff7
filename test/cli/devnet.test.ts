import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { ran, start } from './support.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const running: ChildProcess[] = []
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** Starts the command. `printed` resolves when what it printed so far contains a text, `ended` when it is over. */
function nano402(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], { cwd: ROOT })
  running.push(child)
  let output = ''
  const waiting: (() => void)[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
      for (const check of waiting) check()
    })
  }
  const ended = once(child, 'close').then(([code]) => ({ code, output }))
  const printed = (text: string) =>
    new Promise<string>((resolve) => {
      const check = () => output.includes(text) && resolve(output)
      waiting.push(check)
      check()
    })
  return { child, ended, printed: (text: string) => Promise.race([printed(text), ended.then(() => output)]) }
}

const field = (output: string, name: string) => new RegExp(`${name} +(\\S+)`).exec(output)?.[1] ?? ''

test('devnet prints what is needed to use it, and ends on a signal', async () => {
  const { child, printed, ended } = nano402('devnet', '--port', '0', '--ws-port', '0', '--confirm-ms', '0')
  const output = await printed('Ctrl-C')
  const url = field(output, 'RPC')
  expect(field(output, 'websocket')).toMatch(/^ws:\/\/127\.0\.0\.1:\d+$/)
  const ask = async (body: string) => (await fetch(url, { method: 'POST', body })).json()

  const account = /nano_[13][13-9a-z]{59}/.exec(output)?.[0]
  const balance = JSON.stringify({ action: 'account_balance', account })
  expect(await ask(balance)).toMatchObject({ balance: `100${'0'.repeat(30)}`, receivable: '0' })
  const { public: publicKey } = await ask(
    JSON.stringify({ action: 'deterministic_key', seed: field(output, 'seed'), index: 0 }),
  )
  expect(await ask(JSON.stringify({ action: 'account_key', account }))).toEqual({ key: publicKey })

  const faucet = /curl -d '(\{.*\})' (\S+)/.exec(output)
  expect(faucet?.[2]).toBe(url)
  await ask(faucet?.[1] ?? '')
  expect(await ask(balance)).toMatchObject({ receivable: `1${'0'.repeat(30)}` })

  child.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 0 })
})

test('devnet --json prints one line of JSON for programs', async () => {
  const devnet = start(['devnet', '--port', '0', '--ws-port', '0', '--json'])
  const [line] = await devnet.printed(/.*\n/)
  expect(JSON.parse(line)).toEqual({
    network: 'nano:devnet',
    rpc: expect.stringMatching(/^http:/),
    ws: expect.stringMatching(/^ws:/),
    seed: expect.stringMatching(/^[0-9A-F]{64}$/i),
    privateKey: expect.any(String),
    account: expect.stringMatching(/^nano_/),
  })
  devnet.interrupt()
  expect(await devnet.ended).toMatchObject({ status: 0, err: '' })
})

test('a port that is taken ends it with 2 and one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { status, err } = await ran(['devnet', '--port', String(port), '--ws-port', '0'])
  taken.close()
  expect({ status, err }).toEqual({
    status: 2,
    err: expect.stringMatching(/^nano402: The devnet cannot listen: .*EADDRINUSE.*\n$/),
  })
})

test('a devnet in process keeps no process alive', async () => {
  const script = `import { createDevnet } from 'nano402/devnet'
    import { publish, walletOf } from './test/devnet/wallet.ts'
    const devnet = createDevnet({ confirmMs: 3_600_000 })
    const payer = walletOf((await devnet.fundedSeed()).seed)
    const hash = await publish(devnet, payer, { link: '1'.repeat(64), amount: 1n })
    console.log((await devnet.call('block_info', { hash })).confirmed)`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: ROOT })
  running.push(child)
  let output = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  expect((await once(child, 'close'))[0]).toBe(0)
  expect(output).toBe('false\n')
})
