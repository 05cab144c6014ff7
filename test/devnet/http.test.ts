import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ServedDevnet, serveDevnet } from '../../src/devnet/server.ts'
import { notPlayed } from './differences.ts'
import { isRawHttp, numberOf, type Recording, recordings } from './recordings.ts'

let served: ServedDevnet
beforeAll(async () => {
  served = await serveDevnet({ bareGenesis: true })
})
afterAll(() => served.close())

/** Sends bytes, and returns all that came until the server closed the connection. */
async function exchange(bytes: string): Promise<string> {
  const { port, hostname } = new URL(served.url)
  const socket = connect(Number(port), hostname)
  let received = ''
  socket.setEncoding('utf8')
  socket.on('data', (text) => {
    received += text
  })
  socket.write(bytes)
  await once(socket, 'close')
  return received
}

/** What was sent, as far as the recording says. */
function requestBytes(recording: Recording): string {
  const { request, http } = recording
  const requestBody = typeof request === 'string' ? request : JSON.stringify(request)
  if (numberOf(recording) >= 458) return requestBody
  const path = recording.file.includes('other-path') ? '/some/path' : '/'
  const version = recording.file.includes('1.0') ? '1.0' : '1.1'
  const headers = ['Host: x', recording.file.includes('keepalive') ? 'Connection: keep-alive' : 'Accept: */*']
  const isChunked = recording.file.includes('chunked')
  headers.push(isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${requestBody.length}`)
  const body = isChunked ? `${requestBody.length.toString(16)}\r\n${requestBody}\r\n0\r\n\r\n` : requestBody
  return `${http?.method ?? 'POST'} ${path} HTTP/${version}\r\n${headers.join('\r\n')}\r\n\r\n${body}`
}

/** The last answer in what came: an interim `100 Continue` stands before it. */
function parseAnswer(text: string) {
  const answer = text.replace(/^HTTP\/1\.1 100 Continue\r\n(.+\r\n)*\r\n/, '')
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const [statusLine, ...headers] = head.split('\r\n')
  return { statusLine, headers: headers.map((line) => line.split(': ')), body }
}

const withoutVendor = (body: string) => body.replace(/"(node_vendor|store_vendor|build_info)": .*/g, '')
const withoutLength = (headers: readonly (readonly string[])[]) => headers.filter(([name]) => name !== 'Content-Length')

describe('over HTTP the devnet answers as the node did', () => {
  const raw = recordings.filter((one) => isRawHttp(one) && !(one.file in notPlayed))
  for (const recording of raw) {
    test(`${recording.file} ${recording.note}`, async () => {
      const answer = parseAnswer(await exchange(requestBytes(recording)))
      const isInterim = recording.http?.status_line.includes('100') ?? false
      const expected = isInterim ? parseAnswer(recording.body ?? '') : undefined
      // Node.js answers HTTP/1.0 with HTTP/1.1, as RFC 9110 has it.
      const status = (expected?.statusLine ?? recording.http?.status_line)?.replace('HTTP/1.0', 'HTTP/1.1')
      expect(answer.statusLine).toBe(status)
      expect(withoutLength(answer.headers)).toEqual(withoutLength(expected?.headers ?? recording.http?.headers ?? []))
      expect(withoutVendor(answer.body)).toBe(withoutVendor(expected?.body ?? recording.body ?? ''))
    })
  }
})

describe('the faucet', () => {
  const account = 'nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg'
  const ask = async (body: object) => (await fetch(served.url, { method: 'POST', body: JSON.stringify(body) })).json()

  test('is asked like any action', async () => {
    const { hash } = await ask({ action: 'faucet', account, amount: '5' })
    expect(await ask({ action: 'receivable', account, threshold: '1' })).toEqual({ blocks: { [hash]: '5' } })
  })

  test('says what is wrong with a wrong request', async () => {
    expect(await ask({ action: 'faucet', account: 'nano_bad', amount: '5' })).toEqual({
      error: expect.stringContaining('Not a Nano account'),
    })
    expect(await ask({ action: 'faucet', account, amount: '0.5' })).toEqual({ error: expect.stringContaining('raw') })
  })
})

test('nesting is counted outside of texts', async () => {
  const deep = `{"action":"version","x":"${'['.repeat(50)}"}`
  expect(await (await fetch(served.url, { method: 'POST', body: deep })).json()).toMatchObject({ network: 'dev' })
})
