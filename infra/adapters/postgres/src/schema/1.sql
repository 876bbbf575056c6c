CREATE TABLE dormouse.records (
    tenant text COLLATE "C" NOT NULL,
    collection text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    expires_at bigint,        -- milliseconds since 1970
    counters jsonb NOT NULL,  -- an object of integers
    value bytea NOT NULL,
    PRIMARY KEY (tenant, collection, id)
);
CREATE INDEX records_by_expiry ON dormouse.records (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE dormouse.tokens (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    versions bigint[] NOT NULL,  -- null where a record was deleted
    forget_at bigint NOT NULL,
    PRIMARY KEY (tenant, token)
);
CREATE INDEX tokens_by_age ON dormouse.tokens (forget_at);

CREATE SEQUENCE dormouse.versions;

-- Applies a commit, or refuses it, or finds that it was applied before.
--
-- `writes` is an array of objects: `kind` (put, add, delete), `collection`, `id`; of a put or delete
-- `when` (a version, "absent", or nothing); of a put `expires_at`, and its value is in `contents`, at the
-- same place; of an addition `fields`, and `bound` and `most` if it has a ceiling.
--
-- It is one statement, and so one transaction of its own. Whoever may touch the same record, or has the
-- same token, waits at the first loop. Each later query sees what those have done before: the isolation
-- is READ COMMITTED, and the function volatile.
CREATE FUNCTION dormouse.commit(
    of_tenant text, of_token text, now_ms bigint, forget_ms bigint, grace_ms bigint, sweep integer,
    writes jsonb, contents bytea[],
    OUT refused integer, OUT why text, OUT versions bigint[]
) LANGUAGE plpgsql VOLATILE AS $commit$
DECLARE
    lock bigint;
    write jsonb;
    kind text;
    expected text;
    current_version bigint;
    counters jsonb;
    lives boolean;
    name text;
    total numeric;
    decided jsonb[];
    alive boolean[];
    given bigint;
BEGIN
    -- Absent records can only be locked by their names. All do it in the same order: none waits in a ring.
    FOR lock IN
        SELECT hashtextextended(jsonb_build_array(of_tenant, it->'collection', it->'id')::text COLLATE "C", 1)
        FROM jsonb_array_elements(writes) AS it
        UNION
        SELECT hashtextextended(jsonb_build_array(of_tenant, of_token)::text COLLATE "C", 1)
        WHERE of_token IS NOT NULL
        ORDER BY 1
    LOOP
        PERFORM pg_advisory_xact_lock(lock);
    END LOOP;

    IF of_token IS NOT NULL THEN
        SELECT t.versions INTO versions FROM dormouse.tokens t
        WHERE t.tenant = of_tenant AND t.token = of_token AND t.forget_at > now_ms;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    -- Nothing is written before everything is decided.
    FOR place IN 0 .. jsonb_array_length(writes) - 1 LOOP
        write := writes->place;
        kind := write->>'kind';
        SELECT r.version, r.counters INTO current_version, counters FROM dormouse.records r
        WHERE r.tenant = of_tenant AND r.collection = write->>'collection' AND r.id = write->>'id'
            AND (r.expires_at IS NULL OR r.expires_at > now_ms);
        lives := FOUND;
        IF NOT lives THEN
            counters := '{}';
        END IF;
        IF kind = 'add' THEN
            FOR name, total IN
                SELECT key, value::numeric + coalesce((counters->>key)::numeric, 0)
                FROM jsonb_each_text(write->'fields')
            LOOP
                IF total NOT BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
                    refused := place;
                    why := 'ceiling';
                    RETURN;
                END IF;
                counters := counters || jsonb_build_object(name, total);
            END LOOP;
            IF coalesce((counters->>(write->>'bound'))::numeric, 0) > (write->>'most')::numeric THEN
                refused := place;
                why := 'ceiling';
                RETURN;
            END IF;
        ELSE
            expected := write->>'when';
            IF (CASE
                WHEN expected IS NULL THEN false
                WHEN expected = 'absent' THEN lives
                ELSE NOT lives OR current_version::text <> expected
            END) THEN
                refused := place;
                why := 'condition';
                RETURN;
            END IF;
        END IF;
        decided[place] := counters;
        alive[place] := lives;
    END LOOP;

    FOR place IN 0 .. jsonb_array_length(writes) - 1 LOOP
        write := writes->place;
        kind := write->>'kind';
        given := CASE WHEN kind <> 'delete' THEN nextval('dormouse.versions') END;
        versions := array_append(versions, given);
        IF kind = 'delete' THEN
            DELETE FROM dormouse.records r
            WHERE r.tenant = of_tenant AND r.collection = write->>'collection' AND r.id = write->>'id';
        ELSIF kind = 'add' AND alive[place] THEN
            UPDATE dormouse.records r SET version = given, counters = decided[place]
            WHERE r.tenant = of_tenant AND r.collection = write->>'collection' AND r.id = write->>'id';
        ELSE
            INSERT INTO dormouse.records AS r (tenant, collection, id, version, expires_at, counters, value)
            VALUES (
                of_tenant, write->>'collection', write->>'id', given, (write->>'expires_at')::bigint,
                decided[place], contents[place + 1]
            )
            ON CONFLICT ON CONSTRAINT records_pkey DO UPDATE SET version = excluded.version,
                expires_at = excluded.expires_at, counters = excluded.counters, value = excluded.value;
        END IF;
    END LOOP;

    IF of_token IS NOT NULL THEN
        INSERT INTO dormouse.tokens AS t (tenant, token, versions, forget_at)
        VALUES (of_tenant, of_token, commit.versions, forget_ms)
        ON CONFLICT ON CONSTRAINT tokens_pkey
            DO UPDATE SET versions = excluded.versions, forget_at = excluded.forget_at;
    END IF;

    -- Last, and passing over what others hold: who clears away waits for nobody. What has expired stays
    -- for a while, since the clocks of gateways differ.
    DELETE FROM dormouse.records WHERE ctid = ANY(ARRAY(
        SELECT r.ctid FROM dormouse.records r WHERE r.expires_at <= now_ms - grace_ms
        ORDER BY r.expires_at LIMIT sweep FOR UPDATE SKIP LOCKED
    ));
    DELETE FROM dormouse.tokens WHERE ctid = ANY(ARRAY(
        SELECT t.ctid FROM dormouse.tokens t WHERE t.forget_at <= now_ms - grace_ms
        ORDER BY t.forget_at LIMIT sweep FOR UPDATE SKIP LOCKED
    ));
END
$commit$;
