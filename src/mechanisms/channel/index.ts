/** All of the payee's side of channels, loaded where a deployment offers them. */
export { channelCashier } from './cashier.ts'
export { openPayee, type Payee, type PayeeOptions } from './payee.ts'
