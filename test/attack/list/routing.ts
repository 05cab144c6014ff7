/** H: whatever the router would serve is paid for, however it is asked for. */

import type { Answer, Attack, Trial } from './attack.ts'
import { hosts, INTERNAL_HEADERS } from './disguises.ts'

/** Not served: asked to pay, not found, not understood, or sent to the proper spelling. */
const GATED: readonly Answer[] = ['payment_required', 400, 404, 405, 308]

/** Asks for each of these targets, without a payment. */
async function askForEach({ raw, refuses }: Trial, targets: readonly string[]): Promise<void> {
  for (const target of targets) await refuses(() => raw('GET', target), GATED)
}

const pathOf = ({ url }: Trial) => new URL(url).pathname

/** The path with its last letter, or all of it, written otherwise. */
const respelt = (path: string, spell: (letter: string) => string) => path.slice(0, -1) + spell(path.slice(-1))
const percent = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`

const exemptions: Readonly<Record<string, string>> = {
  Referer: 'http://127.0.0.1/',
  'User-Agent': 'Googlebot/2.1 (+http://www.google.com/bot.html)',
  'X-Forwarded-For': '127.0.0.1',
  'X-Real-IP': '127.0.0.1',
  Forwarded: 'for=127.0.0.1;proto=https;host=localhost',
  'X-Original-URL': '/free',
  'X-Rewrite-URL': '/free',
  'X-HTTP-Method-Override': 'OPTIONS',
  'X-Payment-Verified': 'true',
  'PAYMENT-RESPONSE': btoa('{"success":true,"transaction":"","network":"nano:mainnet"}'),
  Authorization: 'Bearer admin',
  Cookie: 'paid=1',
  Range: 'bytes=0-',
  'If-None-Match': '*',
  Upgrade: 'websocket',
  Expect: '100-continue',
}

export const routing: readonly Attack[] = [
  {
    id: 'H1',
    title: 'HEAD on a route for GET',
    needs: 'url',
    run: async ({ ask, refuses }) => void (await refuses(() => ask({ method: 'HEAD' }), 'payment_required')),
  },
  {
    id: 'H2',
    title: 'other case, slashes, dots in the path',
    needs: 'url',
    run(trial) {
      const path = pathOf(trial)
      const dotted = [`/.${path}`, `/free/..${path}`, `${path}/.`, `${path}/../${path.slice(1)}`, `${path};a=b`]
      return askForEach(trial, [path.toUpperCase(), `${path}/`, `${path}//`, `/${path}`, ...dotted])
    },
  },
  {
    id: 'H3',
    title: 'percent-encoded letters, slashes, backslashes',
    needs: 'url',
    run(trial) {
      const path = pathOf(trial)
      const twice = respelt(path, (letter) => percent(letter).replace('%', '%25'))
      const slashes = [`/%2F${path.slice(1)}`, `/%5C${path.slice(1)}`, `${path}%2F`, `${path}%5C`, `/free%2F..${path}`]
      return askForEach(trial, [respelt(path, percent), twice, ...slashes, `/free/%2e%2e${path}`, `/%252e${path}`])
    },
  },
  {
    id: 'H4',
    title: 'percent signs that encode nothing',
    needs: 'url',
    run(trial) {
      const path = pathOf(trial)
      const broken = ['%', '%zz', '%E0%A4%A', '%ff', '?%', '?a=%zz', '/%']
      return askForEach(trial, [...broken.map((end) => path + end), `/%${path}`, `/%c0%ae${path}`])
    },
  },
  {
    id: 'H5',
    title: 'line breaks and zeros in a wildcard',
    needs: 'shop',
    run: (trial) =>
      askForEach(
        trial,
        ['%0a', 'a%0ab', '%0d%0a', 'a%00', '%E2%80%A8', '%E2%80%A9', 'a%09b', '%20'].map((name) => `/premium/${name}`),
      ),
  },
  {
    id: 'H7',
    title: 'absolute targets, //host/path, backslashes',
    needs: 'url',
    run(trial) {
      const path = pathOf(trial)
      const { host } = new URL(trial.url)
      const absolute = [`http://${host}${path}`, `http://free.example${path}`, `HTTP://${host}${path}`]
      return askForEach(trial, [
        ...absolute,
        `//${host}${path}`,
        `//free.example${path}`,
        `\\${path.slice(1)}`,
        `/\\${path}`,
      ])
    },
  },
  {
    id: 'H10',
    title: 'the folder itself, and deep below it',
    needs: 'shop',
    run: (trial) =>
      askForEach(trial, [
        '/premium',
        '/premium/',
        '/premium//a',
        '/premium/a/b',
        '/PREMIUM/a',
        '/premium/a/',
        '/premium/..',
      ]),
  },
  {
    id: 'H12',
    title: 'headers that Next.js uses within itself',
    needs: 'url',
    async run({ url, ask, refuses }) {
      for (const [name, value] of INTERNAL_HEADERS) {
        // To that one Next.js answers by itself, with nothing.
        if (name === 'x-middleware-prefetch') continue
        for (const query of ['', '?_rsc=1a2b3']) {
          // A 307 of Next.js: to another spelling of `_rsc`.
          await refuses(() => ask({ headers: { [name]: value } }, url + query), ['payment_required', 307])
        }
      }
    },
  },
  {
    id: 'H13',
    title: 'OPTIONS to have the content',
    needs: 'shop',
    async run({ at, ask, refuses }) {
      for (const url of [at('/report'), at('/premium/a')]) {
        await refuses(() => ask({ method: 'OPTIONS' }, url), ['payment_required', 200, 204, 404])
      }
    },
  },
  {
    id: 'H13b',
    title: "a browser's preflight",
    needs: 'shop',
    async run({ at, ask, refuses }) {
      const headers = { Origin: 'https://elsewhere.example', 'Access-Control-Request-Method': 'GET' }
      for (const url of [at('/report'), at('/premium/a')]) {
        await refuses(() => ask({ method: 'OPTIONS', headers }, url), [200, 204, 404])
      }
    },
  },
  {
    id: 'H15',
    title: 'headers that claim an exemption',
    needs: 'url',
    async run({ url, raw, refuses }) {
      const { pathname, search } = new URL(url)
      for (const [name, value] of Object.entries(exemptions)) {
        await refuses(() => raw('GET', pathname + search, [`${name}: ${value}`]), 'payment_required')
      }
    },
  },
  {
    id: 'I13',
    title: 'Hosts empty, malformed, two of them',
    needs: 'url',
    async run({ url, raw, refuses }) {
      const { pathname, search } = new URL(url)
      for (const lines of Object.values(hosts)) {
        if (lines.length > 0) await refuses(() => raw('GET', pathname + search, lines), ['payment_required', 400])
      }
    },
  },
]
