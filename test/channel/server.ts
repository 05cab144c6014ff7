/** A server of channels in a process of its own. */
import type { PaywallOptions } from 'nano402'
import { startChild } from '../support/child.ts'

export function startServer(options: PaywallOptions, env: Readonly<Record<string, string>> = {}) {
  const OPTIONS = JSON.stringify({ mechanisms: ['channel', 'session'], ...options })
  const args = ['--import', 'tsx', 'test/channel/server-child.ts']
  const child = startChild(process.execPath, args, { env: { OPTIONS, FRAMEWORK: 'Hono', ...env } })
  const listening = child.printed(/(\d+) listens at (\S+)/)
  return {
    child,
    url: listening.then(([, , url = '']) => url),
    /** After it has stood still. */
    goOn: async () => process.kill(Number((await listening)[1]), 'SIGCONT'),
  }
}
