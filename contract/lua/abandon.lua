-- ARGV: id
-- The client will be told 429 or 503: submitting -> abandoned, unless somebody was faster. Its idempotency key is free again, because submit replaces an entry whose job is abandoned.
local id = ARGV[1]
local state = get(id, 'state')
if not state then return {'MISSING'} end
if state == 'submitting' then
  local owner = get(id, 'owner')
  leave(id, get(id, 'model'), owner)
  redis.call('ZREM', 'owner:' .. owner, id)
  redis.call('ZADD', 'gc', get(id, 'deadline'), id)
  changed(id, 'abandoned')
end
return {state}
