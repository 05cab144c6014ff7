import { expect, test } from 'vitest'
import { html, toText } from '../../src/page/html.ts'

test('whatever is put into HTML is text', () => {
  const bad = `<script>"'&`
  expect(toText(html`<p title="${bad}">${bad}</p>`)).toBe(
    '<p title="&lt;script&gt;&quot;&#39;&amp;">&lt;script&gt;&quot;&#39;&amp;</p>',
  )
})

test('only HTML that was made here is HTML', () => {
  const parts = [html`<b>${1}</b>`, html`<i>${undefined}</i>`]
  expect(toText(html`<p>${parts}</p>`)).toBe('<p><b>1</b><i></i></p>')
  // What JSON can hold cannot look like it.
  const forged = JSON.parse('{"html":"<script>","Symbol(html)":"<script>"}')
  expect(toText(html`<p>${forged}</p>`)).not.toContain('<script>')
})
