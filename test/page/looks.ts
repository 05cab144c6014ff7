/** What a person sees, hears and reaches at a paywall page: in the dark, on a phone, by keyboard, with a screen reader. */
import { formatXno } from 'nano402/nano'
import { paywallPage } from 'nano402/page'
import type { BrowserContextOptions } from 'playwright-core'
import { TEXTS } from '../../src/page/texts.ts'
import { asked, content, expect, type Step, type StepContext, says, visit } from './visit.ts'

const windows: readonly Step[] = [
  ['dark', { colorScheme: 'dark' }],
  ['phone', { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 }],
  ['phone-dark', { viewport: { width: 360, height: 740 }, isMobile: true, colorScheme: 'dark', deviceScaleFactor: 2 }],
].map(([name, window]) => ({
  name: `looks right: ${name}`,
  run: (context: StepContext) =>
    visit(context, { window: window as BrowserContextOptions }, async ({ page, url }) => {
      await page.goto(url)
      await says(page, TEXTS.waiting)
      const isWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
      expect(isWide, false)
      await context.picture(page, `look-${name}`)
    }),
}))

/** The lowest contrast of a text to what is behind it, and which text that is (WCAG 2, 1.4.3). */
const LOWEST_CONTRAST = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
  const luminance = (colours) => {
    canvas.clearRect(0, 0, 1, 1)
    for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1) }
    const linear = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => linear(value / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const behind = (element) => element ? [...behind(element.parentElement), getComputedStyle(element).backgroundColor] : ['white']
  const texts = [...document.querySelectorAll('main *')].filter((element) =>
    element.checkVisibility() && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  return texts.map((element) => {
    const colours = behind(element)
    const [dark, light] = [luminance(colours), luminance([...colours, getComputedStyle(element).color])].sort((a, b) => a - b)
    return { contrast: (light + 0.05) / (dark + 0.05), text: element.textContent.trim().slice(0, 40) }
  }).sort((a, b) => a.contrast - b.contrast)[0]
})()`

/** Brands whose buttons want dark letters, and light ones. */
const readable: readonly Step[] = (['light', 'dark'] as const).map((colorScheme) => ({
  name: `every text can be read: ${colorScheme}`,
  run: async (context) => {
    for (const page of [
      paywallPage(),
      paywallPage({ colours: { accent: '#0b7a5b' }, darkColours: { accent: '#fd0' } }),
    ]) {
      await visit(context, { options: { page }, window: { colorScheme } }, async ({ page, url }) => {
        await page.goto(url)
        await says(page, TEXTS.waiting)
        const lowest = (await page.evaluate(LOWEST_CONTRAST)) as { contrast: number; text: string }
        expect(lowest.contrast >= 4.5 || lowest, true)
      })
    }
  },
}))

const senses: readonly Step[] = [
  {
    name: 'the keyboard reaches everything, and copying is told aloud',
    run: (context) =>
      visit(context, { window: { permissions: ['clipboard-read', 'clipboard-write'] } }, async ({ page, url }) => {
        await page.goto(url)
        const { amount } = await asked(page)
        await page.keyboard.press('Tab')
        await page.keyboard.press('Enter')
        await page.locator('#said', { hasText: TEXTS.copied }).waitFor()
        expect(await page.evaluate('navigator.clipboard.readText()'), formatXno(amount))
        await context.picture(page, 'keyboard')
        const reached: string[] = []
        for (let i = 0; i < 5; i++) {
          reached.push(String(await page.evaluate('document.activeElement.textContent.trim()')))
          await page.keyboard.press('Tab')
        }
        for (const text of [TEXTS.open, TEXTS.walletsHeading]) expect(reached.includes(text), true)
      }),
  },
  {
    name: 'a screen reader is told what it is, and what becomes of the payment',
    run: (context) =>
      visit(context, {}, async ({ page, url }) => {
        await page.goto(url)
        await says(page, TEXTS.waiting)
        const heard = await page.locator('body').ariaSnapshot()
        for (const part of [
          'heading "The report of the third quarter" [level=1]',
          `img "${TEXTS.qr}"`,
          `button "${TEXTS.copy}: ${TEXTS.account}"`,
          `link "${TEXTS.open}"`,
          `status: ${TEXTS.waiting}`,
        ]) {
          if (!heard.includes(part)) throw new Error(`It is not told of ${part}, but of:\n${heard}`)
        }
        expect(await page.locator('#state').getAttribute('aria-live'), 'polite')
        const { payTo, amount } = await asked(page)
        context.world.devnet.hold()
        await context.world.buyer.send(payTo, amount)
        await page.getByRole('status').filter({ hasText: TEXTS.seen }).waitFor()
        expect(await page.locator('[aria-current=step]').innerText(), TEXTS.stepSeen)
        context.world.devnet.release()
        await content(page)
      }),
  },
]

export const looks: readonly Step[] = [...windows, ...readable, ...senses]
