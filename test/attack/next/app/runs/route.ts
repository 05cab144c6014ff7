import { shop } from '../sell.ts'

export const dynamic = 'force-dynamic'

/** How often a handler ran. */
export const GET = () => Response.json(shop.runs)
