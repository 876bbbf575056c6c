#!lua flags=no-writes
-- Reads a page of a collection: for each record its id, then the fields of its hash.
--
-- KEYS: the collection's ids. ARGV: what the keys of its records begin with, the time, the most records,
-- the bounds as ZRANGE BYLEX wants them, and whether to go backwards.

-- Ids whose records have expired take a place in what is read, not on the page.
local LEAST = 32

local ids, records = KEYS[1], ARGV[1]
local now, limit = tonumber(ARGV[2]), tonumber(ARGV[3])
local after, before, backwards = ARGV[4], ARGV[5], ARGV[6] == '1'

local function lives(record)
    for at = 1, #record, 2 do
        if record[at] == 'x' then return tonumber(record[at + 1]) > now end
    end
    -- The server has taken away what expired long ago.
    return #record > 0
end

local page = {}
while true do
    local most = math.max(limit - #page, LEAST)
    local found
    if backwards then
        found = redis.call('ZRANGE', ids, before, after, 'BYLEX', 'REV', 'LIMIT', 0, most)
    else
        found = redis.call('ZRANGE', ids, after, before, 'BYLEX', 'LIMIT', 0, most)
    end
    for _, id in ipairs(found) do
        local record = redis.call('HGETALL', records .. id)
        if lives(record) then
            table.insert(record, 1, id)
            page[#page + 1] = record
            if #page == limit then return page end
        end
    end
    if #found < most then return page end
    if backwards then before = '(' .. found[#found] else after = '(' .. found[#found] end
end
