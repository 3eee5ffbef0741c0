-- Compare-and-set of one device's route by its generation.
-- KEYS[1]: the user's hash. ARGV: device, generation [, entryIp, entryPort, loginTime, node, TTL in seconds].
-- With all of them it sets, unless a newer login is there. With two it removes exactly this login.
-- Returns 1: done, 0: another login is there. A key that is no hash is an error, WRONGTYPE.
-- Generations are kept, and compared, as decimal texts.
local key, device, generation = KEYS[1], ARGV[1], ARGV[2]
local function field(name)
  return device .. '.' .. name
end
local function is_newer(a, b)
  return #a > #b or (#a == #b and a > b)
end

local stored = redis.call('HGET', key, field('generation'))
if stored and not string.match(stored, '^%d+$') then
  stored = false
end

if #ARGV == 2 then
  if stored ~= generation then
    return 0
  end
  redis.call('HDEL', key, field('entryIp'), field('entryPort'), field('loginTime'),
    field('generation'), field('node'))
  return 1
end

if stored and is_newer(stored, generation) then
  return 0
end
redis.call('HSET', key, field('entryIp'), ARGV[3], field('entryPort'), ARGV[4],
  field('loginTime'), ARGV[5], field('generation'), generation, field('node'), ARGV[6])
redis.call('EXPIRE', key, ARGV[7])
return 1
