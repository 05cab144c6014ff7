/** Asks a priced route for its content without paying: in the plain way, and in ways that have fooled other paywalls. */
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { formatXno, parseRaw } from '../nano/index.ts'
import { attempt, type Check, check } from './check.ts'
import type { Configuration } from './doctor-checks.ts'
import { examine } from './inspect.ts'

const TIMEOUT_MS = 10_000
const MAX_BODY = 65_536

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** Sends a request whose path goes out as it is written: `fetch` and `URL` would tidy it up. */
function ask(
  origin: string,
  target: string,
  method = 'GET',
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { protocol, hostname, port } = new URL(origin)
  return new Promise((resolve, reject) => {
    const options = {
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port,
      path: target,
      method,
      headers,
      timeout: TIMEOUT_MS,
    }
    const outgoing = (protocol === 'https:' ? httpsRequest : httpRequest)({ protocol, ...options }, (incoming) => {
      bodyOf(incoming).then((body) => {
        outgoing.destroy()
        const pairs = Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
          values.map((value): [string, string] => [name, value]),
        )
        resolve({ status: incoming.statusCode ?? 0, headers: new Headers(pairs), body })
      }, reject)
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    outgoing.on('error', reject)
    outgoing.end()
  })
}

/** The body, or its beginning: a stream need not end. */
async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = ''
  for await (const piece of incoming.setEncoding('utf8')) {
    body += piece
    if (body.length > MAX_BODY) break
  }
  return body
}

/** The same resource to a careless router, in other words. */
function spellingsOf(path: string): readonly string[] {
  const last = path.lastIndexOf('/') + 1
  const [folder, name] = [path.slice(0, last), path.slice(last)]
  const code = name.charCodeAt(0).toString(16).padStart(2, '0')
  const named = [
    `${folder}%${code}${name.slice(1)}`,
    `${folder}./${name}`,
    `${folder}x/../${name}`,
    `${folder}%2e/${name}`,
    `${folder}x/%2e%2e/${name}`,
    `${folder}${[...new TextEncoder().encode(name)].map((byte) => `%${byte.toString(16)}`).join('')}`,
  ]
  const all = [
    `/${path}`,
    `${path}/`,
    `${path}//`,
    `${path}/.`,
    `${path}%20`,
    `${path}%00`,
    `${path}%2f`,
    `${path};a=b`,
    `${path}.`,
    `${path}?`,
    `${path}?nano402=1`,
  ]
  const cased = [path.toUpperCase(), path.charAt(0) + path.slice(1, 2).toUpperCase() + path.slice(2)]
  return [...new Set([...(name === '' ? [] : named), ...all, ...cased])].filter((spelling) => spelling !== path)
}

const served = ({ status }: Answer) => status >= 200 && status < 300

/** All checks of one route. */
export async function probeRoute(url: string, configuration: Configuration): Promise<readonly Check[]> {
  const { origin, pathname, search } = new URL(url)
  const target = pathname + search
  const name = (what: string) => `${what} ${url}`
  const plain = await attempt(name('GET'), async () =>
    checkBill(name('GET'), await ask(origin, target), url, configuration),
  )
  if (plain.verdict === 'failed' && !plain.says.startsWith('402')) return [plain]
  return [
    plain,
    await attempt(name('HEAD'), async () => refusal(name('HEAD'), await ask(origin, target, 'HEAD'))),
    await attempt(name('OPTIONS'), async () => checkOptions(name('OPTIONS'), await ask(origin, target, 'OPTIONS'))),
    await attempt(name('forged payment'), async () => {
      const forged = Buffer.from('{"x402Version":2,"payload":{}}').toString('base64')
      return refusal(name('forged payment'), await ask(origin, target, 'GET', { 'PAYMENT-SIGNATURE': forged }))
    }),
    await attempt(name('spellings'), () => checkSpellings(name('spellings'), { origin, pathname, search })),
  ]
}

const refusal = (name: string, answer: Answer) =>
  served(answer)
    ? check(name, 'failed', `Answered ${answer.status} without a payment: put the paywall in front of it.`)
    : check(name, 'ok', `answers ${answer.status}`)

/** A preflight may be answered, but not with content. */
const checkOptions = (name: string, answer: Answer) =>
  served(answer) && answer.body !== '' && !answer.headers.has('allow')
    ? check(name, 'failed', `Answered ${answer.status} with content, without a payment.`)
    : check(name, 'ok', `answers ${answer.status}${answer.body === '' ? ' without content' : ''}`)

/** A catch-all that answers anything is no leak: what a made-up path gets is the measure. */
async function checkSpellings(name: string, { origin, pathname, search }: Pick<URL, 'origin' | 'pathname' | 'search'>) {
  const spellings = spellingsOf(pathname)
  const nowhere = await ask(origin, `/nano402-doctor-${crypto.randomUUID()}`)
  const leaks: string[] = []
  for (const spelling of spellings) {
    const answer = await ask(origin, spelling.includes('?') ? spelling : spelling + search)
    if (served(answer) && !(served(nowhere) && answer.body === nowhere.body)) leaks.push(spelling)
  }
  return leaks.length === 0
    ? check(name, 'ok', `${spellings.length} odd spellings of the path are not served`)
    : check(
        name,
        'failed',
        `Answered without a payment: ${leaks.join(' ')}. Is it the paid content? Then guard it, too.`,
      )
}

/** A 402 that asks what the configuration says. */
async function checkBill(
  name: string,
  { status, headers, body }: Answer,
  url: string,
  configuration: Configuration,
): Promise<Check> {
  if (status >= 200 && status < 300)
    return check(name, 'failed', `Answered ${status} without a payment: no paywall is in front of it.`)
  if (status !== 402) return check(name, 'failed', `Answered ${status}, not 402: is the URL that of a priced route?`)
  const { problems, offers, resource } = await examine(new Response(body, { status, headers }), url)
  if (problems.length > 0) return check(name, 'failed', `402, but ${problems.join(' ')}`)
  const { network, accounts, publicUrl } = configuration
  const ours = offers.filter(({ offer }) => offer.asset === 'XNO')
  const [offer] = ours
  if (offer === undefined) return check(name, 'failed', '402, but it asks for no XNO.')
  if (offer.offer.network !== network) {
    return check(name, 'failed', `402, but it asks on ${offer.offer.network}, and NANO402_NETWORK is ${network}.`)
  }
  if (accounts.length > 0 && !accounts.includes(offer.offer.payTo)) {
    return check(name, 'warning', `402, but it pays ${offer.offer.payTo}, and NANO402_PAY_TO is another account.`)
  }
  if (!/\bno-store\b/i.test(headers.get('cache-control') ?? '')) {
    return check(
      name,
      'warning',
      '402 without Cache-Control: no-store: a cache could hand one client the offer of another.',
    )
  }
  if (publicUrl !== undefined && resource && new URL(resource.url, url).origin !== new URL(publicUrl).origin) {
    return check(name, 'warning', '402, but it names a resource that is not at NANO402_PUBLIC_URL.')
  }
  return check(name, 'ok', `402, asks ${formatXno(parseRaw(offer.offer.amount))} XNO, tag included`)
}
