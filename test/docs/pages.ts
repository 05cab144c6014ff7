/** The pages that people read, and the fenced blocks in them. What is generated (docs/api) is not among them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/child.ts'

const pagesIn = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`)

/** What the site has. */
export const SITE_PAGES: readonly string[] = ['docs', 'docs/guide'].flatMap(pagesIn)

export const PAGES: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/README.md', 'examples/README.md'],
  ...SITE_PAGES,
]

export const readPage = (page: string): string => readFileSync(join(ROOT, page), 'utf8')

export interface Fenced {
  /** Page and line, for messages. */
  readonly where: string
  readonly page: string
  readonly language: string
  readonly code: string
  /** What the comment in front of it says, if there is one. */
  readonly comment: string | undefined
}

/** Every fenced block of a page, indented ones too. */
export function fencedIn(page: string): readonly Fenced[] {
  const text = readPage(page)
  return [...text.matchAll(/^(?:<!-- (.*) -->\n+)?( *)```(.*)\n([\s\S]*?)^\2```$/gm)].map((match) => {
    const [all, comment, , language = '', code = ''] = match
    const line = text.slice(0, match.index + all.indexOf('```')).split('\n').length
    return { where: `${page}:${line}`, page, language, code, comment }
  })
}
