#!lua
-- Applies a commit, or refuses it, or finds that it was applied before.
--
-- KEYS: the last version, the expiries; the record and the collection's ids for each write; the token.
-- ARGV: the time, how long what has expired is kept, how much of it is cleared away; if there is a token
-- when it is forgotten, and how long the server keeps it; how many writes; the writes (see commit.rs).
--
-- Nothing is written before everything is decided. Whether the server may write at all (memory, disk,
-- replicas) it decides before the script, because of the first line.

-- Numbers of Lua hold integers of 53 bits, so that those of 64 are two: high * 1e9 + low, 0 <= low < 1e9.
local function integer(text)
    local sign, digits = text:match('^(-?)(%d+)$')
    local high, low = tonumber(digits:sub(1, -10)) or 0, tonumber(digits:sub(-9))
    if sign == '-' then
        high, low = 0 - high, 0 - low
        if low < 0 then high, low = high - 1, low + 1e9 end
    end
    return { high, low }
end

local function sum(a, b)
    local high, low = a[1] + b[1], a[2] + b[2]
    if low >= 1e9 then high, low = high + 1, low - 1e9 end
    return { high, low }
end

local function exceeds(a, b)
    return a[1] > b[1] or (a[1] == b[1] and a[2] > b[2])
end

local function text(integer)
    local sign, high, low = '', integer[1], integer[2]
    if high < 0 then
        sign, high, low = '-', 0 - high, 0 - low
        if low < 0 then high, low = high - 1, low + 1e9 end
    end
    if high == 0 then return sign .. string.format('%.0f', low) end
    return sign .. string.format('%.0f%09.0f', high, low)
end

local LEAST, MOST = integer('-9223372036854775808'), integer('9223372036854775807')

local place = 0
local function take()
    place = place + 1
    return ARGV[place]
end

local last_version, expiries = KEYS[1], KEYS[2]
local prefix = expiries:sub(1, -2)
local now, grace, sweep = tonumber(take()), tonumber(take()), take()
local forget_at, remember = take(), take()
local token = forget_at ~= '' and KEYS[#KEYS] or nil

if token then
    local remembered = redis.call('GET', token)
    if remembered then
        local until_when, versions = remembered:match('^(%d+)(.*)$')
        if tonumber(until_when) > now then
            local outcome = { 'applied' }
            for version in versions:gmatch(',([^,]*)') do outcome[#outcome + 1] = version end
            return outcome
        end
    end
end

for _, member in ipairs(redis.call('ZRANGE', expiries, '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, sweep)) do
    local length, names = member:match('^(%d+):(.*)$')
    redis.call('DEL', prefix .. 'r:' .. member)
    redis.call('ZREM', prefix .. 'c:' .. names:sub(1, tonumber(length)), names:sub(length + 2))
    redis.call('ZREM', expiries, member)
end

local writes, given = {}, 0
for number = 1, tonumber(take()) do
    local write = { kind = take(), id = take(), record = KEYS[1 + 2 * number], ids = KEYS[2 + 2 * number] }
    local found = redis.call('HMGET', write.record, 'n', 'x')
    local version = found[1]
    write.expired = found[2] and tonumber(found[2]) <= now
    write.expires = found[2] and not write.expired
    write.lives = version and not write.expired

    if write.kind == 'add' then
        write.sums = {}
        local function counter(name)
            return write.sums[name] or integer(write.lives and redis.call('HGET', write.record, 'c:' .. name) or '0')
        end
        local bound, most = take(), take()
        for _ = 1, tonumber(take()) do
            local name = take()
            local after = sum(counter(name), integer(take()))
            if exceeds(after, MOST) or exceeds(LEAST, after) then
                return { 'refused', tostring(number - 1), 'ceiling' }
            end
            write.sums[name] = after
        end
        if bound ~= '' and exceeds(counter(bound), integer(most)) then
            return { 'refused', tostring(number - 1), 'ceiling' }
        end
    else
        local when = take()
        if when == 'absent' and write.lives
            or when ~= '' and when ~= 'absent' and not (write.lives and version == when) then
            return { 'refused', tostring(number - 1), 'condition' }
        end
        if write.kind == 'put' then write.expiry, write.value = take(), take() end
    end
    if write.kind ~= 'delete' then given = given + 1 end
    writes[number] = write
end

local version = 0
if given > 0 then version = redis.call('INCRBY', last_version, given) - given end

local outcome = { 'applied' }
for number, write in ipairs(writes) do
    local member = write.record:sub(#prefix + 3)
    if write.expired then redis.call('DEL', write.record) end
    if write.expired or (write.expires and write.kind == 'delete') then
        redis.call('ZREM', expiries, member)
    end

    if write.kind == 'delete' then
        redis.call('DEL', write.record)
        redis.call('ZREM', write.ids, write.id)
        outcome[number + 1] = ''
    else
        version = version + 1
        outcome[number + 1] = string.format('%.0f', version)
        redis.call('HSET', write.record, 'n', outcome[number + 1])
        if not write.lives then redis.call('ZADD', write.ids, 0, write.id) end
    end

    if write.kind == 'add' then
        for name, after in pairs(write.sums) do
            redis.call('HSET', write.record, 'c:' .. name, text(after))
        end
    elseif write.kind == 'put' then
        redis.call('HSET', write.record, 'v', write.value)
        if write.expiry ~= '' then
            redis.call('HSET', write.record, 'x', write.expiry)
            redis.call('ZADD', expiries, write.expiry, member)
            local left = math.max(tonumber(write.expiry) - now, 0) + grace
            redis.call('PEXPIRE', write.record, string.format('%.0f', left))
        elseif write.expires then
            redis.call('HDEL', write.record, 'x')
            redis.call('ZREM', expiries, member)
            redis.call('PERSIST', write.record)
        end
    end
end

if token then
    local versions = forget_at
    for number = 1, #writes do versions = versions .. ',' .. outcome[number + 1] end
    redis.call('SET', token, versions, 'PX', remember)
end
return outcome
