/** A devnet under somebody's own paywall, and somebody who pays: for tests of an app, without a network. */
import { listen } from '#testing/listen'
import { identifierFor } from '../client/identifier.ts'
import { createPayer, type Payer } from '../client/payer.ts'
import { createDevnet, type Devnet } from '../devnet/index.ts'
import { derivePrivateKey, derivePublicKey, publicKeyToAddress } from '../nano/index.ts'
import { X402_VERSION } from '../x402/shapes.ts'
import { x402Client } from '../x402/x402.ts'
import { billOf, type TestAnswer } from './answer.ts'

/** What the network of a test is like. */
export interface TestPaywallOptions {
  /** How long a payment stays unconfirmed, in ms. Default 0: it is confirmed at once. */
  readonly confirmMs?: number
  /**
   * Where the app reads its `NANO402_...` variables: `process.env`. Until `close` it has those of the test, and no others.
   * The devnet then listens on free ports of this machine, which takes Node.js.
   */
  readonly environment?: Record<string, string | undefined>
}

/** What presents a payment: for the second request. */
export type PaymentHeaders = Readonly<Record<string, string>>

/** A network, options for the paywall on it, and somebody who pays. */
export interface TestPaywall {
  /** Options for the app's paywall, where it takes them. `price` is 0.001 XNO; put yours after them. */
  readonly options: {
    readonly network: 'nano:devnet'
    readonly rpc: Devnet
    readonly payTo: string
    readonly price: string
    readonly secret: string
    readonly store: 'memory'
    readonly confirmTimeoutMs: number
  }
  /** The network: its switches make nodes fail and payments wait. */
  readonly devnet: Devnet
  /** Who pays, out of 100 XNO. Its `fetch` is for an app that listens. */
  readonly payer: Payer
  /**
   * Asks without a payment, pays what the 402 asks, and asks again with the payment: gives the second answer.
   *
   * @throws `Error`, in words, when the first answer is no 402; and what `payer.pay` throws.
   */
  buy<A extends TestAnswer>(ask: (headers: PaymentHeaders) => PromiseLike<A> | A): Promise<A>
  /** Pays what a 402 asks, and gives what presents the payment. @throws What `buy` throws. */
  pay(answer: TestAnswer): Promise<PaymentHeaders>
  /** Gives the environment back. Nothing here keeps a process alive, so that a test may end without it. */
  close(): Promise<void>
}

/**
 * Makes a devnet with an account to be paid and a payer, all in this process. Works with any test runner.
 *
 * @throws `ConfigError` (`ERR_CONFIG`) for `environment` where nothing can listen.
 * @example
 * (await createTestPaywall()).options.network // 'nano:devnet'
 */
export async function createTestPaywall(given: TestPaywallOptions = {}): Promise<TestPaywall> {
  const { confirmMs = 0, environment } = given
  const served = environment && (await listen({ confirmMs }))
  const devnet = served?.devnet ?? createDevnet({ confirmMs })
  const { seed } = await devnet.fundedSeed()
  const options = {
    network: 'nano:devnet',
    rpc: devnet,
    payTo: publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, 1))),
    price: '0.001',
    secret: `of-this-test-${seed}`,
    store: 'memory',
    confirmTimeoutMs: 2 * confirmMs + 200, // a payment that a test holds back is not waited for longer than that
  } as const
  const payer = createPayer({
    ...{ seed, network: 'nano:devnet', rpc: devnet, work: 'cpu', budget: { perRequest: '100', total: '100' } },
    confirmTimeoutMs: confirmMs + 1, // the server waits as well
  })
  const giveBack = environment && setVariables(environment, { ...options, rpc: served?.url })

  async function payFor(answer: TestAnswer) {
    const { required } = billOf(answer)
    const { resource, accepts, extensions: offered } = required
    const accepted = accepts.find(({ scheme }) => scheme === 'exact') ?? accepts[0]
    if (!accepted) throw new Error('Expected a 402 with an offer.')
    const { payload, delivered } = await payer.pay(accepted)
    const extensions = identifierFor(offered)
    const payment = {
      x402Version: X402_VERSION,
      resource,
      accepted,
      payload,
      ...(extensions && { extensions }),
    } as const
    return { headers: x402Client.present(payment), delivered }
  }

  return {
    options,
    devnet,
    payer,
    async buy(ask) {
      const { headers, delivered } = await payFor(await ask({}))
      const answer = await ask(headers)
      if (answer.status < 400) await delivered()
      return answer
    },
    pay: async (answer) => (await payFor(answer)).headers,
    async close() {
      giveBack?.()
      await payer.close()
      await (served ?? devnet).close()
    },
  }
}

type Variables = Pick<TestPaywall['options'], 'network' | 'payTo' | 'price' | 'secret' | 'store'> & {
  readonly rpc: string | undefined
}

/** Puts every `NANO402_...` variable in its place. Gives back the way to undo it. */
function setVariables(environment: Record<string, string | undefined>, options: Variables): () => void {
  const takeOut = () => {
    const ours = Object.entries(environment).filter(([name]) => name.startsWith('NANO402_'))
    for (const [name] of ours) delete environment[name]
    return ours
  }
  const before = takeOut()
  Object.assign(environment, {
    NANO402_NETWORK: options.network,
    NANO402_RPC_URL: options.rpc,
    NANO402_PAY_TO: options.payTo,
    NANO402_PRICE: options.price,
    NANO402_SECRET: options.secret,
    NANO402_STORE: options.store,
  })
  return () => {
    takeOut()
    Object.assign(environment, Object.fromEntries(before))
  }
}
