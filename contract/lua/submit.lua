-- ARGV: id, owner, idem_hash or "", body_hash, model, queue_limit, owner_limit, fields JSON, created_at, deadline
-- Idempotency first, then admission, then the record: nothing is written for a request that is refused.
local id, owner, idem, body, model = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local created, deadline = tonumber(ARGV[9]), tonumber(ARGV[10])

-- The same call again after a lost reply.
if redis.call('EXISTS', key(id)) == 1 then return {'CREATED', get(id, 'published_at') or int(now)} end

local idem_key = 'idem:' .. owner .. ':' .. idem
if idem ~= '' then
  local known = redis.call('HMGET', idem_key, 'id', 'body')
  if known[1] then
    local state = get(known[1], 'state')
    if state and state ~= 'abandoned' and state ~= 'tombstone' then
      if known[2] ~= body then return {'CONFLICT', known[1]} end
      -- The replay will be told 202, also where the first request died before it was.
      if state ~= 'submitting' then tell(known[1], state) end
      return {'REPLAY', known[1], state}
    end
  end
end

if math.abs(now - created) > 2000 then return {'CLOCK', int(now)} end

local waiting = redis.call('ZCARD', 'queued:' .. model)
if waiting >= tonumber(ARGV[6]) then return {'FULL', int(waiting)} end
local limit = tonumber(ARGV[7])
if limit > 0 then
  local mine = redis.call('SCARD', 'inflight:' .. owner)
  if mine >= limit then return {'QUOTA', int(mine)} end
end

for field, value in pairs(cjson.decode(ARGV[8])) do redis.call('HSET', key(id), field, value) end
redis.call('HSET', key(id), 'owner', owner, 'model', model, 'created_at', ARGV[9], 'deadline', ARGV[10],
  'published_at', int(now), 'attempt', '0', 'fence', '0', 'stage', 'waiting')
redis.call('ZADD', 'queued:' .. model, ARGV[9], id)
redis.call('ZADD', 'outbox', int(now), id)
redis.call('ZADD', 'deadline', ARGV[10], id)
redis.call('ZADD', 'owner:' .. owner, ARGV[9], id)
redis.call('SADD', 'inflight:' .. owner, id)
if idem ~= '' then
  redis.call('HSET', idem_key, 'id', id, 'body', body)
  redis.call('EXPIRE', idem_key, 86400)
end
changed(id, 'submitting')
return {'CREATED', int(now)}
