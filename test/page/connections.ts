/** A paywall page where something is missing between browser, server and network. */
import { TEXTS } from '../../src/page/texts.ts'
import { startFacilitator } from '../support/facilitator.ts'
import { asked, content, expect, type Step, says, visit } from './visit.ts'

export const connections: readonly Step[] = [
  {
    name: 'a server with a facilitator in place of a node: from the 402 to the content',
    run: async (context) => {
      await using facilitator = await startFacilitator(context.world)
      await visit(context, { deployment: facilitator.options }, async ({ page, url, shop }) => {
        await page.goto(url)
        await says(page, TEXTS.waiting)
        const { payTo, amount } = await asked(page)
        context.world.devnet.hold()
        await context.world.buyer.send(payTo, amount)
        await says(page, TEXTS.seen)
        context.world.devnet.release()
        await content(page)
        expect(shop.runs(), 1)
      })
    },
  },
  {
    name: 'without a stream it asks again and again, and finds the payment all the same',
    run: (context) =>
      visit(context, {}, async ({ page, url }) => {
        await page.route(url, (route) =>
          route.request().headers()['nano402-page'] === 'events' ? route.fulfill({ status: 503 }) : route.continue(),
        )
        const asksNow = page.waitForRequest((request) => request.headers()['nano402-page'] === 'now')
        await page.goto(url)
        await asksNow
        const { payTo, amount } = await asked(page)
        await context.world.buyer.send(payTo, amount)
        await content(page)
      }),
  },
  {
    name: 'without a connection it says so, and goes on when there is one',
    run: (context) =>
      visit(context, {}, async ({ page, url }) => {
        await page.route(url, (route) => (route.request().headers()['nano402-page'] ? route.abort() : route.continue()))
        await page.goto(url)
        const { payTo, amount } = await asked(page)
        await says(page, TEXTS.offline)
        await context.picture(page, 'offline')
        await context.world.buyer.send(payTo, amount)
        await page.unroute(url)
        await content(page)
      }),
  },
]
