-- ARGV: id, owner, model, fields JSON (as for submit), created_at, deadline, not_before, outbox ("1": somebody must publish it)
-- Redis lost the record: rebuild it from the message, only if absent. Attempts start again; created_at and deadline are absolute, from the message.
local id, owner, model = ARGV[1], ARGV[2], ARGV[3]
local state = get(id, 'state')
if state then return {'PRESENT', state} end
for field, value in pairs(cjson.decode(ARGV[4])) do redis.call('HSET', key(id), field, value) end
redis.call('HSET', key(id), 'owner', owner, 'model', model, 'created_at', ARGV[5], 'deadline', ARGV[6],
  'published_at', int(now), 'not_before', ARGV[7], 'attempt', '0', 'fence', '0', 'stage', 'waiting')
redis.call('ZADD', 'queued:' .. model, ARGV[5], id)
redis.call('ZADD', 'deadline', ARGV[6], id)
redis.call('ZADD', 'owner:' .. owner, ARGV[5], id)
redis.call('SADD', 'inflight:' .. owner, id)
if ARGV[8] == '1' then redis.call('ZADD', 'outbox', int(now), id) end
changed(id, 'queued')
tell(id, 'queued')
return {'RESTORED'}
