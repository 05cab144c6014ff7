/** What a person sees at a paywall. Loaded when the first page is asked for. */
export { createPages, type Pages } from './pages.ts'
