-- ARGV: id, gone ("deleted" or "expired"), owner, gc_at
-- The end of a record: a tombstone, created even when the record is missing, so that nothing can come back to life.
local id, gone, owner = ARGV[1], ARGV[2], ARGV[3]
if get(id, 'state') ~= 'tombstone' then
  bury(id, owner, gone, ARGV[4])
elseif gone == 'deleted' then
  redis.call('HSET', key(id), 'gone', gone)
  redis.call('ZREM', 'owner:' .. owner, id)
end
return {'TOMB'}
