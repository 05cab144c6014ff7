/** How the page looks. Colours come as custom properties; everything else is here. */
import { type Html, html } from './html.ts'
import type { PageColours } from './options.ts'

const LIGHT = { accent: '#1f5fd6', background: '#f4f5f7', text: '#14181f' } as const
const DARK = { accent: '#7fb0ff', background: '#101318', text: '#eef1f5' } as const

const coloursOf = ({ accent, background, text }: Required<PageColours>): Html =>
  html`--accent:${accent};--background:${background};--text:${text};--on-accent:${inkOn(accent)};`

const [WHITE, INK] = ['#fff', '#0b0e13']
/** Above this luminance, black on it is easier to read than white (WCAG 2, contrast of 4.6 to either). */
const LIGHT_FROM = 0.18

/** The colour of letters on a button of this colour, so that whatever a brand has can be read. */
function inkOn(colour: string): string {
  const digits = colour.length === 4 ? colour.replace(/[^#]/g, '$&$&') : colour
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(digits.slice(at, at + 2), 16) / 255
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > LIGHT_FROM ? INK : WHITE
}

/** The contents of the style element. Colours are hexadecimal: they were checked when the paywall was made. */
export const style = (light: PageColours = {}, dark: PageColours = {}): Html => html`
:root{color-scheme:light dark;${coloursOf({ ...LIGHT, ...light })}--surface:#fff;--line:color-mix(in srgb,var(--text) 14%,transparent);--quiet:color-mix(in srgb,var(--text) 66%,var(--background));--good:#14804a;--warn:#9a5b00}
@media (prefers-color-scheme:dark){:root{${coloursOf({ ...DARK, ...dark })}--surface:color-mix(in srgb,var(--text) 6%,var(--background));--good:#5fd39a;--warn:#f0b35a}}
*{box-sizing:border-box}
[hidden]{display:none!important}
body{margin:0;background:var(--background);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:56rem;margin:0 auto;padding:2.5rem 1.25rem 3rem}
header{display:flex;align-items:center;gap:.75rem;margin-bottom:1.25rem;font-weight:600}
header img{height:2.25rem;width:auto;max-width:12rem;object-fit:contain}
.card{background:var(--surface);border:1px solid var(--line);border-radius:1rem;box-shadow:0 1px 2px rgb(0 0 0/.05),0 12px 32px rgb(0 0 0/.06);overflow:hidden}
.top{padding:1.75rem 2rem 1.5rem;border-bottom:1px solid var(--line)}
.eyebrow{margin:0;color:var(--quiet);font-size:.875rem}
h1{margin:.15rem 0 .5rem;font-size:1.5rem;line-height:1.25;letter-spacing:-.01em;overflow-wrap:anywhere}
.price{margin:0;font-size:2.25rem;line-height:1.15;font-weight:700;letter-spacing:-.02em}
.usd{margin:.1rem 0 0;font-weight:600;color:var(--quiet)}
.price span{font-size:1.1rem;font-weight:600;color:var(--quiet);letter-spacing:0}
.note{margin:1rem 0 0;padding:.75rem 1rem;border-radius:.6rem;border:1px solid var(--line);border-left:4px solid var(--warn)}
.pay{display:grid;grid-template-columns:auto 1fr;gap:2rem;padding:1.75rem 2rem}
.scan{width:16rem;text-align:center}
.qr{display:block;width:16rem;height:16rem;padding:1.4rem;background:#fff;border:1px solid var(--line);border-radius:.75rem}
.scan p{margin:.75rem 0 0;font-size:.875rem;color:var(--quiet)}
dl{margin:0;min-width:0}
dt{font-size:.8125rem;font-weight:600;color:var(--quiet)}
dd{margin:.2rem 0 1.1rem;display:flex;gap:.75rem;align-items:flex-start;justify-content:space-between}
dd code{font:.9375rem/1.45 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere;min-width:0}
code b{color:var(--accent)}
.raw{font-size:.8125rem;color:var(--quiet)}
.button,button{font:inherit;font-weight:600;border-radius:.6rem;cursor:pointer;text-decoration:none;text-align:center}
.button{display:block;padding:.75rem 1rem;background:var(--accent);color:var(--on-accent);border:0}
button{flex:none;margin-top:-.2rem;padding:.3rem .7rem;font-size:.8125rem;background:transparent;color:var(--accent);border:1px solid var(--line)}
.button:hover,button:hover{filter:brightness(1.08)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.now{position:relative;padding:1.25rem 2rem 1.5rem;border-top:1px solid var(--line)}
.now>div{display:flex;gap:1rem;justify-content:space-between;align-items:baseline;flex-wrap:wrap}
#renew a{display:inline-block}
.notice{font-size:1.25rem;margin-bottom:1rem}
#state{margin:0;font-weight:600;flex:1 1 18rem}
#state.cut{padding:.75rem 1rem;border-radius:.6rem;border:1px solid var(--line);border-left:4px solid var(--warn)}
.heard{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
#left{margin:0;color:var(--quiet);font-variant-numeric:tabular-nums;white-space:nowrap}
.steps{display:grid;grid-template-columns:repeat(3,1fr);gap:.5rem;margin:0 0 1rem;padding:0;list-style:none;font-size:.8125rem;color:var(--quiet)}
.steps li{padding-top:.5rem;border-top:4px solid var(--line)}
.steps .done{border-color:var(--good);color:var(--good)}
.steps .now-at{border-color:var(--accent);color:var(--text);font-weight:600;animation:wait 1.6s ease-in-out infinite}
@keyframes wait{50%{border-color:var(--line)}}
@media (prefers-reduced-motion:reduce){.steps .now-at{animation:none}}
a{color:var(--accent)}
.again{margin:1rem 0 0}
details{margin:1.25rem .25rem 0;color:var(--quiet);font-size:.9rem}
summary{cursor:pointer;font-weight:600;width:fit-content}
footer{margin:1rem .25rem 0;color:var(--quiet);font-size:.875rem}
@media (max-width:44rem){main{padding:1rem .75rem 2rem}.top,.pay,.now{padding-left:1.15rem;padding-right:1.15rem}.pay{grid-template-columns:minmax(0,1fr);gap:1.25rem}.scan{width:auto;order:2}.qr{margin:0 auto;width:min(15rem,100%);height:auto}.scan p{margin-top:.5rem}.price{font-size:2rem}}
`
