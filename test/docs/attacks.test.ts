import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const here = (path: string) => new URL(`../${path}`, import.meta.url)

test('docs/attacks.md names tests that exist', () => {
  const text = readFileSync(here('../docs/attacks.md'), 'utf8')
  const named = [...text.matchAll(/^\| [A-Z]\d.*\| ([^|]+) \|$/gm)].flatMap(([, tests = '']) => tests.split(', '))
  const isThere = (name: string) =>
    [name, `${name}.test.ts`, `attack/${name}.test.ts`, `attack/${name}.ts`].some((path) => existsSync(here(path)))
  expect(named.length).toBeGreaterThan(30)
  expect(named.filter((name) => !isThere(name))).toEqual([])
})
