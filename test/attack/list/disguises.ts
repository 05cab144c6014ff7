/** Requests that claim to be something else than they are. */

/** I13: lines instead of one good Host. */
export const hosts: Readonly<Record<string, readonly string[]>> = {
  'no Host': [],
  'an empty Host': ['Host:'],
  'an IPv6 Host': ['Host: [::1]:8080'],
  'half an IPv6 Host': ['Host: [::1'],
  'a Host with spaces': ['Host: a b'],
  'a Host with a path': ['Host: shop.example/free'],
  'a Host with a user': ['Host: free@shop.example'],
  'a Host with a port beyond 65535': ['Host: shop.example:99999'],
  'a Host of 4 KB': [`Host: ${'a'.repeat(4_096)}`],
  'a Host with letters beyond ASCII': ['Host: sh\xf6p.example'],
  'two Hosts': ['Host: shop.example', 'Host: free.example'],
}

/** What has let requests past a gate in Next.js, or asks it for something else than the page (ATTACKS.md, H12). */
export const INTERNAL_HEADERS = [
  ['x-middleware-subrequest', 'middleware:middleware:middleware:middleware:middleware'],
  ['x-middleware-subrequest', 'src/middleware'],
  ['x-middleware-prefetch', '1'],
  ['x-middleware-rewrite', '/free'],
  ['x-middleware-next', '1'],
  ['x-nextjs-data', '1'],
  ['x-matched-path', '/free'],
  ['x-invoke-path', '/free'],
  ['x-prerender-revalidate', '1'],
  ['RSC', '1'],
  ['Next-Router-Prefetch', '1'],
  ['Next-Router-Segment-Prefetch', '/_tree'],
  ['Next-Router-State-Tree', '%5B%22%22%5D'],
  ['Next-Action', 'abcdef'],
  ['Purpose', 'prefetch'],
  ['Sec-Purpose', 'prefetch;prerender'],
] as const
