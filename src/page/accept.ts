/** What a client would rather have (RFC 9110, section 12.5.1). */

interface Range {
  readonly type: string
  readonly q: number
}

const RANGE = /^\s*([\w!#$&^.+*-]+\/[\w!#$&^.+*-]+)\s*(?:;(.*))?$/
const QUALITY = /(?:^|;)\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)/i

function parseRange(text: string): Range[] {
  const [, type, parameters = ''] = RANGE.exec(text) ?? []
  if (type === undefined) return []
  const isRanked = /(?:^|;)\s*q\s*=/i.test(parameters)
  const q = QUALITY.exec(parameters)?.[1]
  return isRanked && q === undefined ? [] : [{ type: type.toLowerCase(), q: Number(q ?? 1) }]
}

const HTML = /^(?:text\/html|application\/xhtml\+xml)$/
const JSON_TYPE = /^application\/(?:[^*]+\+)?json$/
const ANYTHING = /^(?:\*|application)\/\*$/

/**
 * Whether HTML is named, wanted more than JSON, and no less than anything else. Who takes whatever there is, or JSON as
 * gladly, is no browser that wants to show a page.
 */
export function prefersHtml(accept: string | null | undefined): boolean {
  const ranges = (accept ?? '').split(',').flatMap(parseRange)
  const best = (form: RegExp) => Math.max(0, ...ranges.filter(({ type }) => form.test(type)).map(({ q }) => q))
  const json = ranges.some(({ type }) => JSON_TYPE.test(type)) ? best(JSON_TYPE) : best(ANYTHING)
  return best(HTML) > json && best(HTML) >= best(/^/)
}
