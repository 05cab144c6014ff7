import { runs } from '../sell.ts'

export const dynamic = 'force-dynamic'
export const GET = () => Response.json(runs())
