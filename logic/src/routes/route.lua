-- Compare-and-set of the routes of one user's devices by their generations.
-- KEYS[1]: the user's hash. ARGV[1] says what:
--   'set', TTL in seconds, device, generation, entryIp, entryPort, loginTime, node: unless a newer login is there.
--   'remove', device, generation: exactly this login.
--   'all', TTL, generation, then as many devices as there are, each as in 'set': the devices of the user as its owner knows
--     them. Logins up to that generation that are not among them are over; newer ones stay.
-- Returns 1: done, 0: another login is there. A key that is no hash is an error, WRONGTYPE.
-- Generations are kept, and compared, as decimal texts.
local key, what = KEYS[1], ARGV[1]
local function field(device, name)
  return device .. '.' .. name
end
local function is_newer(a, b)
  return #a > #b or (#a == #b and a > b)
end
local function stored(device)
  local generation = redis.call('HGET', key, field(device, 'generation'))
  return generation and string.match(generation, '^%d+$') and generation
end
local function remove(device)
  redis.call('HDEL', key, field(device, 'entryIp'), field(device, 'entryPort'), field(device, 'loginTime'),
    field(device, 'generation'), field(device, 'node'))
end
-- The device whose arguments begin at that place. The time of a login that is there already stays.
local function set(at, keeps_time)
  local device, generation, known = ARGV[at], ARGV[at + 1], stored(ARGV[at])
  if known and is_newer(known, generation) then
    return 0
  end
  local time = keeps_time and known == generation and redis.call('HGET', key, field(device, 'loginTime'))
  redis.call('HSET', key, field(device, 'entryIp'), ARGV[at + 2], field(device, 'entryPort'), ARGV[at + 3],
    field(device, 'loginTime'), time or ARGV[at + 4], field(device, 'generation'), generation,
    field(device, 'node'), ARGV[at + 5])
  return 1
end

if what == 'remove' then
  if stored(ARGV[2]) ~= ARGV[3] then
    return 0
  end
  remove(ARGV[2])
  return 1
end

local done = 1
if what == 'set' then
  done = set(3, false)
else
  local online = {}
  for at = 4, #ARGV, 6 do
    online[ARGV[at]] = true
  end
  for _, name in ipairs(redis.call('HKEYS', key)) do
    local device = string.match(name, '^(.*)%.generation$')
    local generation = device and not online[device] and stored(device)
    if generation and not is_newer(generation, ARGV[3]) then
      remove(device)
    end
  end
  for at = 4, #ARGV, 6 do
    set(at, true)
  end
end
if done == 1 then
  redis.call('EXPIRE', key, ARGV[2])
end
return done
