/**
 * Clients of the load test, many in one program: first they pay for everything, then they present what they paid. They
 * sign with another library, nine times as fast as ours, so that what is measured is the server's and not their own.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { eddsa } from '@noble/curves/abstract/edwards.js'
import { ed25519 } from '@noble/curves/ed25519.js'
import { blake2b } from '@noble/hashes/blake2.js'
import {
  addressToPublicKey,
  generateWork,
  hashBlock,
  type NanoAddress,
  nanoAddress,
  raw,
  type StateBlockContent,
  signature,
  WORK_THRESHOLDS,
} from 'nano402/nano'
import { accountInfo, createRpc, publish } from 'nano402/rpc'
import { decodePaymentRequired, PAYMENT_REQUIRED } from '../../src/x402/headers.ts'
import { codeIn } from '../support/raw.ts'
import { proofHeader } from '../support/world.ts'

export interface Purse {
  readonly privateKey: string
  readonly account: NanoAddress
}

export interface Purchase {
  readonly hash: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** How a proof was answered: `200`, `500`, our code, or `no answer`; and after how many milliseconds. */
export type Presentation = readonly [hash: string, answer: string, ms: number]

export type Task =
  | {
      readonly do: 'pay'
      readonly servers: readonly string[]
      readonly node: string
      readonly purses: readonly Purse[]
      /** By all of them. */
      readonly payments: number
      /** A file for the purchases, in a list for each purse. */
      readonly out: string
    }
  | {
      readonly do: 'present'
      readonly servers: readonly string[]
      /** A file of lists, each of which is presented in turn, all side by side. */
      readonly purchases: string
      /** Presents every n-th proof in this many copies at once. */
      readonly every: number
      readonly copies: number
      /** A file for the presentations. */
      readonly out: string
    }

const noble = eddsa(ed25519.Point, blake2b, {
  adjustScalarBytes: (scalar: Uint8Array) =>
    scalar.map((byte, i) => (i === 0 ? byte & 248 : i === 31 ? (byte & 127) | 64 : byte)),
})
const NO_ANSWER = { status: 0, challenge: '', body: '' }
const agent = new Agent({ keepAlive: true })

const ask = (url: string, headers: Readonly<Record<string, string>> = {}) =>
  new Promise<{ status: number; challenge: string; body: string }>((resolve, reject) => {
    get(url, { agent, headers }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text
      })
      response.on('error', reject).on('end', () => {
        const challenge = String(response.headers[PAYMENT_REQUIRED.toLowerCase()] ?? '')
        resolve({ status: response.statusCode ?? 0, challenge, body })
      })
    }).on('error', reject)
  })

async function pay({ servers, node, purses, payments, out }: Task & { readonly do: 'pay' }) {
  const rpc = createRpc({ endpoints: [node], network: 'nano:devnet' })
  let begun = 0
  const payOn = async ({ privateKey, account }: Purse) => {
    const info = await accountInfo(rpc, account)
    if (!info) throw new Error('The purse was never opened.')
    let { frontier: previous, balance } = info
    const purchases: Purchase[] = []
    while (begun < payments) {
      const path = `/report/${++begun}`
      const { challenge } = await ask(`${servers[begun % servers.length]}${path}`)
      const [offer] = decodePaymentRequired(challenge)?.accepts ?? []
      if (!offer) throw new Error('There was no offer.')
      balance = raw(balance - BigInt(offer.amount))
      const link = addressToPublicKey(nanoAddress(offer.payTo))
      const content: StateBlockContent = { account, previous, representative: info.representative, balance, link }
      const signed = noble.sign(Buffer.from(hashBlock(content), 'hex'), Buffer.from(privateKey, 'hex'))
      const work = await generateWork(previous, WORK_THRESHOLDS['nano:devnet'].send)
      previous = await publish(
        rpc,
        { type: 'state', ...content, signature: signature(Buffer.from(signed).toString('hex')), work },
        'send',
      )
      purchases.push({ hash: previous, path, headers: proofHeader(offer, previous) })
    }
    return purchases
  }
  writeFileSync(out, JSON.stringify(await Promise.all(purses.map(payOn))))
  rpc.close()
}

async function present({ servers, purchases, every, copies, out }: Task & { readonly do: 'present' }) {
  const presentations: Presentation[] = []
  let turn = 0
  const show = async ({ hash, path, headers }: Purchase): Promise<void> => {
    const startMs = performance.now()
    const { status, body } = await ask(`${servers[turn++ % servers.length]}${path}`, headers).catch(() => NO_ANSWER)
    presentations.push([
      hash,
      codeIn(body) ?? (status === 0 ? 'no answer' : String(status)),
      performance.now() - startMs,
    ])
    if (status === 503) return show({ hash, path, headers }) // trouble of ours: it is good as it was
  }
  const lists: readonly (readonly Purchase[])[] = JSON.parse(readFileSync(purchases, 'utf8'))
  await Promise.all(
    lists.map(async (list, client) => {
      for (const [i, purchase] of list.entries()) {
        const isCopied = (client + i) % every === 0
        await Promise.all(Array.from({ length: isCopied ? copies : 1 }, () => show(purchase)))
      }
    }),
  )
  writeFileSync(out, JSON.stringify(presentations))
}

const task: Task = JSON.parse(process.argv[2] ?? '')
await (task.do === 'pay' ? pay(task) : present(task))
agent.destroy()
