import { sell } from '../../sell.ts'

export const GET = sell('signed-block')
