/** Real Redis servers for tests, each in a directory of its own. Needs `redis-server` (Debian's package of that name). */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** Whether there is a Redis to test with. Where nothing may be left out, the tests run anyway, and fail. */
export const hasRedis = Boolean(process.env.CI) || spawnSync('redis-server', ['--version']).status === 0

export interface RedisServer {
  readonly port: number
  readonly url: string
  /** One command over a connection of its own. */
  command(name: string, ...parameters: readonly (string | number)[]): Promise<unknown>
  /** Kills it with -9. */
  kill(): Promise<void>
  /** Starts it again, with the files that it left behind or with none. */
  restart(options?: { readonly empty?: boolean }): Promise<void>
  stop(): Promise<void>
}

/** Starts a server that keeps what it acknowledges and evicts nothing, unless `settings` say otherwise. */
export async function startRedis(...settings: readonly string[]): Promise<RedisServer> {
  const port = await sparePort()
  const places = ['--port', String(port), '--bind', '127.0.0.1']
  const keeping = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  const start = (directory: string) => startServer([...places, ...keeping, ...settings, '--dir', directory])
  const newDirectory = () => mkdtemp(join(tmpdir(), 'nano402-redis-'))
  let directory = await newDirectory()
  let server = await start(directory)
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    async command(name, ...parameters) {
      const client = new Redis(port, '127.0.0.1', { retryStrategy: null, maxRetriesPerRequest: 0 })
      try {
        return await client.call(name, ...parameters)
      } finally {
        client.disconnect()
      }
    },
    kill: () => server.kill(),
    async restart({ empty = false } = {}) {
      await server.kill()
      if (empty) {
        await rm(directory, { recursive: true })
        directory = await newDirectory()
      }
      server = await start(directory)
    },
    async stop() {
      await server.kill()
      await rm(directory, { recursive: true })
    },
  }
}

/** Three servers that share the slots. `nodes` are in no order that matters. */
export async function startCluster(): Promise<{ readonly nodes: readonly RedisServer[]; stop(): Promise<void> }> {
  const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000']
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis(...settings)))
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const made = spawn('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  let said = ''
  for (const stream of [made.stdout, made.stderr]) stream.on('data', (chunk) => (said += chunk))
  const [status] = await once(made, 'close')
  if (status !== 0) throw new Error(`The Cluster was not made:\n${said}`)
  for (const node of nodes) {
    while (!String(await node.command('CLUSTER', 'INFO')).includes('cluster_state:ok')) {
      await new Promise((resolve) => setTimeout(resolve, 10)) // each one finds out by itself that it is part of one
    }
  }
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
}

export interface Proxy {
  readonly port: number
  readonly url: string
  /** Keeps every answer back from now on. */
  holdAnswers(): void
  /** Lets answers through, those that were kept back first. */
  passAnswers(): void
  /** Lets answers through on connections that are made from now on; those that there are stay deaf. */
  passAnswersAnew(): void
  close(): Promise<void>
}

/** A way to a server on which answers can be late. */
export async function startProxy({ port }: Pick<RedisServer, 'port'>): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const answering = new Set<Socket>()
  let holds = false
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        sockets.delete(socket)
        answering.delete(server)
        client.destroy()
        server.destroy()
      })
    }
    answering.add(server)
    client.pipe(server)
    server.on('data', (chunk) => client.write(chunk))
    if (holds) server.pause()
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const at = (proxy.address() as AddressInfo).port
  return {
    port: at,
    url: `redis://127.0.0.1:${at}`,
    holdAnswers() {
      holds = true
      for (const server of answering) server.pause()
    },
    passAnswers() {
      holds = false
      for (const server of answering) server.resume()
    },
    passAnswersAnew() {
      holds = false
    },
    async close() {
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await once(proxy, 'close')
    },
  }
}

/** Starts one that ends with this process, however that ends. */
async function startServer(settings: readonly string[]): Promise<{ kill(): Promise<void> }> {
  const untilInputEnds = 'redis-server "$@" & cat; kill -9 $!; wait'
  const child = spawn('sh', ['-c', untilInputEnds, 'sh', ...settings], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'close')
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      said += chunk
      if (said.includes('Ready to accept connections')) resolve()
      if (/FATAL CONFIG|Failed listening|# Fatal/.test(said)) reject(new Error(`redis-server did not start:\n${said}`))
    })
    child.once('exit', () => reject(new Error(`redis-server ended:\n${said}`)))
  })
  return {
    async kill() {
      child.stdin.end()
      await ended
    },
  }
}

async function sparePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port <= 55_535 ? port : sparePort() // a Cluster's second port is 10,000 above
}
