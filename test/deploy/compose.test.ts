/**
 * deploy/compose.yaml where no container engine runs: what it says, and that the same services run as processes with the
 * same commands and environment, on other ports.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serveDevnet } from 'nano402/devnet/server'
import { derivePrivateKey, derivePublicKey, parseXno, publicKeyToAddress } from 'nano402/nano'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { runCommand, startService } from '../../scripts/channel-system.ts'
import { nano402 } from '../cli/support.ts'
import { ROOT } from '../support/child.ts'
import { hasRedis, startRedis } from '../support/redis.ts'

interface ComposeService {
  readonly image: string
  readonly command: readonly string[]
  readonly ports?: readonly string[]
  readonly profiles?: readonly string[]
  readonly env_file?: readonly string[]
  readonly volumes?: readonly string[]
  readonly healthcheck?: { readonly test: readonly string[] }
}

const read = (path: string) => readFileSync(join(ROOT, 'deploy', path), 'utf8')
const compose = parse(read('compose.yaml'), { merge: true }) as { services: Record<string, ComposeService> }
const { services } = compose
const service = (name: string): ComposeService => {
  const found = services[name]
  if (!found) throw new Error(`compose.yaml has no ${name}.`)
  return found
}
const PROGRAMS = ['issuer', 'vendor', 'client'] as const

/** The variables of a file of `envs`. */
const environmentOf = (name: string): Record<string, string> =>
  Object.fromEntries(
    read(`envs/example.${name}.sh`)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  )

describe('compose.yaml', () => {
  test('has each service, on its port of this machine alone, and a health check for each that others wait for', () => {
    const ports = Object.entries(services).flatMap(([name, { ports = [] }]) => ports.map((port) => `${name} ${port}`))
    const of = (name: string, port: number) => `${name} 127.0.0.1:${port}:${port}`
    expect(ports).toEqual([
      ...[of('devnet', 45000)],
      ...[of('redis-issuer', 6380), of('redis-vendor', 6379), of('issuer', 8001), of('vendor', 8000)],
      ...[of('prometheus', 9090), of('grafana', 3000), of('pyroscope', 4040), of('cadvisor', 8080)],
    ])
    for (const name of ['devnet', 'redis-issuer', 'redis-vendor', 'issuer', 'vendor', 'prometheus', 'grafana']) {
      expect(service(name).healthcheck?.test[0], name).toBe('CMD')
    }
    const optional = Object.keys(services).filter((name) => service(name).profiles?.includes('profiling'))
    expect(optional).toEqual(['pyroscope', 'alloy', 'cadvisor'])
  })

  test('keeps in Redis what is acknowledged, and evicts nothing', () => {
    for (const name of ['redis-issuer', 'redis-vendor']) {
      const said = service(name).command.join(' ')
      expect(said).toContain('--appendonly yes --appendfsync always')
      expect(said).toContain('--maxmemory-policy noeviction')
    }
  })

  test('mounts files that are there', () => {
    const mounts = Object.values(services).flatMap(({ volumes = [], env_file = [] }) => [
      ...volumes.filter((volume) => volume.startsWith('./')).map((volume) => volume.split(':')[0] as string),
      ...env_file,
    ])
    for (const path of mounts) expect(() => readFileSync(join(ROOT, 'deploy', path))).not.toThrow(/ENOENT/)
    expect(mounts.length).toBeGreaterThan(5)
  })

  test('funds the account that the example client pays from', () => {
    const account = publicKeyToAddress(derivePublicKey(derivePrivateKey(environmentOf('client').NANO402_SEED ?? '', 0)))
    expect(service('faucet').command.join(' ')).toContain(account)
  })

  test.each(PROGRAMS)('gives %s commands and variables that it knows, each of them', async (name) => {
    const { out } = await nano402([name, '--help'])
    const [, ...options] = service(name).command
    for (const option of options.filter((part) => part.startsWith('--'))) expect(out).toContain(option)
    for (const variable of Object.keys(environmentOf(name))) {
      // Of the library, and named in its options and not in each command's help.
      if (variable !== 'NANO402_PUBLIC_URL') expect(out).toContain(variable)
    }
  })
})

test('the image is built in one stage and runs in another, without root, and says how it is', () => {
  const file = read('Dockerfile')
  expect(file.match(/^FROM /gm)).toHaveLength(2)
  const last = file.slice(file.lastIndexOf('\nFROM '))
  expect(last).toMatch(/^USER node$/m)
  expect(last).toMatch(/^HEALTHCHECK /m)
  expect(last).not.toMatch(/npm (ci|install|run)/)
})

test('the same services run as processes with the same environment, and Grafana finds in them what it shows', async () => {
  const node = await serveDevnet({ confirmMs: 0 })
  onTestFinished(() => node.close())
  const redis = hasRedis ? await Promise.all([startRedis(), startRedis()]) : []
  onTestFinished(async () => void (await Promise.all(redis.map((server) => server.stop()))))
  const reachable = { NANO402_RPC_URL: node.url, NANO402_WS_URL: node.wsUrl }
  const start = async (name: 'issuer' | 'vendor', store = 'memory', more: Record<string, string> = {}) => {
    const [, ...options] = service(name).command
    const args = options
      .map((part, i) => (options[i - 1] === '--port' ? '0' : part))
      .filter((part) => part !== '--json')
    const { NANO402_PUBLIC_URL, ...env } = environmentOf(name)
    expect(NANO402_PUBLIC_URL).toMatch(new RegExp(`^http://${name}:80`))
    const started = await startService(name, args, { ...env, ...reachable, ...more, NANO402_STORE: store })
    onTestFinished(() => started.stop())
    return started.said.url.replace('0.0.0.0', '127.0.0.1')
  }
  const issuer = await start('issuer', redis[0]?.url)
  const held = { NANO402_ISSUER: issuer }
  const vendor = await start('vendor', redis[1]?.url, held)
  for (const url of [issuer, vendor]) expect((await fetch(`${url}/health`)).status).toBe(200)

  const env = environmentOf('client')
  const account = publicKeyToAddress(derivePublicKey(derivePrivateKey(env.NANO402_SEED ?? '', 0)))
  await node.devnet.faucet(account, parseXno('10'))
  const load = ['--requests', '50', '--concurrency', '8', '--no-journal']
  const { status, said } = await runCommand(['client', `${vendor}/paid`, ...load], { ...env, ...reachable, ...held })
  expect({ status, ...said }).toMatchObject({ status: 0, served: 50, conserved: true, custodian: 'issuer' })
  await fetch(`${vendor}/paid`, { headers: { 'PAYMENT-SIGNATURE': 'rubbish' } })

  const metrics = (await Promise.all([issuer, vendor].map(async (url) => (await fetch(`${url}/metrics`)).text()))).join(
    '\n',
  )
  const shown = new Set(read('grafana/dashboards/nano402.json').match(/\b(nano402|process)_\w+/g))
  expect(shown.size).toBeGreaterThan(10)
  for (const name of shown) {
    // What has not happened has no sample, but is declared.
    expect(metrics, name).toMatch(new RegExp(`^# TYPE ${name.replace(/_bucket$/, '')} `, 'm'))
  }
  expect(metrics).toContain('nano402_refusals_total{route="paid",reason="invalid_payload"} 1')
}, 30_000)
