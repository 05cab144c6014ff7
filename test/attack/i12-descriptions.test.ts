import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { frameworks } from '../support/frameworks.ts'
import { disposable } from '../support/wait.ts'
import { challengeOf, createWorld, type World } from '../support/world.ts'

const descriptions: Readonly<Record<string, string>> = {
  'line breaks that would start another header': 'A report\r\nSet-Cookie: stolen=1\r\n\r\n<html>',
  'quotes and backslashes': `It's "quoted" \\ and 'so on'`,
  'letters beyond Latin and emoji': 'Отчёт 報告 🧾💸',
  'the separators of lines and paragraphs': 'one\u2028two\u2029three',
  'a zero and other controls': 'a\0b\x07c\x7fd',
  'half a surrogate pair': 'a\ud800b',
  '600 letters': 'a'.repeat(600),
  '600 emoji': '🧾'.repeat(600),
  markup: '<script>alert(1)</script>',
}

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

describe.each(frameworks)('I12 over $name', ({ serve }) => {
  test.each(Object.entries(descriptions))(
    'a description with %s does not break the 402',
    async (_name, description) => {
      await using app = disposable(await serve({ ...world.options, description, mimeType: description }))
      const response = await fetch(`${app.url}/report`)
      expect(response.status).toBe(402)
      const challenge = challengeOf(response)
      expect(challenge.resource).toEqual({
        url: '/report',
        description,
        mimeType: description,
      })
      expect(await response.json()).toEqual(challenge)
      expect(response.headers.get('set-cookie')).toBeNull()
      expect([app.runs(), world.devnet.asked('blocks_info')]).toEqual([0, 0])
    },
  )
})
