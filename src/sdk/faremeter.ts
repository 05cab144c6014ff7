/** nano402 as a payment handler and a facilitator handler of Faremeter. */
export { type FacilitatorHandler, facilitatorHandler } from './facilitator-handler.ts'
export { type Offered, type PaymentExecer, type PaymentHandler, paymentHandler } from './handler.ts'
export { remoteFacilitator } from './remote-facilitator.ts'
