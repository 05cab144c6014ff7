/**
 * What a person does at a paywall page, step by step in a real browser: from the 402 to the content, over sockets, on a
 * devnet. `npm run e2e:page` runs all of it and keeps a picture of each step.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import express from 'express'
import { formatXno } from 'nano402/nano'
import { paywallPage } from 'nano402/page'
import type { Page } from 'playwright-core'
import { TEXTS } from '../../src/page/texts.ts'
import { type Framework, listen } from '../support/frameworks.ts'
import { createWorld } from '../support/world.ts'
import { connections } from './connections.ts'
import { looks } from './looks.ts'
import { asked, content, expect, express5, hono, nextHandler, openBrowser, type Step, says, visit } from './visit.ts'

const fromBillToContent = (framework: Framework): Step => ({
  name: `${framework.name}: from the 402 to the content, without a reload by hand`,
  run: (context) =>
    visit(context, { framework }, async ({ page, shop, url }) => {
      const { world, picture } = context
      const name = framework.name.toLowerCase().replace(/\W+/g, '-')
      const answer = await page.goto(url)
      expect(answer?.status(), 402)
      await says(page, TEXTS.waiting)
      await picture(page, `${name}-1-waiting`)
      const { payTo, amount } = await asked(page)
      expect(await page.locator('dd code').first().innerText(), `${formatXno(amount)} XNO`)
      world.devnet.hold()
      await world.buyer.send(payTo, amount)
      await says(page, TEXTS.seen)
      await picture(page, `${name}-2-seen`)
      expect(shop.runs(), 0)
      world.devnet.release()
      await content(page)
      await picture(page, `${name}-3-content`)
      expect(shop.runs(), 1)
      expect(page.url(), url)
      await page.reload()
      await page.getByText(TEXTS.spent).waitFor()
      expect(shop.runs(), 1)
      await picture(page, `${name}-4-again`)
    }),
})

const steps: readonly Step[] = [
  {
    name: 'a page without a brand',
    run: (context) =>
      visit(context, { options: { page: paywallPage() }, path: '/a/b' }, async ({ page, url }) => {
        await page.goto(url)
        await says(page, TEXTS.waiting)
        await context.picture(page, 'plain')
      }),
  },
  {
    name: 'a reload goes on with the same session',
    run: (context) =>
      visit(context, {}, async ({ page, url }) => {
        await page.goto(url)
        const before = await asked(page)
        await page.reload()
        expect((await asked(page)).amount, before.amount)
        await context.world.buyer.send(before.payTo, before.amount)
        await content(page)
      }),
  },
  {
    name: 'come to by a link of another site, paid, and come to by it again',
    run: (context) =>
      visit(context, {}, async ({ page, url, shop }) => {
        const elsewhere = await listen((_req, res) =>
          res.setHeader('Content-Type', 'text/html').end(`<a href="${url}">report</a>`),
        )
        try {
          const foreign = elsewhere.url.replace('127.0.0.1', 'localhost')
          await page.goto(foreign)
          await page.getByText('report').click()
          await says(page, TEXTS.waiting)
          const { payTo, amount } = await asked(page)
          await page.goto(foreign)
          await context.world.buyer.send(payTo, amount)
          await page.getByText('report').click() // the browser sends no cookie with this one
          await content(page)
          expect(shop.runs(), 1)
        } finally {
          await elsewhere.close()
        }
      }),
  },
  {
    name: "two pages of one path do not take each other's payment",
    run: (context) =>
      visit(context, {}, async ({ page, url, context: window, shop }) => {
        const other = await window.newPage()
        await page.goto(url)
        await other.goto(`${url}&page=2`)
        const [first, second] = [await asked(page), await asked(other)]
        await context.world.buyer.send(first.payTo, first.amount)
        await content(page)
        await says(other, TEXTS.waiting)
        await context.world.buyer.send(second.payTo, second.amount)
        await content(other)
        expect(shop.runs(), 2)
      }),
  },
  {
    name: 'without JavaScript: the amount, the account, and a link that checks',
    run: (context) =>
      visit(context, { window: { javaScriptEnabled: false } }, async ({ page, url }) => {
        await page.goto(url)
        const { payTo, amount } = await asked(page)
        await context.picture(page, 'no-script-1-waiting')
        await page.getByText(TEXTS.check).click()
        expect((await asked(page)).amount, amount)
        context.world.devnet.hold()
        await context.world.buyer.send(payTo, amount)
        await page.getByText(TEXTS.check).click({ noWaitAfter: true })
        await page.getByText(TEXTS.pending).waitFor()
        await context.picture(page, 'no-script-2-pending')
        context.world.devnet.release()
        await content(page)
      }),
  },
  {
    name: 'an offer that is over says so, a payment for it still counts, and a new one is a link away',
    run: (context) =>
      visit(context, { options: { maxTimeoutSeconds: 2 } }, async ({ page, url }) => {
        await page.goto(url)
        const first = await asked(page)
        await says(page, TEXTS.expired)
        await context.picture(page, 'expired')
        await page.getByText(TEXTS.renew).click()
        await says(page, TEXTS.waiting)
        const second = await asked(page)
        expect(first.amount === second.amount, false)
        await context.world.buyer.send(first.payTo, first.amount)
        await content(page)
      }),
  },
  {
    name: 'a wallet that cuts digits: said, and nothing is given',
    run: (context) =>
      visit(context, {}, async ({ page, url, shop }) => {
        const buyer = await context.world.purse()
        await page.goto(url)
        await says(page, TEXTS.waiting)
        const { payTo, amount } = await asked(page)
        await buyer.send(payTo, amount - (amount % 10n ** 24n))
        await says(page, TEXTS.cut)
        await context.picture(page, 'cut-digits')
        expect(shop.runs(), 0)
      }),
  },
  {
    name: 'what is a download is downloaded, and the page says so',
    run: (context) =>
      visit(context, { path: '/download' }, async ({ page, url, shop }) => {
        await page.goto(url)
        const { payTo, amount } = await asked(page)
        const download = page.waitForEvent('download')
        await context.world.buyer.send(payTo, amount)
        expect((await download).suggestedFilename(), 'report.csv')
        await says(page, TEXTS.opened)
        await context.picture(page, 'download')
        expect(shop.runs(), 1)
      }),
  },
  {
    name: 'a browser that keeps no cookies is told not to pay',
    run: (context) =>
      visit(context, {}, async ({ page, url }) => {
        await page.route(url, async (route) => {
          const { cookie: _, ...sent } = route.request().headers()
          const answer = await fetch(url, { headers: sent })
          const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'set-cookie'))
          await route.fulfill({ status: answer.status, headers, body: await answer.text() })
        })
        await page.goto(url)
        await says(page, TEXTS.unknown)
        expect(await page.locator('#pay').isVisible(), false)
        await context.picture(page, 'no-cookies')
      }),
  },
  {
    name: 'script in title, description, path and query stays text',
    run: (context) => {
      const script = '"><img src=x onerror=alert(1)><script>alert(1)</script>'
      const options = { description: script, page: paywallPage({ title: script, texts: { waiting: script } }) }
      return visit(
        context,
        { options, path: `/${encodeURIComponent(script)}?q=<script>alert(1)</script>` },
        async ({ page, url }) => {
          page.on('dialog', () => {
            throw new Error('A script ran.')
          })
          await page.goto(url)
          await page.getByRole('heading', { name: script }).waitFor()
          expect(await page.locator('main img').count(), 0)
          await says(page, script)
        },
      )
    },
  },
  {
    name: 'a frame of another page is not shown it, and cannot pay with the cookie',
    run: (context) =>
      visit(context, {}, async ({ page, url, shop }) => {
        await page.goto(url)
        const { payTo, amount } = await asked(page)
        const app = express()
        app.get('/', (_req, res) => void res.type('html').send(`<iframe src="${url}"></iframe><img src="${url}">`))
        const elsewhere = await listen(app)
        try {
          await page.goto(elsewhere.url)
          await context.world.buyer.send(payTo, amount)
          await page.reload()
          await page.waitForLoadState('networkidle')
          expect(shop.runs(), 0)
          await page.goto(url)
          await content(page)
        } finally {
          await elsewhere.close()
        }
      }),
  },
]

export const ALL_STEPS: readonly Step[] = [express5, hono, nextHandler]
  .map(fromBillToContent)
  .concat(looks, steps, connections)

export interface StepResult {
  readonly name: string
  readonly passed: boolean
  readonly ms: number
  readonly problem?: string
}

/** Runs steps one after another on a devnet of their own. Pictures go to `folder`; without one none is taken. */
export async function runSteps(chosen: readonly Step[], folder?: string) {
  const screenshots: string[] = []
  if (folder) mkdirSync(folder, { recursive: true })
  const browser = await openBrowser()
  const results: StepResult[] = []
  try {
    for (const { name, run } of chosen) {
      const world = await createWorld()
      const startMs = performance.now()
      const picture = async (page: Page, title: string) => {
        if (!folder) return
        const path = join(folder, `${title}.png`)
        await page.screenshot({ path, fullPage: true })
        screenshots.push(path)
      }
      const problem = await run({ browser, world, picture }).then(
        () => undefined,
        (error: unknown) => String(error),
      )
      const ms = Math.round(performance.now() - startMs)
      results.push({ name, passed: problem === undefined, ms, ...(problem !== undefined && { problem }) })
      world.close()
    }
  } finally {
    await browser.close()
  }
  return { results, screenshots }
}
