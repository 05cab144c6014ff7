/** The public door: what adapters and applications use. No logic. */
export type { SoldPasses } from './access/index.ts'
export type { AccessOptions, AccessView, FreeOptions, InvalidReason, PassOptions } from './access/options.ts'
export type { Refused } from './core/answer.ts'
export type { Paid } from './core/delivery.ts'
export type { EventListener, PaywallEvent, UndeliveredReason } from './core/events.ts'
export type { Outcome } from './core/guard.ts'
export type { Mechanism, Proof, Settled, Verified } from './core/mechanism.ts'
export type { Access, Charging, PassFacts, Payment, PaymentFacts, Principal } from './core/payment.ts'
export type { RequestView } from './core/price.ts'
export { type Quote, TAG_MODULUS } from './core/quote.ts'
export { isRefusal, REFUSALS, type Refusal, type RefusalCode, refusal } from './core/refusal.ts'
export type { PaywallRequest } from './core/request.ts'
export type { ContentEvent } from './core/sse.ts'
export type { ClaimId, ClaimLimits, ClaimRecord, ClaimResult, Owner, Store, Versioned } from './core/store.ts'
export type { Health } from './deployment.ts'
export type { OpenApiDocument } from './discovery/openapi.ts'
export type { DiscoveredResource } from './discovery/resources.ts'
export type { SelfRoutes } from './discovery/routes.ts'
export * from './errors.ts'
export type { DiscoveryOptions } from './extensions/bazaar.ts'
export type { PaymentIdentifierOptions } from './extensions/payment-identifier.ts'
export { type HoldOptions, holdResponse, sendAnswer, sendResponse, type WrittenResponse } from './http/hold.ts'
export { nodeRequest, type ReadRequest } from './http/request.ts'
export { instanceFor, isPaywall, routeFor } from './instance.ts'
export type { ExactOptions } from './mechanisms/exact.ts'
export type { MechanismName } from './mechanisms/names.ts'
export { type SessionProof, sessionMechanism } from './mechanisms/session/session.ts'
export { type SignatureProof, signatureMechanism } from './mechanisms/signature/signature.ts'
export {
  type SignedBlockOptions,
  type SignedBlockProof,
  signedBlockMechanism,
} from './mechanisms/signed-block/signed-block.ts'
export type {
  ChannelOptions,
  DeploymentOptions,
  FiatPrice,
  PaywallOptions,
  Price,
  RouteOptions,
  RpcOption,
  WalletOption,
} from './options.ts'
export { checkOptions } from './options.ts'
export { type Pool, pool } from './pay-to.ts'
export { type CloseOptions, createPaywall, type Description, type Paywall, type PaywallRoute } from './paywall.ts'
export type { FacilitatorAddress } from './remote/ask.ts'
export type { NanoNode, NodeAnswer } from './rpc/node.ts'
export type {
  PaymentPayload,
  PaymentRequired,
  PaymentRequirements,
  ResourceInfo,
  SettlementResponse,
} from './x402/shapes.ts'
export type { Header, HeaderReader, PresentedPayment } from './x402/wire.ts'
export type { WireName } from './x402/wires.ts'
