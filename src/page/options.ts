/** How a paywall page looks, and what it says. */
import type { PageTexts } from './texts.ts'

/** `#rgb` or `#rrggbb`. */
export interface PageColours {
  /** Of buttons and of what goes on. */
  readonly accent?: string
  readonly background?: string
  readonly text?: string
}

export interface PageOptions {
  /** Whose page it is: the name of the site. */
  readonly title?: string
  /** An image as a `data:` URL of at most 20,000 characters: nothing is loaded from elsewhere. */
  readonly logo?: string
  readonly colours?: PageColours
  /** The same where the system is set to dark. */
  readonly darkColours?: PageColours
  /** Whom to ask when a payment went wrong: an address of mail, or an https URL. */
  readonly contact?: string
  /** The language of `texts` and of `description`. Default `en`. */
  readonly language?: string
  /** What it says in place of English. */
  readonly texts?: Partial<PageTexts>
}
