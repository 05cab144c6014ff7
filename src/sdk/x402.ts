/** nano402 as a network of the official x402 SDK (`@x402/core` 2.x): what its clients, servers and facilitators register. */
export { type NanoClient, type NanoClientOptions, nanoClient } from './client.ts'
export {
  facilitatorClient,
  type NanoFacilitator,
  type NanoFacilitatorClient,
  nanoFacilitator,
  type Settler,
} from './facilitator.ts'
export { remoteFacilitator } from './remote-facilitator.ts'
export {
  type NanoOption,
  type NanoOptionOptions,
  type NanoServer,
  nanoOption,
  nanoServer,
  type PaymentFlow,
} from './server.ts'
