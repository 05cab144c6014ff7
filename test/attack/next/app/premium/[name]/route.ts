import { sell } from '../../sell.ts'

export const GET = sell('0.01')
