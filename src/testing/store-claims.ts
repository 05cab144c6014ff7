/** What every store promises about claims. */
import { expectEqual } from './assert.ts'
import { type Check, count, HOUR, inAnHour, limits, shortLease, times, untilOver } from './store-support.ts'

export const claimCases = (otherEntries: number): Record<string, Check> => ({
  async 'the first owner to ask gets the claim'(store, named) {
    expectEqual(await store.claim(named('a'), 'one', limits()), 'claimed', 'the first claim')
  },
  async 'a claim is held against every other owner while its lease lasts'(store, named) {
    await store.claim(named('a'), 'one', limits())
    expectEqual(await store.claim(named('a'), 'two', limits()), 'held', 'the claim of a second owner')
  },
  async 'of a hundred owners asking at once exactly one gets the claim'(store, named) {
    const answers = await Promise.all(times(100, (i) => store.claim(named('a'), `owner ${i}`, limits())))
    expectEqual(count(answers, 'claimed'), 1, 'the number of owners that got the claim')
    expectEqual(count(answers, 'held'), 99, 'the number of owners that were told it is held')
  },
  async 'the owner that asks again has the claim, and no attempt is counted'(store, named) {
    const twice = limits({ attempts: 2 })
    for (const time of ['first', 'second', 'third']) {
      expectEqual(await store.claim(named('a'), 'one', twice), 'claimed', `the owner's ${time} claim`)
    }
    await store.release(named('a'), 'one')
    expectEqual(await store.claim(named('a'), 'two', twice), 'claimed', 'the second attempt of two')
  },
  async 'a claim given back is free for the next owner'(store, named) {
    await store.claim(named('a'), 'one', limits())
    await store.release(named('a'), 'one')
    expectEqual(await store.claim(named('a'), 'two', limits()), 'claimed', 'the claim of the next owner')
  },
  async 'an owner that gave the claim back has it no more'(store, named) {
    await store.claim(named('a'), 'one', limits())
    await store.release(named('a'), 'one')
    expectEqual(await store.renew(named('a'), 'one', 60_000), false, 'the renewal after the release')
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), false, 'the commit after the release')
    expectEqual(await store.claim(named('a'), 'two', limits()), 'claimed', 'the claim of the next owner')
  },
  async 'attempts are counted through releases, also those of one owner'(store, named) {
    for (const owner of ['one', 'one', 'two']) {
      expectEqual(await store.claim(named('a'), owner, limits()), 'claimed', `an attempt by ${owner}`)
      await store.release(named('a'), owner)
    }
    expectEqual(await store.claim(named('a'), 'three', limits()), 'exhausted', 'the fourth attempt of three')
    expectEqual(await store.claim(named('a'), 'one', limits()), 'exhausted', 'the fourth attempt, by an earlier owner')
  },
  async 'attempts are counted through lapsed leases'(store, named) {
    for (const owner of ['one', 'two']) {
      expectEqual(
        await store.claim(named('a'), owner, shortLease({ attempts: 2 })),
        'claimed',
        `an attempt by ${owner}`,
      )
      await untilOver()
    }
    expectEqual(
      await store.claim(named('a'), 'three', limits({ attempts: 2 })),
      'exhausted',
      'the third attempt of two',
    )
  },
  async 'a used-up claim is held while somebody has it'(store, named) {
    await store.claim(named('a'), 'one', limits({ attempts: 1 }))
    expectEqual(await store.claim(named('a'), 'two', limits({ attempts: 1 })), 'held', 'the claim of a second owner')
  },
  async 'a claim that is neither renewed nor committed frees itself when its lease ends'(store, named) {
    await store.claim(named('a'), 'one', shortLease())
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'claimed', 'the claim after the lease')
  },
  async 'a lapsed lease that nobody took is still the owner’s to renew'(store, named) {
    await store.claim(named('a'), 'one', shortLease())
    await untilOver()
    expectEqual(await store.renew(named('a'), 'one', 60_000), true, 'the renewal')
    expectEqual(await store.claim(named('a'), 'two', limits()), 'held', 'the claim of a second owner')
  },
  async 'a lapsed lease that nobody took is still the owner’s to commit'(store, named) {
    await store.claim(named('a'), 'one', shortLease({ attempts: 1 }))
    await untilOver()
    expectEqual(
      await store.claim(named('a'), 'two', limits({ attempts: 1 })),
      'exhausted',
      'the claim of a second owner',
    )
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), true, 'the commit')
    expectEqual(await store.claim(named('a'), 'two', limits()), 'spent', 'the claim after the commit')
  },
  async 'a lapsed lease that nobody took is still the owner’s to claim, and no attempt is counted'(store, named) {
    await store.claim(named('a'), 'one', shortLease({ attempts: 1 }))
    await untilOver()
    expectEqual(await store.claim(named('a'), 'one', limits({ attempts: 1 })), 'claimed', 'the claim by its owner')
    expectEqual(await store.claim(named('a'), 'two', limits()), 'held', 'the claim of a second owner')
  },
  async 'a renewal starts the lease anew'(store, named) {
    await store.claim(named('a'), 'one', shortLease())
    expectEqual(await store.renew(named('a'), 'one', 60_000), true, 'the renewal')
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'held', 'the claim after the first lease')
  },
  async 'an owner whose claim was taken over can neither renew, commit nor release it'(store, named) {
    await store.claim(named('a'), 'one', shortLease())
    await untilOver()
    await store.claim(named('a'), 'two', limits())
    expectEqual(await store.renew(named('a'), 'one', 60_000), false, 'the renewal by the first owner')
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), false, 'the commit by the first owner')
    await store.release(named('a'), 'one')
    expectEqual(await store.claim(named('a'), 'three', limits()), 'held', 'the claim of a third owner')
    expectEqual(await store.commit(named('a'), 'two', inAnHour()), true, 'the commit by the second owner')
  },
  async 'a committed claim is spent for everybody, its owner included'(store, named) {
    await store.claim(named('a'), 'one', limits())
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), true, 'the commit')
    for (const owner of ['one', 'two']) {
      expectEqual(await store.claim(named('a'), owner, limits()), 'spent', `the claim by ${owner}`)
    }
  },
  async 'a commit asked again by the same owner is true again, by another it is false'(store, named) {
    await store.claim(named('a'), 'one', limits())
    await store.commit(named('a'), 'one', inAnHour())
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), true, 'the same commit')
    expectEqual(await store.commit(named('a'), 'two', inAnHour()), false, 'the commit by another')
  },
  async 'a committed claim is not undone by its owner’s release or renewal'(store, named) {
    await store.claim(named('a'), 'one', limits())
    await store.commit(named('a'), 'one', inAnHour())
    expectEqual(await store.renew(named('a'), 'one', 1), true, 'a renewal that comes after the commit')
    await store.release(named('a'), 'one')
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'spent', 'the claim of a second owner')
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), true, 'the same commit')
  },
  async 'what nobody claimed can be neither renewed, committed nor released'(store, named) {
    expectEqual(await store.renew(named('a'), 'one', 60_000), false, 'the renewal')
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), false, 'the commit')
    await store.release(named('a'), 'one')
    expectEqual(await store.claim(named('a'), 'two', limits({ attempts: 1 })), 'claimed', 'the first claim')
  },
  async 'a committed claim is kept as long as the commit says, not the claim'(store, named) {
    await store.claim(named('a'), 'one', limits({ keepUntilMs: Date.now() + 20 }))
    await store.commit(named('a'), 'one', inAnHour())
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'spent', 'the claim after the first time to keep')
  },
  async 'a commit does not shorten how long the claim is kept'(store, named) {
    await store.claim(named('a'), 'one', limits())
    await store.commit(named('a'), 'one', Date.now() + 20)
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'spent', 'the claim after the time of the commit')
  },
  async 'a later claim does not shorten how long the attempts are remembered'(store, named) {
    await store.claim(named('a'), 'one', limits({ attempts: 2 }))
    await store.release(named('a'), 'one')
    await store.claim(named('a'), 'two', shortLease({ attempts: 2, keepUntilMs: Date.now() + 20 }))
    await untilOver()
    expectEqual(
      await store.claim(named('a'), 'three', limits({ attempts: 2 })),
      'exhausted',
      'the third attempt of two',
    )
  },
  async 'a claim is not forgotten while somebody holds it'(store, named) {
    await store.claim(named('a'), 'one', limits({ keepUntilMs: Date.now() + 20 }))
    await untilOver()
    expectEqual(await store.claim(named('a'), 'two', limits()), 'held', 'the claim after the time to keep')
    expectEqual(await store.commit(named('a'), 'one', inAnHour()), true, 'the commit')
  },
  async 'what nobody claimed, or may be forgotten, is undefined when it is inspected'(store, named) {
    expectEqual(await store.inspect(named('a')), undefined, 'what nobody claimed')
    const short = { keepUntilMs: Date.now() + 20 }
    await store.claim(named('a'), 'one', shortLease(short))
    await store.claim(named('b'), 'one', limits(short))
    await untilOver()
    expectEqual(await store.inspect(named('a')), undefined, 'what may be forgotten')
    expectEqual(await store.inspect(named('b')), { state: 'held', attempts: 1 }, 'what somebody still holds')
  },
  async 'a claim that is inspected is held, then released, held again, and then spent'(store, named) {
    const inspected = async (state: string, attempts: number) =>
      expectEqual(await store.inspect(named('a')), { state, attempts }, `the claim of attempt ${attempts}`)
    await store.claim(named('a'), 'one', limits())
    await inspected('held', 1)
    await store.release(named('a'), 'one')
    await inspected('released', 1)
    await store.claim(named('a'), 'two', limits())
    await inspected('held', 2)
    await store.commit(named('a'), 'two', inAnHour())
    await inspected('spent', 2)
    await store.renew(named('a'), 'two', 60_000)
    await inspected('spent', 2)
  },
  async 'a claim whose lease ended is inspected as released, and is still the owner’s to renew'(store, named) {
    await store.claim(named('a'), 'one', shortLease())
    await untilOver()
    expectEqual(await store.inspect(named('a')), { state: 'released', attempts: 1 }, 'the claim after its lease')
    expectEqual(await store.renew(named('a'), 'one', 60_000), true, 'the renewal')
    expectEqual(await store.inspect(named('a')), { state: 'held', attempts: 1 }, 'the claim after the renewal')
  },
  async 'ids are opaque: what differs in case, width, accent or length is another claim'(store, named) {
    const long = 'x'.repeat(10_000)
    const ids = [
      'a',
      'A',
      'a ',
      ' a',
      '',
      '__proto__',
      'constructor',
      'é',
      'e\u0301',
      '\u{1f955}',
      "'; --",
      '%00',
      '*',
      '{a}',
    ]
    for (const id of [...ids, long, `${long}y`]) {
      expectEqual(await store.claim(named(id), id, limits()), 'claimed', `the first claim of ${id.slice(0, 20)}`)
      expectEqual(await store.claim(named(id), 'two', limits()), 'held', `the second claim of ${id.slice(0, 20)}`)
    }
  },
  async 'owners are opaque too'(store, named) {
    await store.claim(named('a'), 'owner', limits())
    for (const owner of ['Owner', 'owner ', '', '__proto__']) {
      expectEqual(await store.commit(named('a'), owner, inAnHour()), false, `the commit by "${owner}"`)
    }
  },
  async [`${otherEntries} other claims and records push no claim out`](store, named) {
    await store.claim(named('held'), 'one', limits({ leaseMs: HOUR }))
    await store.claim(named('spent'), 'one', limits())
    await store.commit(named('spent'), 'one', inAnHour())
    await store.claim(named('used up'), 'one', limits())
    await store.release(named('used up'), 'one')
    await store.write(named('record'), 0, 'kept', inAnHour())
    for (let i = 0; i < otherEntries; i += 100) {
      await Promise.all(times(100, (j) => store.claim(named(`other ${i + j}`), 'two', limits())))
      await store.write(named(`other ${i}`), 0, 'other', inAnHour())
    }
    expectEqual(await store.claim(named('held'), 'two', limits()), 'held', 'the held claim')
    expectEqual(await store.claim(named('spent'), 'two', limits()), 'spent', 'the spent claim')
    expectEqual(await store.claim(named('used up'), 'two', limits({ attempts: 1 })), 'exhausted', 'the used-up claim')
    expectEqual(await store.read(named('record')), { version: 1, value: 'kept' }, 'the record')
  },
})
