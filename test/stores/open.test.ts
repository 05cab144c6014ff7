import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openStore as openOnNode } from '../../src/stores/open.node.ts'
import { openStore as openOnWeb } from '../../src/stores/open.web.ts'

test('memory is a store that forgets, on Node and elsewhere', async () => {
  expect((await openOnNode('memory')).durable).toBe(false)
  expect((await openOnWeb('memory')).durable).toBe(false)
})

test('sqlite:<path> is a store in that file on Node, and says elsewhere that it needs Node', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nano402-'))
  const store = await openOnNode(`sqlite:${join(directory, 'claims.sqlite')}`)
  expect(store.durable).toBe(true)
  await store.close()
  await rm(directory, { recursive: true })
  await expect(openOnWeb('sqlite:claims.sqlite')).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringContaining('Node'),
  })
})

test.each(['redis://u:secret@h', 'rediss://u:secret@h:1'])('%s says outside Node that it needs Node', async (url) => {
  const error = await openOnWeb(url).catch((error) => error)
  expect(error).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringMatching(/NANO402_STORE.*Node.*https:/) })
  expect(error.message).not.toContain('secret')
})

test('https://<host> without a token is a configuration error on Node and elsewhere', async () => {
  for (const openStore of [openOnNode, openOnWeb]) {
    await expect(openStore('https://h')).rejects.toMatchObject({
      code: 'ERR_CONFIG',
      message: expect.stringContaining('token'),
    })
  }
})

test.each(['', 'Memory', 'memory ', 'sqlite', 'mysql://u:secret@h', 'redis:h', 'ftp://h'])(
  '%j is a configuration error that names NANO402_STORE and what to set, and keeps the text to itself',
  async (url) => {
    for (const openStore of [openOnNode, openOnWeb]) {
      const error = await openStore(url).catch((error) => error)
      expect(error).toMatchObject({ code: 'ERR_CONFIG', message: expect.stringMatching(/NANO402_STORE.*memory/) })
      expect(error.message).not.toContain('secret')
    }
  },
)
