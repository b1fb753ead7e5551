/** What a released version wrote is read by this one for ever, and what this one writes for such a cluster is the same. */
import { describe, expect, it } from 'vitest'
import { GROUPS, kindOf, readGolden, releases, specimensOf, writeRelease } from './files.js'
import { hexOf, plain, revived } from './plain.js'

const released = releases().flatMap((release) =>
  GROUPS.flatMap((group) =>
    readGolden(release, group).map((golden) => [`${release}, ${golden.name}`, kindOf(group, golden), golden] as const),
  ),
)

describe.runIf(released.length > 0)('what was released', () => {
  it.each(released)('%s is read', async (_, kind, { bytes, value }) => {
    // Fields that came later are there too, with what they are in their absence.
    expect(await kind.decode(bytes)).toMatchObject(value as object)
  })

  it.each(released)('%s is still written like this', (_, kind, { bytes, value }) => {
    const written = kind.encode(value)
    if (written !== null) expect(hexOf(written)).toBe(hexOf(bytes))
  })
})

describe.each(GROUPS.map((group) => [group.file, group] as const))('examples of today, %s', (_, group) => {
  it('come back as they were', async () => {
    for (const golden of await specimensOf(group)) {
      const { name, bytes, value } = golden
      const kind = kindOf(group, golden)
      expect(await kind.decode(bytes), name).toEqual(value)
      const written = kind.encode(value)
      if (written !== null) expect(hexOf(written), name).toBe(hexOf(bytes))
    }
  })

  it('are told apart by their names', async () => {
    const names = (await specimensOf(group)).map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })
})

describe('the files', () => {
  it('of a release are never made again', async () => {
    for (const release of releases()) await expect(writeRelease(release)).rejects.toThrow('never made again')
    await expect(writeRelease('latest')).rejects.toThrow('named like v1')
  })

  it('have all that a value says', () => {
    const value = { bytes: new Uint8Array([0, 255]), list: [1, null, { deep: 'x' }], flag: false }
    expect(revived(plain(value))).toEqual(value)
    expect(plain({ left: undefined })).toEqual({})
  })
})
