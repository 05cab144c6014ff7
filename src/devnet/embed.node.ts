/** The devnet that a paywall starts for itself when it is told to use one and given no node. */
import { derivePrivateKey, derivePublicKey, type NanoAddress, publicKeyToAddress } from '../nano/index.ts'
import type { NanoNode } from '../rpc/node.ts'

export interface EmbeddedDevnet {
  /** The devnet as a node. */
  readonly node: NanoNode
  /** A fresh account to be paid. */
  readonly payTo: NanoAddress
  /** Settles when the devnet listens and its funded account is announced. */
  readonly ready: Promise<void>
  close(): void
}

/** Starts a devnet on free ports of this machine, with a funded account for a payer, and says so. */
export function embedDevnet(announce: (text: string) => void): EmbeddedDevnet {
  const starting = import('./server.ts').then(({ serveDevnet }) => serveDevnet({ unref: true }))
  const ready = starting.then(async ({ url, wsUrl, devnet }) => {
    const { seed, account } = await devnet.fundedSeed()
    announce(
      `DEVNET: payments here are worth nothing. RPC ${url}, websocket ${wsUrl}. ` +
        `To pay, use network nano:devnet and the seed ${seed} (account ${account}).`,
    )
  })
  ready.catch(() => {}) // whoever waits for it learns of it
  const node: NanoNode = {
    call: async (action, parameters, signal) => (await starting).devnet.call(action, parameters, signal),
  }
  const close = () =>
    void starting.then(
      (served) => served.close(),
      () => {},
    )
  return { node, payTo: freshAccount(), ready, close }
}

function freshAccount(): NanoAddress {
  const seed = Array.from(crypto.getRandomValues(new Uint8Array(32)), (byte) => byte.toString(16).padStart(2, '0'))
  return publicKeyToAddress(derivePublicKey(derivePrivateKey(seed.join(''), 0)))
}
