/** What a browser does with a paywall page, without one: it keeps cookies by path, and says where a request comes from. */
import { parsePaymentUri } from 'nano402/nano'

/** Chromium's, word for word. */
export const BROWSER_ACCEPT =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7'

type Headers = Readonly<Record<string, string>>

export interface FakeBrowser {
  /** Goes to a page. */
  go(url: string, headers?: Headers): Promise<Response>
  /** Asks for the status, as the page's script does. */
  ask(url: string, how: 'events' | 'now', headers?: Headers): Promise<Response>
  /** The cookies that it would send there. */
  cookiesFor(url: string): string
}

interface Cookie {
  readonly value: string
  readonly path: string
}

export function fakeBrowser(): FakeBrowser {
  const jar = new Map<string, Cookie>()
  const matches = (path: string, to: string) =>
    to === path || (to.startsWith(path) && (path.endsWith('/') || to[path.length] === '/'))
  const cookiesFor = (url: string) =>
    [...jar]
      .filter(([, { path }]) => matches(path, new URL(url).pathname))
      .map(([name, { value }]) => `${name.split(' ')[0]}=${value}`)
      .join('; ')
  const send = async (url: string, headers: Headers) => {
    const answer = await fetch(url, { headers: { cookie: cookiesFor(url), ...headers }, redirect: 'manual' })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ')
      const [name = '', value = ''] = pair.split('=')
      const attribute = (wanted: string) => attributes.find((one) => one.startsWith(`${wanted}=`))?.split('=')[1]
      const path = attribute('Path') ?? '/'
      if (attribute('Max-Age') === '0') jar.delete(`${name} ${path}`)
      else jar.set(`${name} ${path}`, { value, path })
    }
    return answer
  }
  return {
    go: (url, headers) => send(url, { accept: BROWSER_ACCEPT, ...headers }),
    ask: (url, how, headers) => send(url, { accept: BROWSER_ACCEPT, 'nano402-page': how, ...headers }),
    cookiesFor,
  }
}

/** What a page asks: from its link, as a wallet has it. */
export async function askedBy(answer: Response): Promise<{ readonly payTo: string; readonly amount: bigint }> {
  const uri = /href="(nano:[^"]+)"/.exec(await answer.text())?.[1]
  const { address, amount } = parsePaymentUri((uri ?? '').replaceAll('&amp;', '&'))
  if (amount === undefined) throw new Error('The link names no amount.')
  return { payTo: address, amount }
}

/** The states that an event stream tells, one after another. */
export async function* statesOf(answer: Response): AsyncGenerator<string> {
  let text = ''
  const decoder = new TextDecoder()
  for await (const piece of answer.body as ReadableStream<Uint8Array>) {
    const events = (text + decoder.decode(piece, { stream: true })).split('\n\n')
    text = events.pop() ?? ''
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data !== undefined) yield (JSON.parse(data) as { state: string }).state
    }
  }
}
