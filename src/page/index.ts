/** What a person sees at a paywall. */
export type { PageColours, PageOptions } from './options.ts'
export { type PaywallPage, paywallPage } from './page.ts'
export type { PageTexts } from './texts.ts'
