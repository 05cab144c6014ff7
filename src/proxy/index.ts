/** A paywall in front of an API in any language: what `nano402 proxy` runs. For Node alone. */
export type { ProxyOptions, ProxyRoute, ProxyRouteOptions, UpstreamFault } from './options.ts'
export { createProxy, type PaywallProxy, type RouteDescription } from './proxy.ts'
export type { RoutePattern } from './routes.ts'
