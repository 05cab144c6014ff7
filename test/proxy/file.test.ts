import { ConfigError } from 'nano402'
import { describe, expect, test } from 'vitest'
import { readProxyFile } from '../../src/proxy/file.ts'

const environment = { SECRET: 'a secret of 32 bytes, or some more', PORT: '8080' }
const read = (text: string) => readProxyFile(text, { name: 'paywall.yaml', environment })

describe('a file of options', () => {
  test('is YAML, with amounts as they are written, and texts of the environment', () => {
    const { options, warnings } = read(`
upstream: http://localhost:\${PORT}
secret: \${SECRET}
routes:
  - { path: /a, price: 0.10 }
  - path: /b
    price: 1e-3
    attempts: 5
    free: false
channel: { minDeposit: 0.01, ttlSeconds: 60 }
default: { price: "0.001 XNO" }
`)
    expect(options).toEqual({
      upstream: 'http://localhost:8080',
      secret: environment.SECRET,
      routes: [
        { path: '/a', price: '0.10' },
        { path: '/b', price: '1e-3', attempts: 5, free: false },
      ],
      channel: { minDeposit: '0.01', ttlSeconds: 60 },
      default: { price: '0.001 XNO' },
    })
    expect(warnings).toEqual([])
  })

  test('may be JSON, or empty', () => {
    expect(read('{ "routes": [{ "path": "/a", "price": "0.1" }] }').options).toEqual({
      routes: [{ path: '/a', price: '0.1' }],
    })
    expect(read('# nothing\n').options).toEqual({})
  })

  test('is no place for secrets', () => {
    const text = 'secret: [0123456789abcdef0123456789abcdef]\nfacilitator:\n  url: https://f.example\n  token: abc\n'
    expect(read(text).warnings).toEqual([
      `paywall.yaml, line 1: secret is a secret. Keep it in the environment, and write \${NAME} here.`,
      `paywall.yaml, line 4: token is a secret. Keep it in the environment, and write \${NAME} here.`,
    ])
  })

  test.each([
    ['routes: [\n', /^paywall\.yaml, line \d: this is no YAML: /],
    ['a: 1\na: 2\n', /^paywall\.yaml, line 2: this is no YAML: Map keys must be unique/],
    ['a: *b\n', /^paywall\.yaml(, line 1)?: this is no YAML: /],
    ['- a\n', /^paywall\.yaml: expected options/],
    ['just text', /^paywall\.yaml: expected options/],
    [
      `\nsecret: \${NOWHERE}\n`,
      /^paywall\.yaml, line 2: secret asks for \$\{NOWHERE\}, which the environment has not\.$/,
    ],
  ])('%j is refused with its line', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })

  test('names the line that an error is about', () => {
    const { located } = read('upstream: x\nroutes:\n  - path: /a\n    price: much\n')
    const say = (message: string) => located(new ConfigError(message)).message
    expect(say('upstream: wrong')).toBe('paywall.yaml, line 1: upstream: wrong')
    expect(say('routes[0].price: wrong')).toBe('paywall.yaml, line 4: routes[0].price: wrong')
    expect(say('routes[0].methods[2]: wrong')).toBe('paywall.yaml, line 3: routes[0].methods[2]: wrong')
    expect(say('No account.')).toBe('paywall.yaml: No account.')
  })
})
