-- ARGV: id, gone ("deleted" or "expired"), owner, gc_at
-- The end of a record: a tombstone, created even when the record is missing, so that nothing can come back to life.
local id, gone, owner = ARGV[1], ARGV[2], ARGV[3]
local state = get(id, 'state')
local told, model, created, completed = get(id, 'told'), get(id, 'model'), get(id, 'created_at'), get(id, 'completed_at')
if state == 'tombstone' then
  if gone == 'deleted' then
    redis.call('HSET', key(id), 'gone', 'deleted')
    redis.call('ZREM', 'owner:' .. owner, id)
  end
  return {'TOMB'}
end
if model then leave(id, model, owner) end
redis.call('ZREM', 'unsealed', id)
local revision = num(id, 'revision')
redis.call('DEL', key(id), 'preview:' .. id)
redis.call('HSET', key(id), 'owner', owner, 'gone', gone, 'revision', int(revision))
if created then redis.call('HSET', key(id), 'created_at', created) end
if completed then redis.call('HSET', key(id), 'completed_at', completed) end
if gone == 'deleted' then redis.call('ZREM', 'owner:' .. owner, id) end
redis.call('ZADD', 'gc', ARGV[4], id)
changed(id, 'tombstone')
if told then
  redis.call('HSET', key(id), 'told', '1')
  if TERMINAL[state] then
    redis.call('HINCRBY', 'ledger', state, -1)
  else
    redis.call('SREM', 'open', id)
  end
  redis.call('HINCRBY', 'ledger', 'expired', 1)
end
return {'TOMB'}
