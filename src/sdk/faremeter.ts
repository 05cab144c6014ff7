/** nano402 as a payment handler and a facilitator handler of Faremeter. */
export { type PaymentExecer, type PaymentHandler, paymentHandler } from './handler.ts'
