/** The one place with module state: calls with equal deployment options share an instance. */
import {
  checkOptions,
  type PaywallOptions,
  processEnvironment,
  type RouteOptions,
  splitOptions,
  withEnvironment,
} from './options.ts'
import { createPaywall, type Paywall, type PaywallRoute } from './paywall.ts'

const instances = new Map<string, Paywall>()
const names = new WeakMap<object, number>()
let nameCount = 0

/** Equal text for equal options; functions and objects with methods are themselves alone. */
function keyOf(value: unknown): string {
  if (typeof value === 'function' || (typeof value === 'object' && value !== null && !isPlain(value))) {
    const name = names.get(value) ?? ++nameCount
    names.set(value, name)
    return `#${name}`
  }
  if (Array.isArray(value)) return `[${value.map(keyOf).join()}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${keyOf(item)}`).join()}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

const isPlain = (value: object) =>
  Array.isArray(value) ||
  (Object.getPrototypeOf(value) === Object.prototype &&
    Object.values(value).every((item) => typeof item !== 'function'))

/**
 * Whether this is an instance, and not options for one.
 *
 * @example
 * isPaywall({ price: '0.001' }) // false
 */
export const isPaywall = (value: PaywallOptions | Paywall): value is Paywall =>
  'guard' in value && typeof value.guard === 'function'

/**
 * The given instance, or the one that these options stand for.
 *
 * @throws `ConfigError` (`ERR_CONFIG`)
 * @example
 * const shop = instanceFor({ rpc: 'http://127.0.0.1:7076' })
 */
export function instanceFor(options: PaywallOptions | Paywall = {}): Paywall {
  if (isPaywall(options)) return options
  checkOptions(options)
  const { deployment } = splitOptions(withEnvironment(options, processEnvironment()))
  const key = keyOf(deployment)
  const instance = instances.get(key) ?? createPaywall(deployment)
  instances.set(key, instance)
  return instance
}

/**
 * The route that an adapter's call names: of a given instance, or of the one that its deployment options stand for.
 *
 * @throws `ConfigError` (`ERR_CONFIG`)
 * @example
 * const report = routeFor({ price: '0.001' })
 */
export function routeFor(options: PaywallOptions | Paywall = {}, routeOptions: RouteOptions = {}): PaywallRoute {
  const instance = instanceFor(options)
  const own = isPaywall(options) ? {} : splitOptions(options).route
  return instance.route({ ...own, ...routeOptions })
}
