import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }

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

test('--help tells what there is, and --version which it is', async () => {
  const [help, commandHelp, version] = await Promise.all([
    nano402('--help').ended,
    nano402('devnet', '--help').ended,
    nano402('--version').ended,
  ])
  expect(help).toMatchObject({ code: 0, output: expect.stringContaining('  devnet ') })
  expect(commandHelp).toMatchObject({ code: 0, output: expect.stringContaining('--confirm-ms') })
  expect(version).toEqual({ code: 0, output: `${packageJson.version}\n` })
})

test('a wrong command line ends with 2 and one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const address = taken.address()
  const port = typeof address === 'object' && address ? String(address.port) : ''
  const wrong = await Promise.all([
    nano402('toString').ended,
    nano402('devnet', '--ports', '1').ended,
    nano402('devnet', '--port', '65536').ended,
    nano402('devnet', '--port', port, '--ws-port', '0').ended,
  ])
  taken.close()
  expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2])
  expect(wrong.map(({ output }) => output.trimEnd())).toEqual([
    "nano402: There is no command 'toString'. See nano402 --help.",
    expect.stringMatching(/^nano402: Unknown option '--ports'.*$/),
    "nano402: --port takes a whole number from 0 to 65535, not '65536'.",
    expect.stringMatching(/^nano402: The devnet cannot listen: .*EADDRINUSE.*$/),
  ])
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
