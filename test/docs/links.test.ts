import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { ROOT } from '../support/child.ts'
import { PAGES, readPage, SITE_PAGES } from './pages.ts'

const withoutCode = (text: string) => text.replace(/^( *)```[\s\S]*?^\1```$/gm, '')

/** What a heading is called in a link: by GitHub and by VitePress, which differ where it has other signs than letters. */
const anchorsIn = (page: string): readonly string[] =>
  [...withoutCode(readPage(page)).matchAll(/^#+ (.+)$/gm)].flatMap(([, heading = '']) => {
    const text = heading.toLowerCase().replace(/`/g, '')
    const [github, vitepress] = [
      text.replace(/[^\w\- ]/g, '').replace(/ /g, '-'),
      text.replace(/[^\w]+/g, '-').replace(/^-|-$/g, ''),
    ]
    return github === vitepress ? [github] : []
  })

/** Pages that `npm run docs:build` writes from doc comments. */
const GENERATED = new Set([
  'docs/api/index.md',
  ...Object.keys(packageJson.exports).map((subpath) => `docs/api/nano402${subpath.slice(1).replaceAll('/', '.')}.md`),
])

test.each(PAGES)('each link in %s leads somewhere', (page) => {
  const links = [...withoutCode(readPage(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  for (const link of links.filter((link) => !/^https?:/.test(link))) {
    const [path = '', anchor] = link.split('#')
    const target = path === '' ? page : normalize(join(dirname(page), path))
    if (GENERATED.has(target)) continue
    expect(existsSync(join(ROOT, target)), `${link}: no such file`).toBe(true)
    if (anchor !== undefined) expect(anchorsIn(target), link).toContain(anchor)
    if (page.startsWith('docs/')) expect(target, `${link}: not on the site`).toMatch(/^docs\//)
  }
})

test('each page of the site is in its sidebar, and nothing else is', () => {
  const config = readFileSync(join(ROOT, 'docs/.vitepress/config.ts'), 'utf8')
  const linked = [...config.matchAll(/\{ text: .*, link: '\/([\w/-]+)' \}/g)].map(([, path]) => `docs/${path}.md`)
  expect(new Set(linked)).toEqual(new Set(SITE_PAGES.filter((page) => page !== 'docs/index.md')))
})

test('the workflow that deploys the site runs what package.json has', () => {
  const workflow = readFileSync(join(ROOT, '.github/workflows/docs.yml'), 'utf8')
  const scripts = [...workflow.matchAll(/npm run ([\w:-]+)/g)].map(([, script = '']) => script)
  expect(scripts).toContain('docs:build')
  for (const script of scripts) expect(packageJson.scripts).toHaveProperty([script])
})
