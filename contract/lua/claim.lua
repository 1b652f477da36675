-- ARGV: id, model, worker, published_at of the message, lease_ms
-- May this worker run this job now? The attempt is raised before any work, so that a crash can never make it free.
local id, model = ARGV[1], ARGV[2]
-- No message entered the queue later than now: one absurd stamp would make every later job look overtaken for ever.
local published = math.min(tonumber(ARGV[4]), now)

-- The high mark of claims: the janitor reads from it which messages must have been overtaken. Buckets of 5 s; older than 40 s fold into one.
local mark, bucket = 'mark:' .. model, math.floor(now / 5000)
local known = redis.call('HGET', mark, int(bucket))
if not known then
  local old = tonumber(redis.call('HGET', mark, 'old') or '0')
  for _, field in ipairs(redis.call('HKEYS', mark)) do
    if field ~= 'old' and tonumber(field) < bucket - 8 then
      old = math.max(old, tonumber(redis.call('HGET', mark, field)))
      redis.call('HDEL', mark, field)
    end
  end
  redis.call('HSET', mark, 'old', int(old))
end
if not known or published > tonumber(known) then redis.call('HSET', mark, int(bucket), int(published)) end

local state = get(id, 'state')

-- A delivery that does not lead to a run is part of the story too.
local function not_now(word, ...)
  event(id, state or 'missing', 'delivery', word, 'to', ARGV[3])
  return {word, ...}
end

if not state then return not_now('MISSING') end
if not LIVE[state] then return not_now('DROP', state) end
if state == 'running' and num(id, 'lease_until') > now then return not_now('DEFER', 'lease', int(num(id, 'lease_until') - now)) end
if state == 'queued' and num(id, 'not_before') > now then return not_now('DEFER', 'not_before', int(num(id, 'not_before') - now)) end
if num(id, 'deadline') <= now then return not_now('LATE') end
if num(id, 'attempt') >= num(id, 'max_attempts') then return not_now('EXHAUSTED', get(id, 'reason') or '{}') end

local before = state == 'running' and 'lapsed' or 'waiting'
local attempt = num(id, 'attempt') + 1
local fence = math.max(num(id, 'fence') + 1, now)
redis.call('HSET', key(id), 'attempt', int(attempt), 'fence', int(fence), 'lease_until', int(now + tonumber(ARGV[5])),
  'worker', ARGV[3], 'stage', 'loading_model', 'step', '0')
redis.call('HSETNX', key(id), 'started_at', int(now))
redis.call('ZREM', 'queued:' .. get(id, 'model'), id)
redis.call('ZREM', 'outbox', id)
redis.call('ZADD', 'lease', int(now + tonumber(ARGV[5])), id)
changed(id, 'running')
return {'RUN', int(fence), int(attempt), int(now), before}
