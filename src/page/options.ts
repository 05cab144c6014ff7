/** How a paywall page looks, and what it says. */
import { ConfigError } from '../errors.ts'
import * as z from '../zod.ts'
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

/** What a route adds to them. */
export interface RoutePageOptions extends PageOptions {
  /** What it costs in dollars, if its price is in dollars. */
  readonly usd?: string
}

function makeSchema() {
  const text = z.string().check(z.maxLength(2_000))
  const colour = z.optional(z.string().check(z.regex(/^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)))
  const colours = z.strictObject({ accent: colour, background: colour, text: colour })
  return z.strictObject({
    title: z.optional(text),
    logo: z.optional(z.string().check(z.maxLength(20_000), z.regex(/^data:image\/[a-z+.-]+[;,]/))),
    colours: z.optional(colours),
    darkColours: z.optional(colours),
    contact: z.optional(text.check(z.regex(/^(?:https:\/\/\S+|[^\s:@]+@[^\s:@]+)$/))),
    language: z.optional(z.string().check(z.regex(/^[A-Za-z0-9-]{2,35}$/))),
    texts: z.optional(z.record(z.string(), text)),
  })
}

/** @throws {@link ConfigError} (`ERR_CONFIG`) naming the first that is unknown or wrong. */
export function checkPageOptions(options: PageOptions): void {
  const result = makeSchema().safeParse(options)
  if (result.success) return
  const [issue] = result.error.issues
  const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path.join('.')
  throw new ConfigError(
    `The option ${name} of the page is not one, or not what it should be. There are title, logo (a data: URL), colours and ` +
      'darkColours ({ accent, background, text } as #rgb or #rrggbb), contact, language and texts: see docs/page.md.',
  )
}
