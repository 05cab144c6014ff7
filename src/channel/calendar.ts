/** Which channels are to be seen to, in whatever process: by the hour in which they expire, and those whose close was begun. */

import { createRecords } from '../core/records.ts'
import type { Store } from '../core/store.ts'
import type { ChannelId } from './config.ts'
import type { Channel } from './record.ts'

export interface CalendarOptions {
  readonly store: Store
  /** The clock: Unix time in ms. */
  readonly now: () => number
  readonly onConflict: () => void
  /** How a channel stands. */
  state(id: ChannelId): Promise<Channel | undefined>
}

export interface Calendar {
  noteExpiry(id: ChannelId, expiresAtMs: number): Promise<void>
  /** It is to be closed. */
  noteUnfinished(id: ChannelId): Promise<void>
  noteFinished(id: ChannelId): Promise<void>
  /** Channels that have expired and are not closed, of those that expired up to now. */
  expired(): AsyncIterable<ChannelId>
  /** Channels whose close was begun, in whatever process, and is not over, and those that are to be recovered. */
  unfinished(): AsyncIterable<ChannelId>
  /** All that are remembered and expire before then (Unix time in ms), as the store has them, closed ones among them. */
  expiringBefore(untilMs: number): AsyncIterable<Channel>
}

const HOUR_MS = 3_600_000

/** A list is kept for so long: whoever is on it may have money of somebody's. */
const KEPT_MS = 3_650 * 24 * HOUR_MS

/** How the ids of channels that expire in the same hour are spread over records. */
const PARTS = 64

/** Clocks may differ by so much: a channel may yet open that seems to have expired. */
const CLOCK_SLACK_MS = HOUR_MS

const expiryKey = (hour: number, part: number) => `channels-expiring:${hour}:${part}`
const closingKey = (part: number) => `channels-closing:${part}`
const EXPIRED_BEFORE = 'channels-expired-before'

const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS)
const partOf = (id: ChannelId): number => Number.parseInt(id.slice(0, 2), 16) % PARTS

export function createCalendar({ store, now, onConflict, state }: CalendarOptions): Calendar {
  /** Ids by the hour and part in which they expire. */
  const expiries = createRecords<{ readonly hour: number; readonly ids: readonly ChannelId[] }>({
    store,
    encode: (value) => JSON.stringify(value),
    decode: (text) => JSON.parse(text),
    keepUntilMs: ({ hour }) => hour * HOUR_MS + KEPT_MS,
    onConflict,
  })
  /** Ids of those that are to be closed. */
  const closings = createRecords<readonly ChannelId[]>({
    store,
    encode: (value) => JSON.stringify(value),
    decode: (text) => JSON.parse(text),
    keepUntilMs: () => now() + KEPT_MS,
    onConflict,
  })

  const noteFinished = (id: ChannelId): Promise<void> =>
    closings.update(closingKey(partOf(id)), (ids) => ({
      value: ids?.includes(id) ? ids.filter((one) => one !== id) : ids,
      result: undefined,
    }))

  return {
    noteFinished,
    async noteExpiry(id, expiresAtMs) {
      const hour = hourOf(expiresAtMs)
      await expiries.update(expiryKey(hour, partOf(id)), (value = { hour, ids: [] }) => ({
        value: value.ids.includes(id) ? value : { hour, ids: [...value.ids, id] },
        result: undefined,
      }))
    },
    noteUnfinished: (id) =>
      closings.update(closingKey(partOf(id)), (ids = []) => ({
        value: ids.includes(id) ? ids : [...ids, id],
        result: undefined,
      })),

    async *unfinished() {
      for (let part = 0; part < PARTS; part++) {
        for (const id of (await closings.read(closingKey(part))) ?? []) {
          const channel = await state(id)
          if (channel === undefined || channel.phase === 'closed') await noteFinished(id)
          else yield id
        }
      }
    },

    async *expiringBefore(untilMs) {
      const start = await store.read(EXPIRED_BEFORE)
      const startHour = start ? Number(start.value) : hourOf(await store.epochMs())
      for (let hour = startHour; hour <= hourOf(untilMs); hour++) {
        const parts = Array.from({ length: PARTS }, (_, part) => expiries.read(expiryKey(hour, part)))
        for (const id of (await Promise.all(parts)).flatMap((part) => part?.ids ?? [])) {
          const channel = await state(id)
          if (channel) yield channel
        }
      }
    },

    async *expired() {
      const start = await store.read(EXPIRED_BEFORE)
      const nowMs = now()
      const startHour = start ? Number(start.value) : hourOf(await store.epochMs())
      let settledHour = startHour
      for (let hour = startHour; hour <= hourOf(nowMs); hour++) {
        let isSettled = settledHour === hour && (hour + 1) * HOUR_MS + CLOCK_SLACK_MS < nowMs
        for (let part = 0; part < PARTS; part++) {
          for (const id of (await expiries.read(expiryKey(hour, part)))?.ids ?? []) {
            const channel = await state(id)
            if (channel === undefined || channel.phase === 'closed') continue
            isSettled = false
            if (channel.expiresAtMs <= nowMs) yield id
          }
        }
        if (isSettled) settledHour = hour + 1
      }
      // Nothing is left before it, and nothing comes any more. Whoever loses this race looks there once more.
      if (settledHour > startHour) {
        await store.write(EXPIRED_BEFORE, start?.version ?? 0, String(settledHour), nowMs + KEPT_MS)
      }
    },
  }
}
