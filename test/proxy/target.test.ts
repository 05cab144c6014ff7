import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readTarget } from '../../src/proxy/target.ts'

const refused = (target: string) => typeof readTarget(target) === 'string'
const read = (target: string) => readTarget(target) as Exclude<ReturnType<typeof readTarget>, string>

describe('a target', () => {
  test.each([
    ['/', []],
    ['/report', ['report']],
    ['/Report/', ['report']],
    ['/a/b?c=/../d//e', ['a', 'b']],
    ['/caf%c3%a9', ['café']],
    ['/a%20b/~c:d@e', ['a b', '~c:d@e']],
    ['/100%25', ['100%']],
    ['/...', ['...']],
    ['/%E2%84%AAelvin', ['kelvin']],
    ['/%C4%B1d', ['id']],
  ])('%s is matched by %j', (target, segments) => {
    expect(read(target).segments).toEqual(segments)
  })

  test.each([
    ['/%72eport', '/report'],
    ['/%7euser/%41', '/~user/A'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/a?b=%61', '/a?b=%61'],
    ['/Report/', '/Report/'],
  ])('%s is sent on as %s', (target, text) => {
    expect(read(target).text).toBe(text)
  })

  test.each([
    ['whole URLs', ['http://x/report', 'HTTP://x', '*', 'report', 'x:443', '']],
    ['empty segments', ['//', '//x/report', '/a//b', '/report//', '/a//?b']],
    [
      'dot segments',
      ['/.', '/..', '/./report', '/a/../report', '/%2e/report', '/a/.%2E/report', '/report/.', '/a/..?b'],
    ],
    ['dots in disguise', ['/%EF%BC%8E%EF%BC%8E/report', '/%E2%80%A5/report', '/a/%C0%AE%C0%AE/report']],
    ['encoded slashes', ['/a%2Freport', '/a%2freport', '/a%5Creport', '/a%EF%BC%8Freport', '/a%c0%afreport']],
    ['what is decoded twice', ['/%252e%252e/report', '/a%252Freport', '/%25%32%65', '/a%2525']],
    ['semicolons', ['/report;a=b', '/a;/report', '/report%3B', '/free/..;/report']],
    ['the end of a path in disguise', ['/report%3Fa', '/report%23a', '/report#a', '/report?a#b']],
    ['control characters', ['/report%00', '/report%0a', '/a\u0000', '/a%7f', '/a\tb', '/a?b\u0001', '/a?b\u00ff']],
    [
      'what has no place in a path',
      ['/\\report', '/a\\b', '/a b', '/<a>', '/{a}', '/a|b', '/a"b', '/a^b', '/a`b', '/[a]', '/é'],
    ],
    ['half escapes', ['/%', '/%4', '/%zz', '/a%', '/%ff', '/%E2%84', '/%u0041']],
  ])('%s are refused', (_, targets) => {
    expect(targets.filter((target) => !refused(target))).toEqual([])
  })

  test('what is sent on is read by every parser of URLs as it is written, and read here as it was the first time', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2F',
      '%5c',
      '%25',
      '2e',
      '%41',
      'a',
      'B',
      ';',
      '?',
      '\\',
      '%00',
      '//',
      '%C3%A9',
      ':',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const target = readTarget(`/${pieces.join('')}`)
        if (typeof target === 'string') return
        const { pathname, search, hash } = new URL(target.text, 'http://upstream')
        expect(pathname + search + (target.text.endsWith('?') ? '?'.slice(search.length) : '')).toBe(target.text)
        expect(hash).toBe('')
        expect(readTarget(target.text)).toEqual(target)
      }),
      { numRuns: 3_000 },
    )
  })
})
