-- ARGV: id, fence, delay_ms, reason JSON
-- A transient error: back to the queue, not before the delay is over. The caller publishes to the delay queue, then acks.
local id = ARGV[1]
local state = get(id, 'state')
if not state then return {'MISSING'} end
if not LIVE[state] then return {'ENDED', state} end
if state ~= 'running' or get(id, 'fence') ~= ARGV[2] then return {'STALE'} end
redis.call('HSET', key(id), 'reason', ARGV[4])
if num(id, 'attempt') >= num(id, 'max_attempts') then return {'LAST'} end
local not_before = int(now + tonumber(ARGV[3]))
redis.call('HSET', key(id), 'not_before', not_before, 'published_at', not_before, 'stage', 'retry_wait', 'lease_until', '0', 'step', '0')
redis.call('HDEL', key(id), 'worker')
redis.call('ZREM', 'lease', id)
redis.call('ZADD', 'queued:' .. get(id, 'model'), get(id, 'created_at'), id)
changed(id, 'queued')
return {'OK', not_before}
