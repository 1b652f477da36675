-- ARGV: id, fence
-- A drain: back to the queue, and the attempt is given back. Whatever this answers, the caller nacks with requeue.
local id = ARGV[1]
local state = get(id, 'state')
if not state then return {'MISSING'} end
if not LIVE[state] then return {'ENDED', state} end
if state ~= 'running' or get(id, 'fence') ~= ARGV[2] then return {'STALE'} end
redis.call('HSET', key(id), 'attempt', int(num(id, 'attempt') - 1), 'not_before', '0', 'lease_until', '0', 'stage', 'waiting', 'step', '0')
redis.call('HDEL', key(id), 'worker')
redis.call('ZREM', 'lease', id)
redis.call('ZADD', 'queued:' .. get(id, 'model'), get(id, 'created_at'), id)
changed(id, 'queued')
return {'OK'}
