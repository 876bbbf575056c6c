#!lua flags=no-writes
-- Reads a page of a collection: for each record its id, how many words follow, and these: the fields of its
-- hash. One list without others in it, since not every client brings those back.
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

local page, records_on_it = {}, 0
while true do
    local most = math.max(limit - records_on_it, LEAST)
    local found
    if backwards then
        found = redis.call('ZRANGE', ids, before, after, 'BYLEX', 'REV', 'LIMIT', 0, most)
    else
        found = redis.call('ZRANGE', ids, after, before, 'BYLEX', 'LIMIT', 0, most)
    end
    for _, id in ipairs(found) do
        local record = redis.call('HGETALL', records .. id)
        if lives(record) then
            local last = #page + 2
            page[last - 1], page[last] = id, tostring(#record)
            for at = 1, #record do page[last + at] = record[at] end
            records_on_it = records_on_it + 1
            if records_on_it == limit then return page end
        end
    end
    if #found < most then return page end
    if backwards then before = '(' .. found[#found] else after = '(' .. found[#found] end
end
