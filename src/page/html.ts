/** HTML as a value. Whatever is put into it is escaped; only HTML that was made here is not. */
const MARKUP = Symbol('html')

/** Markup that is safe to send. Nothing else passes for it: the symbol is this file's own. */
export interface Html {
  readonly [MARKUP]: string
}

type Part = Html | string | number | undefined | readonly Html[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const markupOf = (part: Part): string => {
  if (part === undefined) return ''
  if (typeof part === 'number') return String(part)
  if (typeof part === 'string') return part.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
  return isList(part) ? part.map(markupOf).join('') : part[MARKUP]
}

const isList = (part: Html | readonly Html[]): part is readonly Html[] => Array.isArray(part)

/**
 * A template of HTML. Values go into text or into quoted attributes, nowhere else.
 */
export const html = (literals: TemplateStringsArray, ...parts: readonly Part[]): Html => ({
  [MARKUP]: literals.map((literal, i) => literal + markupOf(parts[i])).join(''),
})

/** HTML as it is sent. */
export const toText = (page: Html): string => page[MARKUP]
