/** The option `page`. Only who makes one has any of this in a bundle. */
import { checkPageOptions, type PageOptions } from './options.ts'
import { createPages, type Pages, type PagesOptions } from './pages.ts'

/** What people get at a route in place of JSON. */
export interface PaywallPage {
  readonly options: PageOptions
  /** Serves all pages of a paywall. It asks {@link paywallPage}'s, whichever route's page comes first. */
  open(options: PagesOptions): Pages
}

/**
 * A page for people, for the option `page`.
 *
 * @throws `ConfigError` (`ERR_CONFIG`) for an option that is unknown or wrong.
 * @example
 * paywallPage({ title: 'The Example Review' }).options // { title: 'The Example Review' }
 */
export function paywallPage(options: PageOptions = {}): PaywallPage {
  checkPageOptions(options)
  return { options, open: createPages }
}
