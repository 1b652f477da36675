-- ARGV: id, verdict JSON, unsealed ("1": S3 is away, decide in Redis alone, only if a record exists), retention_ms past which an ended record is looked at again
-- Writes the end of a job into its record, whatever non-terminal, abandoned or missing state it finds. A tombstone and another end are left alone. Repeating it is harmless.
local id = ARGV[1]
local verdict = cjson.decode(ARGV[2])
local state = get(id, 'state')
local unsealed = ARGV[3] == '1'
if not state and unsealed then return {'MISSING'} end

local function answer(word)
  local record = redis.call('HGETALL', key(id))
  table.insert(record, 1, word)
  return record
end

-- A wipe brought back a job whose client was told 429 or 503, and `restore` counted it as accepted: it never was.
local function untell()
  local counted = redis.call('SREM', 'missing', id) + redis.call('HDEL', key(id), 'told')
  redis.call('SREM', 'open', id)
  if counted > 0 then redis.call('HINCRBY', 'ledger', 'accepted', -1) end
end

if state == 'tombstone' or (TERMINAL[state] and verdict.state ~= 'deleted') then return answer('FOUND') end

local model, owner = get(id, 'model') or verdict.model, get(id, 'owner') or verdict.owner
if verdict.state == 'deleted' then
  bury(id, owner, 'deleted', int(verdict.created_at + tonumber(ARGV[4]) + 86400000))
  return answer('SETTLED')
end

leave(id, model, owner)
redis.call('HSET', key(id), 'owner', owner, 'created_at', int(verdict.created_at), 'deadline', int(verdict.deadline),
  'completed_at', int(verdict.completed_at), 'expires_at', int(verdict.expires_at), 'attempt', int(verdict.attempt), 'verdict', ARGV[2])
-- The job's own fields are absent from the verdict of a job known by its id alone; all others hold them, so a record needs no second copy.
if verdict.model then
  redis.call('HSET', key(id), 'model', verdict.model, 'task', verdict.task, 'max_attempts', int(verdict.max_attempts))
  redis.call('HDEL', key(id), 'spec', 'input', 'warnings', 'metadata')
end
redis.call('HDEL', key(id), 'lease_until', 'not_before', 'reason')
if unsealed then redis.call('ZADD', 'unsealed', int(now), id) end
redis.call('ZADD', 'gc', int(verdict.expires_at), id)
if verdict.state == 'abandoned' then
  redis.call('ZREM', 'owner:' .. owner, id)
else
  redis.call('ZADD', 'owner:' .. owner, int(verdict.created_at), id)
end
changed(id, verdict.state)

if verdict.state == 'abandoned' then
  untell()
elseif not state then
  tell(id, verdict.state)
elseif get(id, 'told') then
  redis.call('SREM', 'open', id)
  redis.call('HINCRBY', 'ledger', verdict.state, 1)
end

if verdict.state == 'succeeded' and type(verdict.timings) == 'table' and verdict.timings.work_ms then
  -- Moving averages over about 16 pictures: of the work for the estimate, of the wait for people to see.
  local pace = 'pace:' .. model
  local n = math.min(redis.call('HINCRBY', pace, 'n', 1), 16)
  for field, latest in pairs({ms = verdict.timings.work_ms, wait_ms = verdict.timings.queue_ms}) do
    local ms = tonumber(redis.call('HGET', pace, field) or '0')
    redis.call('HSET', pace, field, int(ms + (latest - ms) / n))
  end
  if verdict.worker then
    local made = 'made:' .. int(math.floor(now / 86400000))
    redis.call('HINCRBY', made, verdict.worker, 1)
    redis.call('EXPIRE', made, 172800)
  end
end
return answer('SETTLED')
