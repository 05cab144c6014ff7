/** Nodes that answer what a test wants, right or wrong: as objects, and as a tiny HTTP server. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FundedSeed } from 'nano402/devnet'
import {
  addressToPublicKey,
  type BlockHash,
  derivePrivateKey,
  derivePublicKey,
  generateWork,
  publicKeyToAddress,
  type Raw,
  raw,
  signBlock,
  WORK_THRESHOLDS,
  ZERO_HASH,
} from 'nano402/nano'
import { accountInfo, type NanoNode, publish } from 'nano402/rpc'
import { onTestFinished } from 'vitest'
import { NodeRefusedError } from '../../src/errors.ts'

export interface Asked {
  readonly body: Readonly<Record<string, unknown>>
  readonly headers: IncomingMessage['headers']
}

export interface TestServer {
  readonly url: string
  /** Every request so far. */
  readonly asked: readonly Asked[]
  close(): Promise<void>
}

/** Answers every POST with what `answer` gives: JSON, or whatever it writes itself when it gives undefined. */
export async function serve(answer: (asked: Asked, response: ServerResponse) => unknown): Promise<TestServer> {
  const asked: Asked[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const one = { body: JSON.parse(text), headers: request.headers }
    asked.push(one)
    const json = await answer(one, response)
    if (json !== undefined) response.setHeader('content-type', 'application/json').end(JSON.stringify(json))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  onTestFinished(close)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, close }
}

/** What a promise rejected with. */
export async function failure(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('It was expected to reject.')
}

/** Everything an error could show to a log: its message, stack and properties, down the chain of causes. */
export function everythingSaid(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [error.message, error.stack, JSON.stringify(error), everythingSaid(error.cause ?? '')].join('\n')
}

/** A node that answers each action as told, and remembers what it was asked. */
export function answering(answers: Readonly<Record<string, (parameters: Fields) => unknown>>) {
  const asked: { readonly action: string; readonly parameters: Fields }[] = []
  const node: NanoNode = {
    async call(action, parameters) {
      asked.push({ action, parameters })
      const answer = (answers[action] ?? (() => ({ error: 'Unknown command' })))(parameters) as Fields
      if (typeof answer.error === 'string') throw new NodeRefusedError(action, answer.error)
      return answer
    },
  }
  return { node, asked }
}

export type Fields = Readonly<Record<string, unknown>>

/** A send of 123456789012345678901234567890123 raw, as a real node (version 27.1, dev network) showed it. */
export const SEND = 'C2E39714FF24E046360063187792507FB67DDF179E5B851044B87DEDECD99A13' as BlockHash
export const SEND_INFO = {
  block_account: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
  amount: '123456789012345678901234567890123',
  balance: '340282242464149451117695706197200321332',
  height: '5',
  local_timestamp: '1795222581',
  successor: '0000000000000000000000000000000000000000000000000000000000000000',
  confirmed: 'true',
  contents: {
    type: 'state',
    account: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
    previous: 'DEA1EE253335A66EC3E5C03D96D5DA3506AC7A86A4FFFF40A160E369EC4B3CFA',
    representative: 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
    balance: '340282242464149451117695706197200321332',
    link: '49E6735D5FD401681B8A43CEC5289A86EFC56C04251621A0FFC10E1E386ACAAC',
    link_as_account: 'nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg',
    signature:
      'D21C4B1482B32846B8C040804CE5959F7B682121AB4201E3EC85FF56CDB234C8E03F8C92B609833F052351B716039CAD5B15AC99EB7B14234DA34491243C570F',
    work: 'bcabf85c458e859f',
  },
  subtype: 'send',
} as const

/** The account that payments go to. */
export const PAYEE = publicKeyToAddress(derivePublicKey(derivePrivateKey('77'.repeat(32), 0)))

/** Puts one block on a funded account's frontier. */
async function append(node: NanoNode, { account, privateKey }: FundedSeed, amount: Raw, link: string) {
  const info = await accountInfo(node, account)
  if (info === undefined) throw new Error('The account is not funded.')
  const { frontier: previous, representative, balance } = info
  const content = { account, previous, representative, balance: raw(balance - amount), link }
  const work = await generateWork(previous, WORK_THRESHOLDS['nano:devnet'].send)
  return publish(node, signBlock(content, privateKey, work), amount > 0n ? 'send' : 'change')
}
/** Pays `PAYEE`. */
export const pay = (node: NanoNode, from: FundedSeed, amount: Raw) =>
  append(node, from, amount, addressToPublicKey(PAYEE))
/** Publishes a block that moves nothing. */
export const change = (node: NanoNode, from: FundedSeed) => append(node, from, raw(0n), ZERO_HASH)
