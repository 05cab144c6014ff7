/** The one handler of all routes. Each route is a bundle of its own: what they share is kept where all of them see it. */
import { paywall } from 'nano402/next'

const shared = globalThis as typeof globalThis & { shop?: { runs: number; waiting: (() => void)[] } }
shared.shop ??= { runs: 0, waiting: [] }
export const shop = shared.shop

const mechanisms = ['session', 'signed-block', 'signature'] as const

export const sell = (price: string) =>
  paywall<object>({ price, mechanisms, confirmTimeoutMs: 500 }, async (request) => {
    shop.runs++
    const trouble = request.headers.get('x-handler')
    if (trouble === 'throw') throw new Error('The handler failed.')
    if (trouble === 'wait') await new Promise<void>((resolve) => shop.waiting.push(resolve))
    return trouble === 'fail' ? new Response('failed', { status: 500 }) : new Response('paid content')
  })
