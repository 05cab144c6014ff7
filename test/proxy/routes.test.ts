import { describe, expect, test } from 'vitest'
import { createRouter } from '../../src/proxy/routes.ts'
import { readTarget } from '../../src/proxy/target.ts'

const route = createRouter([
  { path: '/report' },
  { path: '/items/new', methods: ['POST'] },
  { path: '/items/:id', methods: ['GET'] },
  { path: '/files/secret' },
  { path: '/files/*' },
])

function find(method: string, path: string): number | undefined {
  const target = readTarget(path)
  return typeof target === 'string' ? -1 : route({ method, segments: target.segments })
}

describe('routes', () => {
  test.each([
    ['GET', '/report', 0],
    ['DELETE', '/REPORT/', 0],
    ['GET', '/report?a', 0],
    ['GET', '/report/more', undefined],
    ['GET', '/report.json', undefined],
    ['GET', '/', undefined],
    ['POST', '/items/new', 1],
    ['GET', '/items/new', 2],
    ['HEAD', '/items/7', 2],
    ['OPTIONS', '/items/7', undefined],
    ['GET', '/items', undefined],
    ['GET', '/items/7/8', undefined],
    ['GET', '/FILES/Secret', 3],
    ['GET', '/files', 4],
    ['GET', '/files/a/b', 4],
    ['GET', '/filesystem', undefined],
  ])('%s %s is for route %s', (method, path, index) => {
    expect(find(method, path)).toBe(index)
  })

  test.each([
    [
      [{ path: '/*' }, { path: '/report' }],
      'routes[1].path: no request gets to it, because routes[0] (/*) takes them all',
    ],
    [[{ path: '/a/:b' }, { path: '/c' }, { path: '/A/b/' }], 'routes[2].path: no request gets to it'],
    [[{ path: '/a' }, { path: '/a', methods: ['GET'] }], 'routes[1].path'],
    [[{ path: 'report' }], 'routes[0].path: write /report, /items/:id, or /files/*'],
    [[{ path: '/*/report' }], 'routes[0].path'],
    [[{ path: '/a*' }], 'routes[0].path'],
    [[{ path: '/a?b=c' }], 'routes[0].path'],
    [[{ path: '/a/../b' }], 'routes[0].path'],
    [[{ path: '//a' }], 'routes[0].path'],
  ])('%j are refused', (routes, message) => {
    expect(() => createRouter(routes)).toThrow(message)
  })

  test.each([
    [[{ path: '/a', methods: ['GET'] }, { path: '/a' }]],
    [[{ path: '/a/:b' }, { path: '/a/*' }]],
    [[{ path: '/a/b' }, { path: '/:a/b' }]],
  ])('%j are both reached', (routes) => {
    expect(() => createRouter(routes)).not.toThrow()
  })
})
