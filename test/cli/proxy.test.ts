/** `nano402 proxy` in front of an API in Python, where there is Python. */
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { afterAll, expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { disposable } from '../support/wait.ts'
import { buy, createWorld, freshAccount } from '../support/world.ts'
import { nano402, ran, start } from './support.ts'

const directory = mkdtempSync(join(tmpdir(), 'nano402-proxy-'))
afterAll(() => rmSync(directory, { recursive: true }))

function file(text: string, name = 'paywall.yaml'): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

/** A configuration whose node is not asked. */
const ELSEWHERE = {
  NANO402_NETWORK: 'nano:devnet',
  NANO402_RPC_URL: 'http://127.0.0.1:1',
  NANO402_PAY_TO: freshAccount(),
  NANO402_SECRET: 'a-secret-of-32-bytes-or-some-more',
}

/** An API that knows nothing of us, with chunks, as HTTP/1.1 has them. */
const PYTHON = `
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class API(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in ("paid by ", self.headers.get("nano402-payer", "nobody")):
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(part), part.encode()))
        self.wfile.write(b"0\\r\\n\\r\\n")
server = ThreadingHTTPServer(("127.0.0.1", 0), API)
print("port", server.server_port, flush=True)
server.serve_forever()
`

test('it says what it charges, charges for an API in another language, and says what was paid', async () => {
  await using served = disposable(await serveDevnet({ confirmMs: 0 }))
  const world = await createWorld({ devnet: served.devnet })
  await using api = startChild('python3', ['-c', PYTHON])
  const [, port] = await api.printed(/port (\d+)/)
  const config = file(`
payTo: ${world.seller.account}
network: nano:devnet
rpc: ${served.url}
routes:
  - { path: /free, free: true }
  - { path: /report, price: 0.001, description: The report of the day }
`)
  const args = [
    'proxy',
    '--upstream',
    `http://127.0.0.1:${port}`,
    '--config',
    config,
    '--port',
    '0',
    '--metrics-port',
    '0',
  ]
  const env = { NANO402_SECRET: 'a-secret-of-32-bytes-or-some-more' }
  const proxy = start(args, { env })
  const [, url = ''] = await proxy.printed(/Proxy at (\S+) for /)
  const [, side = ''] = await proxy.printed(/Metrics and health at (\S+)/)
  await proxy.printed(/Ctrl-C ends it/)
  expect(proxy.out()).toMatch(
    /^ {2}\/free +free\n {2}\/report +0\.001 XNO +The report of the day\n {2}\* +not found \(404\)$/m,
  )
  expect(await (await fetch(`${url}/free`)).text()).toBe('paid by nobody')
  const { headers, hash } = await buy(world.buyer, `${url}/report`)
  expect(await (await fetch(`${url}/report`, { headers })).text()).toBe(`paid by ${world.buyer.account}`)
  await proxy.printed(new RegExp(`paid 0\\.001\\d* XNO for /report by ${world.buyer.account} ${hash}`))
  expect(await (await fetch(`${side}/metrics`)).text()).toContain('nano402_deliveries_total{route="/report"')
  expect(await (await fetch(`${side}/health`)).json()).toEqual({ ok: true, node: true, store: true, upstream: true })
  await api.stop()
  expect((await fetch(`${url}/free`)).status).toBe(502)
  await proxy.printed(/failed \/free: upstream_unavailable/)
  proxy.interrupt()
  expect((await proxy.ended).status).toBe(0)
})

test('with --json the table, each event and each failure is a line of JSON', async () => {
  const env = { ...ELSEWHERE, NANO402_PRICE: '0.002' }
  const proxy = start(['proxy', '--upstream', 'http://127.0.0.1:1', '--port', '0', '--json'], { env })
  const first = JSON.parse((await proxy.printed(/.*\n/))[0])
  expect(first).toMatchObject({
    ...{
      upstream: 'http://127.0.0.1:1',
      warnings: [expect.stringContaining('no Nano node'), expect.stringContaining('nobody takes connections')],
    },
    routes: [{ path: '*', terms: { network: 'nano:devnet', amount: `2${'0'.repeat(27)}` } }],
  })
  await fetch(`${first.url}/a`)
  await fetch(`${first.url}/a`, { headers: { 'PAYMENT-SIGNATURE': 'x' } })
  await proxy.printed(/upstream_unavailable.*\n/)
  const [, challenged, failed] = proxy.out().trim().split('\n')
  expect(JSON.parse(challenged ?? '')).toMatchObject({ type: 'challenged', route: 'default', time: expect.any(String) })
  expect(JSON.parse(failed ?? '')).toMatchObject({ type: 'upstream_unavailable', route: 'default' })
  proxy.interrupt()
  expect((await proxy.ended).status).toBe(0)
})

test('--check says the same, and ends', async () => {
  const config = file(
    'upstream: http://127.0.0.1:1\nprice: 0.001\nroutes: [{ path: /a, methods: [GET, POST] }]\ndefault: free\n',
  )
  const { status, out, err } = await ran(['proxy', '--config', config, '--check'], { env: ELSEWHERE })
  expect([status, out]).toEqual([0, '  GET,POST /a  0.001 XNO\n  *            free\n'])
  expect(err).toMatch(/^warning: default: what no route names is free/m)
})

test('what the library warns of is a sentence, and not where Node heard it', async () => {
  const env = { ...ELSEWHERE, NANO402_SECRET: '', NODE_NO_WARNINGS: '' }
  const { status, err } = await nano402(['proxy', '--upstream', 'http://127.0.0.1:1', '--price', '1', '--check'], {
    env,
  })
  expect([status, err]).toEqual([0, expect.stringMatching(/^warning: No NANO402_SECRET: drew one/)])
  expect(err).not.toMatch(/\(node:|trace-warnings/)
})

test.each([
  ['nothing', [], 'Say what costs what: --config names a file (see --help), or --price is what every request costs.'],
  ['no upstream', ['--price', '0.001'], '--upstream must name the API, such as http://localhost:8080.'],
  ['no price', ['--price', 'free'], "Option '--price <xno>' argument 'free' is invalid."],
  [
    'a file that is not there',
    ['--config', 'nowhere.yaml'],
    'The file nowhere.yaml is not there: --config takes the path of a YAML file.',
  ],
  [
    'a file with a mistake',
    ['--config', file('routes:\n  - path: report\n', 'mistake.yaml'), '--upstream', 'http://x'],
    'mistake.yaml, line 2: routes[0].path: write /report',
  ],
])('%s ends it with 2 and one sentence', async (_, args, sentence) => {
  const { status, err } = await ran(['proxy', ...args])
  expect({ status, err }).toEqual({ status: 2, err: expect.stringContaining(`nano402: ${sentence}`) })
  expect(err.trim().split('\n')).toHaveLength(1)
})

test('a port that is taken ends it with 2 and one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { status, err } = await ran(
    ['proxy', '--upstream', 'http://127.0.0.1:1', '--price', '1', '--port', String(port)],
    { env: ELSEWHERE },
  )
  taken.close()
  expect({ status, err }).toEqual({
    status: 2,
    err: expect.stringMatching(/cannot listen: .*EADDRINUSE.*--metrics-port/),
  })
})
