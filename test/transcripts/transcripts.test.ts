/** Every transcript in virtual time, at the leader, at a follower, and while the leader changes; and on the page that shows it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { MemoryGround } from './memory-ground.js'
import { ANY_BLOCK, PAGE, withTranscripts } from './pages.js'
import { replay } from './replay.js'
import { allScenes, readScenes } from './script.js'

const scenes = allScenes()

describe.each([
  ['at the leader', 0, false],
  ['at a follower', 1, false],
  ['at the leader, which steps down', 0, true],
  ['at a follower, which becomes the leader', 1, true],
] as const)('transcripts %s', (_, at, leaderChanges) => {
  const told = scenes.filter(({ onlyOn }) => onlyOn !== 'three processes')
  it.each(told.map((scene) => [scene.id, scene] as const))('%s', async (_id, scene) => {
    await replay(scene, new MemoryGround(at, scene), leaderChanges)
  })
})

describe('transcripts as a set', () => {
  it('have ids of their own', () => {
    const ids = scenes.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
  })

  /** All scenes share a cluster of real processes, one after the other. */
  it('do not use the names of another scene', () => {
    const usedBy = new Map<string, string>()
    for (const { id, steps } of scenes) {
      for (const step of steps) {
        if (step.kind !== 'sent') continue
        for (const [, name = ''] of step.text.matchAll(/,(?:name|once|key):([^,@()]+)/g)) {
          expect([name, usedBy.get(name) ?? id]).toEqual([name, id])
          usedBy.set(name, id)
        }
      }
    }
  })

  it('stand in docs/protocol.md as they are replayed (npm run transcripts)', () => {
    const page = readFileSync(PAGE, 'utf8')
    expect(page).toBe(withTranscripts(page, scenes))
    expect(page.match(ANY_BLOCK)?.length).toBe(page.match(/^<!-- transcript: /gm)?.length)
  })

  it('are noticed when they are wrong', async () => {
    const wrong = (...lines: string[]) => {
      const [scene] = readScenes('wrong', ['== one: One', ...lines].join('\n'))
      if (scene === undefined) throw new Error('no scene')
      return replay(scene, new MemoryGround(1, scene), false)
    }
    await expect(wrong('> lock,name:wrong', '< not-granted')).rejects.toThrow('expected not-granted, received ok')
    await expect(wrong('> .ping', '< pong', '< pong')).rejects.toThrow('the stream has ended')
    await expect(wrong('* sessions: a', 'a> lock,id:1,name:wrong')).rejects.toThrow('a was told more')
    await expect(
      wrong(
        '> lock,name:wrong,fence:yes',
        '< ok,token:(T)',
        '> release',
        '< released',
        '< (closed)',
        '> .ping',
        '< (T)',
      ),
    ).rejects.toThrow(/expected \(T\)/)
    expect(() => readScenes('wrong', '== one: One\nsomething')).toThrow('not a line of a transcript')
    expect(() => readScenes('wrong', '== one: One\n* the node stops')).toThrow('only where nothing else is played')
  })
})
