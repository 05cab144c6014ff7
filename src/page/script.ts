/**
 * What runs in the browser: counts down, copies, listens, and opens what was paid for. It is text and not a function,
 * because a function would be rewritten by whatever builds the server. No interpolation, so that the tag leaves it as it is.
 */
import { type Html, html } from './html.ts'

export const script: Html = html`
(() => {
  const main = document.querySelector('main')
  const find = (id) => document.getElementById(id)
  const texts = JSON.parse(main.dataset.texts)
  const here = location.pathname + location.search
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const endMs = Date.now() + Number(main.dataset.seconds) * 1000
  const steps = ['waiting', 'seen', 'confirmed']
  let state = ''

  for (const element of document.querySelectorAll('.script-off')) element.hidden = true
  for (const element of document.querySelectorAll('.script-on')) element.hidden = false

  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(button.dataset.copy)
      } catch {
        // Not over https: what is selected can be copied all the same.
        getSelection().selectAllChildren(button.previousElementSibling)
        document.execCommand('copy')
      }
      button.textContent = texts.copied
      find('said').textContent = texts.copied
      await sleep(2000)
      button.textContent = texts.copy
      find('said').textContent = ''
    })
  }

  function show(next) {
    if (next === state || state === 'confirmed') return
    state = next
    find('state').textContent = texts[next]
    find('state').className = next
    const at = steps.indexOf(next === 'cut' ? 'waiting' : next)
    for (const [i, step] of document.querySelectorAll('.steps li').entries()) {
      step.className = i < at || next === 'confirmed' ? 'done' : i === at ? 'now-at' : ''
      if (i === at) step.setAttribute('aria-current', 'step')
      else step.removeAttribute('aria-current')
    }
    place()
    if (next === 'unknown') find('renew').firstChild.textContent = texts.again
    if (next === 'confirmed') open()
  }

  // What can be done now.
  function place() {
    const paid = state === 'seen' || state === 'confirmed'
    const payable = !paid && state !== 'unknown' && state !== 'expired' && Date.now() < endMs
    find('left').hidden = !payable
    find('pay').hidden = !payable
    find('renew').hidden = paid || payable
  }

  async function open() {
    // Should this page come back again and again, a person decides.
    const key = 'nano402 ' + main.dataset.amount
    const times = Number(sessionStorage.getItem(key))
    sessionStorage.setItem(key, String(times + 1))
    if (times < 3) {
      location.replace(here)
      await sleep(6000)
    }
    find('state').textContent = texts.opened
    find('check').hidden = false
    find('check').firstChild.textContent = texts.again
  }

  function tick() {
    const seconds = Math.max(0, Math.ceil((endMs - Date.now()) / 1000))
    const hours = Math.floor(seconds / 3600)
    const minutes = String(Math.floor(seconds / 60) % 60).padStart(hours > 0 ? 2 : 1, '0')
    const clock = minutes + ':' + String(seconds % 60).padStart(2, '0')
    find('time').textContent = hours > 0 ? hours + ':' + clock : clock
    if (seconds === 0 && state === 'waiting') show('expired')
    place()
  }

  const ask = (how) =>
    fetch(here, { headers: { 'Nano402-Page': how, Accept: main.dataset.accept }, cache: 'no-store', redirect: 'error' })

  async function listen() {
    const answer = await ask('events')
    if (answer.status === 404) return show('unknown')
    if (!answer.ok) throw new Error(answer.status)
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      const events = (text + piece.value).split('\\n\\n')
      text = events.pop()
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)
        if (data) show(JSON.parse(data[1]).state)
      }
    }
  }

  async function poll() {
    for (let i = 0; i < 5 && state !== 'confirmed'; i++) {
      const answer = await ask('now')
      show((await answer.json()).state)
      await sleep(3000)
    }
  }

  async function wait() {
    while (state !== 'confirmed' && state !== 'unknown') {
      try {
        await listen().catch(poll)
      } catch {
        find('state').textContent = texts.offline
        state = 'offline'
        await sleep(3000)
      }
      await sleep(1000)
      if (state === 'expired' && Date.now() > endMs + 120000) return
    }
  }

  setInterval(tick, 1000)
  show('waiting')
  tick()
  wait()
})()
`
