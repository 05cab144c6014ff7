/** The site: its pages in their order, a search of its own, and nothing from elsewhere. */
import { defineConfig } from 'vitepress'
import packageJson from '../../package.json' with { type: 'json' }

const doors = Object.keys(packageJson.exports).filter((subpath) => subpath !== './package.json')

export default defineConfig({
  title: 'nano402',
  description: packageJson.description,
  base: process.env.DOCS_BASE ?? '/', // where it is deployed, such as /nano402/
  cleanUrls: true,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    config(md) {
      const normalize = md.normalizeLink
      md.normalizeLink = (url) => normalize(url.replace(/^docs\//, '/')) // what is taken from the README links from there
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guide', link: '/guide/express', activeMatch: '/guide/' },
      { text: 'API', link: '/api/', activeMatch: '/api/' },
      { text: 'Protocol', link: '/protocol_rev1' },
      { text: 'Security', link: '/security' },
      { text: 'Neighbours', link: '/neighbours' },
    ],
    sidebar: [
      {
        text: 'Quick start',
        items: [
          { text: 'Express', link: '/guide/express' },
          { text: 'Hono', link: '/guide/hono' },
          { text: 'Next.js', link: '/guide/next' },
          { text: 'node:http and others', link: '/guide/node-http' },
          { text: 'Pay for requests', link: '/guide/pay' },
        ],
      },
      {
        text: 'Guides',
        items: [
          { text: 'Options', link: '/guide/options' },
          { text: 'Production checklist', link: '/guide/production' },
          { text: 'In front of any API', link: '/guide/proxy' },
          { text: 'Nodes and work', link: '/guide/nodes' },
          { text: 'Redis', link: '/guide/redis' },
          { text: 'Dollars and pools', link: '/prices' },
          { text: 'Passes, free requests, subscribers', link: '/access' },
          { text: 'Channels', link: '/channels' },
          { text: 'Agents with budgets', link: '/guide/agents' },
          { text: 'Testing your paid API', link: '/guide/testing' },
          { text: 'A page for people', link: '/page' },
          { text: 'Other x402 packages', link: '/x402' },
        ],
      },
      {
        text: 'Reference',
        items: [
          { text: 'Protocol, revision 1', link: '/protocol_rev1' },
          { text: 'Security', link: '/security' },
          { text: 'Attacks', link: '/attacks' },
          { text: 'Architecture', link: '/architecture' },
          { text: 'Neighbours', link: '/neighbours' },
        ],
      },
      {
        text: 'API',
        link: '/api/',
        collapsed: true,
        items: doors.map((subpath) => {
          const name = `nano402${subpath.slice(1)}`
          return { text: name, link: `/api/${name.replaceAll('/', '.')}` }
        }),
      },
    ],
  },
})
