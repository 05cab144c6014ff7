import { describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { nano402, ran } from './support.ts'

const SEED = '5EC2E7'.repeat(11).slice(0, 64)

describe('nano402', () => {
  test('--help tells what there is, --version which it is, and the built command says the same as its source', async () => {
    const [help, own, version, source] = await Promise.all([
      nano402(['--help']),
      nano402(['devnet', '--help']),
      nano402(['--version']),
      ran(['devnet', '--help']),
    ])
    expect(help).toMatchObject({
      status: 0,
      err: '',
      out: expect.stringMatching(/^ {2}devnet .*start a Nano network/m),
    })
    expect(help.out).toMatch(/^Exit status:\n {2}0 +done\n/m)
    expect(own).toMatchObject({ status: 0, err: '', out: expect.stringContaining('--confirm-ms <n>') })
    expect(source).toEqual(own)
    expect(version).toEqual({ status: 0, out: `${packageJson.version}\n`, err: '' })
    expect(await ran([])).toMatchObject({ status: 0, out: help.out })
  })

  test.each([
    [['devnt'], "Unknown command 'devnt': did you mean devnet? See nano402 --help."],
    [['toString'], "Unknown command 'toString'. See nano402 --help."],
    [['devnet', '--prot', '1'], "Unknown option '--prot': did you mean --port? See nano402 devnet --help."],
    [['devnet', '--port'], "Option '--port <n>' argument missing. See nano402 devnet --help."],
    [
      ['devnet', '--port', '65536'],
      "Option '--port <n>' argument '65536' is invalid. Expected a whole number from 0 to 65535. See nano402 devnet --help.",
    ],
    [['devnet', 'now'], "Too many arguments for 'devnet'. Expected 0 arguments but got 1. See nano402 devnet --help."],
  ])('%j ends with 2 and says what is meant', async (args, sentence) => {
    expect(await ran(args)).toEqual({ status: 2, out: '', err: `nano402: ${sentence}\n` })
  })

  test.each([
    [['devnet', `--seed=${SEED}`]],
    [['devnet', '--seed=5EC2E7 abandon about']],
    [['devnet', SEED]],
    [['devnet', '5EC2E7', 'abandon', 'about']],
    [['devnet', '--port', SEED]],
    [['reconcile', '--account', SEED]],
    [[SEED]],
  ])('a seed at a wrong place is not repeated (%#)', async (args) => {
    const { status, err } = await ran(args)
    expect(status).toBe(2)
    expect(err).not.toContain('5EC2E7')
  })

  test('with --json an error is JSON on the output, and a sentence beside it', async () => {
    const { status, out, err } = await ran(['reconcile', '--json'])
    const message = '--account (or NANO402_PAY_TO) must name the account that is paid.'
    expect(status).toBe(2)
    expect(JSON.parse(out)).toEqual({ error: { code: 'ERR_USAGE', message } })
    expect(err).toBe(`nano402: ${message}\n`)
  })

  test('a terminal gets colours, and nothing else does', async () => {
    expect((await ran(['devnt'], { tty: true })).err).toContain('\u001b[31mnano402:\u001b[39m Unknown')
    expect((await ran(['--help'], { tty: true })).out).toContain('\u001b[1mUsage:\u001b[22m')
    expect((await ran(['--help'])).out).not.toContain('\u001b')
  })
})
