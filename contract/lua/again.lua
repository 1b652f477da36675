-- ARGV: id
-- The janitor found this job's message lost. It looked a moment ago, so look again. One publisher per job and 30 s, and a new stamp, or a wipe of the queue multiplies copies without bound.
local id = ARGV[1]
local state = get(id, 'state')
if not state then return {'MISSING'} end
if not LIVE[state] or state == 'submitting' then return {state} end
if state == 'running' and num(id, 'lease_until') > now then return {state} end
if state == 'queued' and num(id, 'not_before') > now then return {state} end
if num(id, 'again_at') + 30000 > now then return {'TAKEN'} end
redis.call('HSET', key(id), 'again_at', int(now), 'published_at', int(now))
return {'OK', int(now)}
