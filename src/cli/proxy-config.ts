/** What `nano402 proxy` is told: in a file, and on the command line. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { ConfigError } from '../errors.ts'
import type { ProxyFile } from '../proxy/file.ts'
import type { PaywallProxy, ProxyOptions } from '../proxy/index.ts'
import { UsageError } from './command.ts'

interface Given {
  readonly upstream?: string | undefined
  readonly config?: string | undefined
  readonly price?: string | undefined
}

export interface ProxyConfig {
  readonly upstream: string
  readonly warnings: readonly string[]
  /** Makes the proxy. What is wrong in the file is said with its line. */
  make(create: (options: ProxyOptions) => PaywallProxy): PaywallProxy
}

/** @throws {@link UsageError}, or `ConfigError` with the line of the file. */
export async function readConfig({ upstream, config, price }: Given): Promise<ProxyConfig> {
  const file = config === undefined ? EVERYTHING : await readFile(config)
  if (config === undefined && price === undefined && !process.env.NANO402_PRICE) {
    throw new UsageError(
      'Say what costs what: --config names a file (see --help), or --price is what every request costs.',
    )
  }
  const to = upstream ?? file.options.upstream
  if (typeof to !== 'string') throw new UsageError('--upstream must name the API, such as http://localhost:8080.')
  const data = { ...file.options, upstream: to, ...(price && { price }) }
  const { fromData } = await import('../proxy/data.ts')
  return {
    upstream: to,
    warnings: file.warnings,
    make(create) {
      try {
        return create(fromData(data) as unknown as ProxyOptions) // whose shape is checked there
      } catch (error) {
        throw error instanceof ConfigError ? file.located(error) : error
      }
    },
  }
}

/** Without a file. */
const EVERYTHING: ProxyFile = { options: { default: {} }, warnings: [], located: (error) => error }

async function readFile(path: string): Promise<ProxyFile> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? 'is not there' : code === 'EACCES' ? 'may not be read by you' : `cannot be read (${code})`
    throw new UsageError(`The file ${path} ${why}: --config takes the path of a YAML file.`, { cause: error })
  }
  const { readProxyFile } = await import('../proxy/file.ts') // and with it all of YAML
  return readProxyFile(text, { name: basename(path), environment: process.env })
}
