/** Services that somebody else has started: where they are, and which of them are missing. */

import { randomBytes } from 'node:crypto'
import { DEVNET_GENESIS_ACCOUNT } from 'nano402/devnet'
import { accountSigner, createIssuerClient } from 'nano402/issuer'
import type { NanoAddress } from 'nano402/nano'
import { derivePrivateKey, derivePublicKey, parseXno, publicKeyToAddress } from 'nano402/nano'
import { accountInfo, createRpc, receivable } from 'nano402/rpc'
import { decodePaymentRequired } from '../../src/x402/headers.ts'

const { env } = process
export const VENDOR = env.NANO402_VENDOR_URL ?? 'http://127.0.0.1:8000'
export const ISSUER = env.NANO402_ISSUER_URL ?? 'http://127.0.0.1:8001'
export const RPC = env.NANO402_RPC_URL ?? 'http://127.0.0.1:45000'
export const NETWORK = env.NANO402_NETWORK === 'nano:mainnet' ? 'nano:mainnet' : 'nano:devnet'

export const rpc = createRpc({ endpoints: [RPC], network: NETWORK })

const answers = (url: string, init?: RequestInit) =>
  fetch(url, { ...init, signal: AbortSignal.timeout(3_000) }).then(
    ({ ok, status }) => (ok ? undefined : `answers ${status}`),
    () => 'does not answer',
  )

/** Who is told to be reached elsewhere (NANO402_PUBLIC_URL) is paid nothing here: a 402 names the origin that it is of. */
async function namesItself(url: string, path: string, init?: RequestInit): Promise<string | undefined> {
  const challenge = decodePaymentRequired((await fetch(url + path, init)).headers.get('PAYMENT-REQUIRED') ?? '')
  const named = challenge && new URL(challenge.resource.url).origin
  if (named === new URL(url).origin) return undefined
  return named
    ? `says that it is reached at ${named}: ask it there, or change its NANO402_PUBLIC_URL`
    : 'asks for no payment'
}

/** A sentence for each service that is not there, with what names it. */
export async function missing(): Promise<readonly string[]> {
  const deposit = `/accounts/${DEVNET_GENESIS_ACCOUNT}/deposits?amount=${parseXno('0.01')}`
  const found = await Promise.all([
    answers(RPC, { method: 'POST', body: JSON.stringify({ action: 'version' }) }),
    answers(`${VENDOR}/health`).then((trouble) => trouble ?? namesItself(VENDOR, '/paid')),
    answers(`${ISSUER}/health`).then((trouble) => trouble ?? namesItself(ISSUER, deposit, { method: 'POST' })),
  ])
  const names = [
    `the Nano node at ${RPC} (NANO402_RPC_URL; nano402 devnet)`,
    `the vendor at ${VENDOR} (NANO402_VENDOR_URL; nano402 vendor)`,
    `the issuer at ${ISSUER} (NANO402_ISSUER_URL; nano402 issuer)`,
  ]
  return found.flatMap((trouble, i) => (trouble === undefined ? [] : [`${names[i]} ${trouble}`]))
}

export interface Purse {
  readonly seed: string
  readonly account: NanoAddress
}

/** An account with some XNO: that of NANO402_SEED, or a new one from a devnet's faucet. */
export async function purse(): Promise<Purse> {
  const seed = env.NANO402_SEED ?? randomBytes(32).toString('hex')
  const account = publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, 0)))
  if (env.NANO402_SEED === undefined) {
    await rpc.call('faucet', { account, amount: String(parseXno('1')) })
  }
  return { seed, account }
}

/** The issuer, as clients name it. */
export async function issuer(): Promise<{ readonly url: string; readonly publicKey: string }> {
  const { issuer: publicKey } = (await (await fetch(ISSUER)).json()) as { readonly issuer: string }
  return { url: ISSUER, publicKey }
}

/** What an account has on the ledger, what is on its way to it, and what the issuer owes it. */
export async function wealth({ seed, account }: Purse): Promise<bigint> {
  const asked = createIssuerClient({ url: ISSUER, signer: accountSigner(derivePrivateKey(seed, 0)) }).account()
  const owed = await asked.then(
    ({ balance }) => BigInt(balance),
    () => 0n, // it has never heard of it
  )
  const [held, coming] = await Promise.all([accountInfo(rpc, account), receivable(rpc, account, { count: 1_000 })])
  return coming.reduce((sum, { amount }) => sum + amount, owed + (held?.balance ?? 0n))
}
