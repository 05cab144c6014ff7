import { expect, test } from 'vitest'
import { prefersHtml } from '../../src/page/accept.ts'
import { BROWSER_ACCEPT } from './browser.ts'

test.each([
  ['Chromium', BROWSER_ACCEPT],
  ['Firefox', 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'],
  ['HTML alone', 'text/html'],
  ['in capitals', 'TEXT/HTML, application/json;q=0.9'],
  ['JSON for something else', 'text/html;q=0.5, application/json;q=0.4'],
  ['anything, but no JSON', 'text/html, */*, application/json;q=0'],
])('a page is for %s', (_, accept) => {
  expect(prefersHtml(accept)).toBe(true)
})

test.each([
  ['curl', '*/*'],
  ['axios', 'application/json, text/plain, */*'],
  ['nobody who says nothing', undefined],
  ['an empty header', ''],
  ['who takes both alike', 'text/html, application/json'],
  ['who takes anything as gladly', 'text/html, */*'],
  ['who ranks JSON first', 'text/html;q=0.8, application/json'],
  ['who ranks an API format first', 'text/html;q=0.8, application/vnd.api+json'],
  ['who ranks another thing first', 'application/pdf, text/html;q=0.5'],
  ['an image', 'image/avif,image/webp,*/*;q=0.8'],
  ['who refuses HTML', 'text/html;q=0'],
  ['a rank that is none', 'text/html;q=high'],
  ['a rank above one', 'text/html;q=5, application/json;q=0.1'],
  ['an event stream', 'text/event-stream'],
  ['text that is not HTML', 'text/*'],
])('JSON is for %s', (_, accept) => {
  expect(prefersHtml(accept)).toBe(false)
})
