-- ARGV: id, tell ("1": a client is about to be told 202; "0": the janitor)
-- The broker confirmed the message: submitting -> queued. Answers the state found, so that the caller knows whether somebody was faster.
local id = ARGV[1]
local state = get(id, 'state')
if not state then
  -- The confirmed message is the copy; whoever rebuilds the record takes the id out again.
  if ARGV[2] == '1' and redis.call('SADD', 'missing', id) == 1 then redis.call('HINCRBY', 'ledger', 'accepted', 1) end
  return {'MISSING'}
end
if state == 'abandoned' then return {state} end
redis.call('ZREM', 'outbox', id)
if state == 'submitting' then changed(id, 'queued') end
if ARGV[2] == '1' then tell(id, state) end
return {state}
