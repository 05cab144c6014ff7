import { shop } from '../sell.ts'

export const dynamic = 'force-dynamic'

/** Lets handlers that wait go on. */
export const GET = () => {
  for (const goOn of shop.waiting.splice(0)) goOn()
  return new Response('free')
}
