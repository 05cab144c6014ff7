/** A person at a browser's window, and a shop to go to. */
import type { PaywallOptions } from 'nano402'
import { parsePaymentUri } from 'nano402/nano'
import { paywallPage } from 'nano402/page'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type Framework, frameworks, type Served } from '../support/frameworks.ts'
import type { World } from '../support/world.ts'

export const CHROMIUM = process.env.NANO402_CHROMIUM ?? '/usr/bin/chromium'

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })

export interface StepContext {
  readonly browser: Browser
  readonly world: World
  /** Keeps a picture. */
  picture(page: Page, name: string): Promise<void>
}

export interface Step {
  readonly name: string
  run(context: StepContext): Promise<void>
}

const CONTENT = '<!doctype html><title>The report</title><h1>The paid report</h1>'

const serve = ({ serve }: Framework, options: PaywallOptions): Promise<Served> =>
  serve(options, ({ url }) =>
    url.endsWith('/download')
      ? {
          headers: { 'Content-Type': 'text/csv', 'Content-Disposition': 'attachment; filename=report.csv' },
          body: '1,2',
        }
      : { headers: { 'Content-Type': 'text/html; charset=utf-8' }, body: CONTENT },
  )

export const nextHandler = frameworks.find(({ name }) => name.startsWith('Next')) as Framework
export const hono = frameworks.find(({ name }) => name === 'Hono') as Framework
export const express5 = frameworks.find(({ name }) => name === 'Express 5') as Framework

const brand = {
  title: 'The Example Review',
  logo: `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0b7a5b"/><path d="M9 23V9l14 14V9" fill="none" stroke="#fff" stroke-width="3"/></svg>')}`,
  colours: { accent: '#0b7a5b', background: '#f6f4ef' },
  darkColours: { accent: '#4fd1a5' },
  contact: 'help@example.com',
}

/** A shop and a browser window of its own, closed at the end. */
export async function visit(
  { browser, world, picture }: StepContext,
  how: {
    readonly framework?: Framework
    /** In place of the world's node. */
    readonly deployment?: PaywallOptions
    readonly options?: PaywallOptions
    readonly window?: BrowserContextOptions
    readonly path?: string
  },
  task: (parts: { page: Page; shop: Served; context: BrowserContext; url: string }) => Promise<void>,
): Promise<void> {
  const { framework = express5, deployment, options, window, path = '/reports/q3?full=1' } = how
  const shop = await serve(framework, {
    ...(deployment ?? { ...world.options, confirmTimeoutMs: 500 }),
    description: 'The report of the third quarter',
    page: paywallPage(brand),
    ...options,
  })
  const context = await browser.newContext(window)
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (40[24]|503)|ERR_FAILED|^Framing /.test(message.text()))
      complaints.push(message.text())
  })
  try {
    await task({ page, shop, context, url: `${shop.url}${path}` })
    expect(complaints.join('; '), '')
  } catch (error) {
    await picture(page, 'failed')
    throw new Error(`${error} ${complaints.join('; ')}`, { cause: error })
  } finally {
    await context.close()
    await shop.close()
  }
}

export function expect(found: unknown, wanted: unknown): void {
  if (found !== wanted) throw new Error(`expected ${JSON.stringify(wanted)}, found ${JSON.stringify(found)}`)
}

/** What the page asks: from its link, as a wallet would have it. */
export async function asked(page: Page) {
  const uri = parsePaymentUri((await page.locator('#pay a.button').getAttribute('href')) ?? '')
  if (uri.amount === undefined) throw new Error('The link names no amount.')
  return { payTo: uri.address, amount: uri.amount }
}

export const says = (page: Page, text: string) => page.locator('#state', { hasText: text }).waitFor()
export const content = (page: Page) => page.getByRole('heading', { name: 'The paid report' }).waitFor()
