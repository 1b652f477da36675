-- ARGV: id, fence, lease_ms, stage, step, steps, preview revision ("" = unchanged)
-- I am still at it. Revives a dead lease: as long as nobody took over, the work is not lost.
local id = ARGV[1]
local state = get(id, 'state')
if not state then return {'MISSING'} end
if not LIVE[state] then return {'ENDED', state} end
if state ~= 'running' or get(id, 'fence') ~= ARGV[2] then return {'STALE'} end
local before = redis.call('HMGET', key(id), 'stage', 'step', 'steps', 'preview')
local lease = int(now + tonumber(ARGV[3]))
redis.call('HSET', key(id), 'lease_until', lease, 'stage', ARGV[4], 'step', ARGV[5], 'steps', ARGV[6])
if ARGV[7] ~= '' then redis.call('HSET', key(id), 'preview', ARGV[7]) end
redis.call('ZADD', 'lease', lease, id)
-- A beat without news leaves the revision alone: pollers get their 304.
if before[1] ~= ARGV[4] or before[2] ~= ARGV[5] or before[3] ~= ARGV[6] or (ARGV[7] ~= '' and before[4] ~= ARGV[7]) then
  changed(id, 'running')
end
return {'OK'}
