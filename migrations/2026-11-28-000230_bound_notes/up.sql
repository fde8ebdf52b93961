-- A union of sets: what it takes does not grow with the rows, as a list of their keys would.
CREATE AGGREGATE merge_keys(jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
COMMENT ON AGGREGATE merge_keys(jsonb) IS 'The keys of all these objects, as one object.';

-- Without hashing, groups come one after another: only the ids of one chunk are in memory at a time.
CREATE OR REPLACE FUNCTION note_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_hashagg = off AS $$
DECLARE
    was subscribers;
    became subscribers;
    told text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        WITH added AS MATERIALIZED (
            SELECT status, count(*) AS number, min(id) AS first_id, max(id) AS last_id, array_agg(id) AS ids
            FROM changed GROUP BY status, id >> 17
        ), counted AS (
            INSERT INTO subscriber_counts (status, count) SELECT status, sum(number) FROM added GROUP BY status
        )
        INSERT INTO waiting_changes (kind, number, first_id, last_id, ids)
        SELECT 'subscriber_created', number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
        FROM added ORDER BY first_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO subscriber_deletions (subscriber_id, deleted_at, created_at)
        SELECT id, now(), created_at FROM former ON CONFLICT DO NOTHING;
        WITH removed AS MATERIALIZED (
            SELECT status, count(*) AS number, min(id) AS first_id, max(id) AS last_id, array_agg(id) AS ids
            FROM former GROUP BY status, id >> 17
        ), counted AS (
            INSERT INTO subscriber_counts (status, count) SELECT status, -sum(number) FROM removed GROUP BY status
        )
        INSERT INTO waiting_changes (kind, number, first_id, last_id, ids)
        SELECT 'subscriber_deleted', number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
        FROM removed ORDER BY first_id;
    ELSE
        -- One row is what most statements change, and needs none of what many rows do.
        IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 2) AS few) = 1 THEN
            SELECT * INTO was FROM former;
            SELECT * INTO became FROM changed;
        END IF;
        IF was.id = became.id THEN
            told := array_remove(ARRAY[
                CASE WHEN was.status = became.status AND was.subscribed_at IS DISTINCT FROM became.subscribed_at THEN 'subscribed_at' END,
                CASE WHEN was.status = became.status AND was.unsubscribed_at IS DISTINCT FROM became.unsubscribed_at THEN 'unsubscribed_at' END,
                CASE WHEN was.email <> became.email THEN 'email' END,
                CASE WHEN was.first_name IS DISTINCT FROM became.first_name THEN 'first_name' END,
                CASE WHEN was.last_name IS DISTINCT FROM became.last_name THEN 'last_name' END,
                CASE WHEN was.phone IS DISTINCT FROM became.phone THEN 'phone' END,
                CASE WHEN was.country IS DISTINCT FROM became.country THEN 'country' END,
                CASE WHEN was.region IS DISTINCT FROM became.region THEN 'region' END,
                CASE WHEN was.city IS DISTINCT FROM became.city THEN 'city' END,
                CASE WHEN was.postal_code IS DISTINCT FROM became.postal_code THEN 'postal_code' END,
                CASE WHEN was.latitude IS DISTINCT FROM became.latitude THEN 'latitude' END,
                CASE WHEN was.longitude IS DISTINCT FROM became.longitude THEN 'longitude' END,
                CASE WHEN was.language IS DISTINCT FROM became.language THEN 'language' END,
                CASE WHEN was.timezone IS DISTINCT FROM became.timezone THEN 'timezone' END,
                CASE WHEN was.birthday IS DISTINCT FROM became.birthday THEN 'birthday' END,
                CASE WHEN was.source IS DISTINCT FROM became.source THEN 'source' END,
                CASE WHEN was.created_at <> became.created_at THEN 'created_at' END], NULL);
            IF was.custom <> became.custom THEN
                told := told || ARRAY(SELECT 'custom.' || key FROM jsonb_object_keys(was.custom || became.custom) AS key
                    WHERE was.custom -> key IS DISTINCT FROM became.custom -> key);
            END IF;
            IF was.status <> became.status THEN
                INSERT INTO subscriber_counts (status, count) VALUES (became.status, 1), (was.status, -1);
                INSERT INTO waiting_changes (kind, fields, number, first_id, last_id)
                VALUES ('subscriber_status_changed', '{status}', 1, became.id, became.id);
            ELSIF told = '{}' AND was.updated_at <> became.updated_at THEN
                told := '{updated_at}';
            END IF;
            IF told <> '{}' THEN
                INSERT INTO waiting_changes (kind, fields, number, first_id, last_id)
                VALUES ('subscriber_updated', told, 1, became.id, became.id);
            END IF;
            RETURN NULL;
        END IF;
        -- A full join is a hash or merge join, also in a plan that was made for one row. A status that is null is of a row
        -- that got another id. That updated_at changes is told only where nothing else does.
        WITH pairs AS MATERIALIZED (
            SELECT former_status, status, count(*) AS number, bit_or(mask) AS mask, merge_keys(custom) AS custom,
                array_agg(id) FILTER (WHERE former_status IS DISTINCT FROM status) AS moved,
                array_agg(id) FILTER (WHERE mask <> 0) AS updated
            -- OFFSET 0 keeps the planner from sorting whole rows, and from evaluating the differences twice.
            FROM (SELECT id, o.status AS former_status, n.status,
                CASE WHEN o.status <> n.status THEN 0 ELSE
                    (o.subscribed_at IS DISTINCT FROM n.subscribed_at)::integer
                    + ((o.unsubscribed_at IS DISTINCT FROM n.unsubscribed_at)::integer << 1)
                    + ((o.updated_at <> n.updated_at)::integer << 2)
                END
                + ((o.email <> n.email)::integer << 3)
                + ((o.first_name IS DISTINCT FROM n.first_name)::integer << 4)
                + ((o.last_name IS DISTINCT FROM n.last_name)::integer << 5)
                + ((o.phone IS DISTINCT FROM n.phone)::integer << 6)
                + ((o.country IS DISTINCT FROM n.country)::integer << 7)
                + ((o.region IS DISTINCT FROM n.region)::integer << 8)
                + ((o.city IS DISTINCT FROM n.city)::integer << 9)
                + ((o.postal_code IS DISTINCT FROM n.postal_code)::integer << 10)
                + ((o.latitude IS DISTINCT FROM n.latitude)::integer << 11)
                + ((o.longitude IS DISTINCT FROM n.longitude)::integer << 12)
                + ((o.language IS DISTINCT FROM n.language)::integer << 13)
                + ((o.timezone IS DISTINCT FROM n.timezone)::integer << 14)
                + ((o.birthday IS DISTINCT FROM n.birthday)::integer << 15)
                + ((o.source IS DISTINCT FROM n.source)::integer << 16)
                + ((o.created_at <> n.created_at)::integer << 17)
                + ((o.custom <> n.custom)::integer << 18) AS mask,
                CASE WHEN o.custom <> n.custom THEN (
                    SELECT jsonb_object_agg(key, true) FROM jsonb_object_keys(o.custom || n.custom) AS key
                    WHERE o.custom -> key IS DISTINCT FROM n.custom -> key
                ) END AS custom
            FROM former o FULL JOIN changed n USING (id) OFFSET 0) AS pair
            GROUP BY id >> 17, former_status, status
        ), counted AS (
            INSERT INTO subscriber_counts (status, count)
            SELECT status, sum(more) FROM (
                SELECT status, number AS more FROM pairs WHERE status IS DISTINCT FROM former_status
                UNION ALL SELECT former_status, -number FROM pairs WHERE status IS DISTINCT FROM former_status
            ) AS both_sides WHERE status IS NOT NULL GROUP BY status HAVING sum(more) <> 0
        )
        INSERT INTO waiting_changes (kind, fields, number, first_id, last_id, ids)
        SELECT v.kind, v.fields, r.number, r.first_id, r.last_id, CASE WHEN r.last_id - r.first_id >= r.number THEN v.ids END
        FROM pairs p
        CROSS JOIN LATERAL (VALUES
            (CASE WHEN p.former_status IS NULL THEN 'subscriber_created' WHEN p.status IS NULL THEN 'subscriber_deleted'
                ELSE 'subscriber_status_changed' END,
             CASE WHEN p.former_status <> p.status THEN ARRAY['status'] ELSE '{}' END, p.moved),
            ('subscriber_updated', ARRAY(
                SELECT name FROM unnest(ARRAY['subscribed_at', 'unsubscribed_at', 'updated_at', 'email', 'first_name',
                    'last_name', 'phone', 'country', 'region', 'city', 'postal_code', 'latitude', 'longitude', 'language',
                    'timezone', 'birthday', 'source', 'created_at']) WITH ORDINALITY AS names (name, place)
                WHERE (p.mask >> (place - 1)::integer) & 1 = 1 AND (name <> 'updated_at' OR p.mask = 4)
                UNION ALL SELECT 'custom.' || key FROM jsonb_object_keys(p.custom) AS key
             ), p.updated)
        ) AS v (kind, fields, ids)
        CROSS JOIN LATERAL (
            SELECT count(*) AS number, min(id) AS first_id, max(id) AS last_id FROM unnest(v.ids) AS id
        ) AS r
        WHERE r.number > 0 ORDER BY v.kind, r.first_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_subscribers() IS 'Notes for readers of changes which subscribers a statement changed, keeps the counts by status, and notes deleted subscribers.';

DROP INDEX changes_of_several;
CREATE INDEX changes_of_several ON changes ((first_id >> 17), last_id, first_id) WHERE kind <> 'followed' AND first_id < last_id;
COMMENT ON INDEX changes_of_several IS 'For erasing deleted subscribers: the rows of a chunk that can hold an id.';
