-- Joined in front of every script. Time is always Redis TIME, in ms since 1970.
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)

local TERMINAL = {succeeded = true, failed = true, canceled = true}
local LIVE = {submitting = true, queued = true, running = true}

-- Whole numbers as text: Lua would write 1.7e+12.
local function int(n) return string.format('%.0f', n) end

local function key(id) return 'job:' .. id end

local function get(id, field) return redis.call('HGET', key(id), field) or nil end

local function num(id, field) return tonumber(get(id, field) or '0') or 0 end

-- A line of the job's story, for people: no rule reads it. It names attempt, stage and worker where the record has them.
local function event(id, state, name, value, ...)
  local line, kept = {'id', id, 'state', state, name, value, ...}, redis.call('HMGET', key(id), 'attempt', 'stage', 'worker')
  for i, field in ipairs({'attempt', 'stage', 'worker'}) do
    if kept[i] then table.insert(line, field) table.insert(line, kept[i]) end
  end
  redis.call('XADD', 'events', 'MAXLEN', '~', 10000, '*', unpack(line))
end

-- Revisions grow like fences, so an ETag never repeats, not even after a flush.
local function changed(id, state)
  local revision = int(math.max(num(id, 'revision') + 1, now))
  redis.call('HSET', key(id), 'state', state, 'revision', revision)
  event(id, state, 'revision', revision)
end

-- Out of every set of live jobs; `unsealed` is left to the sealer and to entomb. A job known by its id alone has no model.
local function leave(id, model, owner)
  if model then redis.call('ZREM', 'queued:' .. model, id) end
  redis.call('ZREM', 'outbox', id)
  redis.call('ZREM', 'lease', id)
  redis.call('ZREM', 'deadline', id)
  redis.call('SREM', 'inflight:' .. owner, id)
end

-- The ledger: accepted = succeeded + failed + canceled + expired + members of `open` and `missing`. A job counts once it was told to its client.
local function tell(id, state)
  if get(id, 'told') then return end
  redis.call('HSET', key(id), 'told', '1')
  if redis.call('SREM', 'missing', id) == 0 then redis.call('HINCRBY', 'ledger', 'accepted', 1) end
  if TERMINAL[state] then
    redis.call('HINCRBY', 'ledger', state, 1)
  elseif state == 'tombstone' then
    redis.call('HINCRBY', 'ledger', 'expired', 1)
  else
    redis.call('SADD', 'open', id)
  end
end

-- A record becomes a tombstone. `gone` is "deleted" (by its owner) or "expired" (by age; the list shows it until it is cleared).
local function bury(id, owner, gone, gc_at)
  local kept = redis.call('HMGET', key(id), 'state', 'told', 'model', 'created_at', 'completed_at', 'revision')
  local state, told = kept[1], kept[2]
  leave(id, kept[3], owner)
  redis.call('ZREM', 'unsealed', id)
  redis.call('DEL', key(id), 'preview:' .. id)
  redis.call('HSET', key(id), 'owner', owner, 'gone', gone, 'revision', kept[6] or '0')
  if kept[4] then redis.call('HSET', key(id), 'created_at', kept[4]) end
  if kept[5] then redis.call('HSET', key(id), 'completed_at', kept[5]) end
  if gone == 'deleted' then redis.call('ZREM', 'owner:' .. owner, id) end
  redis.call('ZADD', 'gc', gc_at, id)
  changed(id, 'tombstone')
  if told then
    redis.call('HSET', key(id), 'told', '1')
    if TERMINAL[state] then redis.call('HINCRBY', 'ledger', state, -1) else redis.call('SREM', 'open', id) end
    redis.call('HINCRBY', 'ledger', 'expired', 1)
  elseif redis.call('SISMEMBER', 'missing', id) == 1 then
    tell(id, 'tombstone')
  end
end
