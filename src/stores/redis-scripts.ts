/**
 * What Redis does in one atomic step each. A script touches one claim or record, and the mark of the part
 * that it lies in. Time is the server's own, so the clocks of many machines do not matter; nothing here knows an amount.
 */

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function ms(value) return string.format('%.0f', value) end`

/** Since when this part remembers. Whoever finds it unmarked marks it, never earlier than its own clock says it is. */
const mark = (key: string, notBeforeMs: string) => `
local mark = redis.call('GET', ${key})
if not mark then
  mark = ms(math.max(now, tonumber(${notBeforeMs})))
  redis.call('SET', ${key}, mark)
end`

/** A claim never expires before its time to keep, nor while its lease runs. A hash without an owner was given back. */
const EXPIRE = `redis.call('PEXPIREAT', KEYS[1], ms(math.max(lease, keep)))`
const OWNED = `
local owner, keep, spent = unpack(redis.call('HMGET', KEYS[1], 'owner', 'keep', 'spent'))
if owner ~= ARGV[1] then return 0 end`

/** Mark; not before. Gives the mark, the server's time, and what it evicts when memory is short, if it tells. */
export const MARK = `${NOW}${mark('KEYS[1]', 'ARGV[1]')}
local info = redis.pcall('INFO', 'memory')
local policy = type(info) == 'string' and string.match(info, 'maxmemory_policy:([%w-]+)')
return { mark, ms(now), policy or '' }`

/** Claim, mark; owner, lease, attempts, keep until, not before. Gives the result and the mark. */
export const CLAIM = `${NOW}${mark('KEYS[2]', 'ARGV[5]')}
local owner, lease, used, keep, spent = unpack(redis.call('HMGET', KEYS[1], 'owner', 'lease', 'used', 'keep', 'spent'))
if spent then return { 'spent', mark } end
used = tonumber(used or 0)
if owner ~= ARGV[1] then
  if tonumber(lease or 0) > now then return { 'held', mark } end
  if used >= tonumber(ARGV[3]) then return { 'exhausted', mark } end
  used = used + 1
end
lease = now + tonumber(ARGV[2])
keep = math.max(tonumber(keep or 0), tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], 'owner', ARGV[1], 'lease', ms(lease), 'used', used, 'keep', ms(keep))
${EXPIRE}
return { 'claimed', mark }`

/** Claim; owner, lease. */
export const RENEW = `${NOW}${OWNED}
if spent then return 1 end
local lease = now + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], 'lease', ms(lease))
${EXPIRE}
return 1`

/** Claim; owner, keep until. */
export const COMMIT = `${NOW}${OWNED}
local lease = 0
keep = math.max(tonumber(keep), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'spent', 1, 'lease', 0, 'keep', ms(keep))
${EXPIRE}
return 1`

/** Claim; owner. */
export const RELEASE = `${NOW}${OWNED}
if spent then return 0 end
local lease = 0
redis.call('HDEL', KEYS[1], 'owner')
redis.call('HSET', KEYS[1], 'lease', 0)
${EXPIRE}
return 1`

/** Claim. Gives its state and attempts, or nil. */
export const INSPECT = `${NOW}
local lease, used, spent = unpack(redis.call('HMGET', KEYS[1], 'lease', 'used', 'spent'))
if not used then return nil end
if spent then return { 'spent', used } end
return { tonumber(lease) > now and 'held' or 'released', used }`

/** Record, mark; expected version, value, keep until, not before. Gives whether it was written, and the mark. */
export const WRITE = `${NOW}${mark('KEYS[2]', 'ARGV[4]')}
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or 0)
if version ~= tonumber(ARGV[1]) then return { 0, mark } end
redis.call('HSET', KEYS[1], 'version', version + 1, 'value', ARGV[2])
redis.call('PEXPIREAT', KEYS[1], ms(tonumber(ARGV[3])))
return { 1, mark }`
