import { createDevnet, type Devnet } from 'nano402/devnet'
import { createRpc, type NanoNode } from 'nano402/rpc'
import { describe, test } from 'vitest'
import { serveDevnet } from '../../src/devnet/server.ts'
import { type NodeUnderTest, nodeContract } from '../../src/testing/node.ts'

const tested = (node: NanoNode, net: Devnet, close: () => Promise<void>): NodeUnderTest => ({
  node,
  fund: (account, amount) => net.faucet(account, amount),
  close,
})

async function inProcess() {
  const net = createDevnet({ confirmMs: 10 })
  return tested(net, net, async () => net.close())
}

async function overHttp() {
  const { url, devnet, close } = await serveDevnet({ confirmMs: 10 })
  const rpc = createRpc({ endpoints: [url], network: 'nano:devnet' })
  return tested(rpc, devnet, async () => {
    rpc.close()
    await close()
  })
}

/** A proxy that knows the old actions only. */
async function oldProxy() {
  const { url, devnet, close } = await serveDevnet({ confirmMs: 10 })
  const rpc = createRpc({ endpoints: [url], network: 'nano:devnet' })
  const hidden: Readonly<Record<string, string>> = { blocks_info: 'no_such_action', receivable: 'no_such_action' }
  const node: NanoNode = { call: (action, ...rest) => rpc.call(hidden[action] ?? action, ...rest) }
  return tested(node, devnet, close)
}

describe.each([
  ['a devnet in process', inProcess],
  ['a devnet over HTTP', overHttp],
  ['a restricted proxy', oldProxy],
])('%s', (_, open) => {
  for (const { name, run } of nodeContract(open)) test(name, run)
})
