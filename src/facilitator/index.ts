/** An x402 facilitator for Nano: `nano402/facilitator`. */

export type { BoundRequest, ClaimAnswer, ClaimOrder, HoldOrder, Inputs, Order } from '../remote/wire.ts'
export type { PaymentRequirements, SettlementResponse, SupportedResponse, VerifyResponse } from '../x402/shapes.ts'
export { type FacilitatorAppOptions, facilitatorApp } from './app.ts'
export type { FacilitatorRequest } from './call.ts'
export type { ClaimDesk } from './desk.ts'
export { createFacilitator, type Facilitator, type FacilitatorOptions, type FacilitatorService } from './facilitator.ts'
export type { SettleRequest } from './settle.ts'
export { parseTokens, type Tokens } from './tokens.ts'
