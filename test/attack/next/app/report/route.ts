import { sell } from '../sell.ts'

export const GET = sell('0.001')
export { GET as DELETE, GET as OPTIONS, GET as PATCH, GET as POST, GET as PUT }
