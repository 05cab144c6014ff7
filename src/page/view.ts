/** The page itself: what is sold, what it costs, how it is paid, and what has become of the payment. */
import { formatPaymentUri, formatXno, nanoAddress, parseRaw } from '../nano/index.ts'
import { PASS_EXTENSION } from '../x402/pass.ts'
import { isFields, type SessionOffer } from '../x402/session.ts'
import type { PaymentRequired } from '../x402/shapes.ts'
import { type Html, html, toText } from './html.ts'
import type { RoutePageOptions } from './options.ts'
import { qrPath } from './qr.ts'
import { script } from './script.ts'
import { style } from './style.ts'
import { type PageTexts, TEXTS } from './texts.ts'

export interface View {
  readonly options: RoutePageOptions
  /** Of this answer alone: only the style and the script that bear it count. */
  readonly nonce: string
}

/** What is offered to a person. */
export interface OfferView extends View {
  readonly required: PaymentRequired
  readonly session: SessionOffer
  /** What has become of a payment, if something has. */
  readonly note: keyof PageTexts | undefined
  /** What the browser said that it takes: it says it again when it asks for the status, in case the price read it. */
  readonly accept: string
}

const textsOf = ({ texts }: RoutePageOptions): PageTexts => ({ ...TEXTS, ...texts })

/** The page of a 402. */
export function offerPage(view: OfferView): string {
  const { options, nonce, required, session, note, accept } = view
  const texts = textsOf(options)
  const { amount, payTo, extra } = session.offer
  const terms = isFields(extra?.nanoSession) ? extra.nanoSession : {}
  const sent = parseRaw(amount)
  const price = formatXno(parseRaw(terms.resourceAmountRaw))
  const uri = formatPaymentUri({ address: nanoAddress(payTo), amount: sent })
  const { path, size } = qrPath(uri)
  const { url, description } = required.resource
  const pass = required.extensions?.[PASS_EXTENSION] as { readonly info: PassInfo } | undefined
  const until = new Date(session.expiresAt * 1000)
  const seconds = Math.max(0, session.expiresAt - Math.floor(Date.now() / 1000))
  const step = (text: string): Html => html`<li>${text}</li>`
  const copyButton = (value: string, what: string): Html =>
    html`<button type="button" class="script-on" hidden data-copy="${value}" aria-label="${texts.copy}: ${what}">${texts.copy}</button>`

  const body = html`
<main data-texts="${JSON.stringify(texts)}" data-seconds="${seconds}" data-amount="${amount}" data-accept="${accept}">
${brand(options)}
<div class="card">
<div class="top">
<p class="eyebrow">${description === undefined ? texts.sold : texts.heading}</p>
<h1>${description ?? url}</h1>
<p class="price">${price} <span>XNO</span></p>
${options.usd === undefined ? [] : html`<p class="usd">${options.usd} USD</p>`}
${pass === undefined ? [] : html`<p class="usd">${passText(texts.pass, pass, options.language)}</p>`}
${note === undefined ? [] : html`<p class="note" role="note">${texts[note]}</p>`}
</div>
<div class="pay" id="pay">
<div class="scan">
<svg class="qr" viewBox="0 0 ${size} ${size}" role="img" aria-label="${texts.qr}" shape-rendering="crispEdges"><path fill="#000" d="${path}"/></svg>
<p>${texts.scan}</p>
</div>
<div>
<dl>
<dt id="amount">${texts.amount}</dt>
<dd><code>${digits(formatXno(sent), price)} XNO</code>${copyButton(formatXno(sent), texts.amount)}</dd>
<dt>${texts.raw}</dt>
<dd><code class="raw">${amount}</code>${copyButton(amount, texts.raw)}</dd>
<dt>${texts.account}</dt>
<dd><code>${payTo}</code>${copyButton(payTo, texts.account)}</dd>
</dl>
<a class="button" href="${uri}">${texts.open}</a>
</div>
</div>
<div class="now">
<ol class="steps">${[texts.stepWaiting, texts.stepSeen, texts.stepConfirmed].map(step)}</ol>
<div>
<p id="state" role="status" aria-live="polite">${texts.waiting}</p>
<p id="left" role="timer"><span class="script-on" hidden>${texts.left} <span id="time"></span></span><span class="script-off">${texts.until} <time datetime="${until.toISOString()}">${until.toISOString().slice(0, 16).replace('T', ' ')} UTC</time></span></p>
</div>
<p class="again script-off" id="check"><a href="">${texts.check}</a></p>
<p class="again" id="renew" hidden><a class="button" href="">${texts.renew}</a></p>
<p id="said" class="heard" role="status" aria-live="polite"></p>
</div>
</div>
<details><summary>${texts.walletsHeading}</summary><p>${texts.wallets}</p></details>
${contact(options, texts)}
</main>
<script nonce="${nonce}">${script}</script>`
  return document(view, `${price} XNO: ${description ?? url}`, body)
}

interface PassInfo {
  readonly uses: number
  readonly ttlMs: number
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** What a pass is good for, in whole units of the largest that fits. */
function passText(text: string, { info }: { readonly info: PassInfo }, language = 'en'): string {
  const [unit, ms] = UNITS.find(([, length]) => info.ttlMs >= length) ?? UNITS[3]
  const time = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' })
  return text.replace('{uses}', String(info.uses)).replace('{time}', time.format(Math.floor(info.ttlMs / ms)))
}

/** What a person sees in place of any other refusal. With `retryAfterSeconds` it asks again by itself. */
export function noticePage(
  view: View & { readonly text: keyof PageTexts; readonly retryAfterSeconds: number | undefined },
): string {
  const { options, text, retryAfterSeconds } = view
  const texts = textsOf(options)
  const refresh =
    retryAfterSeconds === undefined ? [] : html`<meta http-equiv="refresh" content="${Math.max(2, retryAfterSeconds)}">`
  const body = html`
<main>
${brand(options)}
<div class="card"><div class="top">
<p class="eyebrow">${texts.heading}</p>
<h1 class="notice" role="status">${texts[text]}</h1>
<p class="again"><a href="">${texts.again}</a></p>
</div></div>
${contact(options, texts)}
</main>`
  return document(view, texts.heading, body, refresh)
}

function document({ options, nonce }: View, title: string, body: Html, head: Html | readonly Html[] = []): string {
  const { language = 'en', colours, darkColours, title: site } = options
  return toText(html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>${title}${site === undefined ? '' : ` · ${site}`}</title>
${head}
<style nonce="${nonce}">${style(colours, darkColours)}</style>
</head>
<body>${body}
</body>
</html>
`)
}

/** The site's own mark; nothing where it has none. */
const brand = ({ title, logo }: RoutePageOptions): Html | readonly Html[] =>
  title === undefined && logo === undefined
    ? []
    : html`<header>${logo === undefined ? [] : html`<img src="${logo}" alt="">`}${title}</header>`

function contact({ contact: whom }: RoutePageOptions, texts: PageTexts): Html | readonly Html[] {
  if (whom === undefined) return []
  const href = whom.startsWith('https://') ? whom : `mailto:${whom}`
  return html`<footer>${texts.help} <a href="${href}">${whom}</a></footer>`
}

/** The exact amount with what is beyond the price set off. */
const digits = (exact: string, price: string): Html =>
  exact.startsWith(price) ? html`${price}<b>${exact.slice(price.length)}</b>` : html`${exact}`
