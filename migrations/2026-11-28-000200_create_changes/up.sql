CREATE TABLE waiting_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    kind text NOT NULL,
    about bigint,
    fields text[] NOT NULL DEFAULT '{}',
    number integer NOT NULL DEFAULT 0,
    first_id bigint,
    last_id bigint,
    ids bigint[],
    CONSTRAINT waiting_changes_kind_is_known CHECK (kind IN (
        'subscriber_created', 'subscriber_updated', 'subscriber_status_changed', 'subscriber_deleted',
        'group_members_added', 'group_members_removed', 'refreshed', 'followed',
        'segment_created', 'segment_updated', 'segment_deleted', 'group_created', 'group_updated', 'group_deleted',
        'custom_field_created', 'custom_field_updated', 'custom_field_deleted'))
);
ALTER TABLE waiting_changes ALTER COLUMN ids SET STORAGE EXTERNAL;
-- A queue: rows come and go all the time, and its beginning is read all the time.
ALTER TABLE waiting_changes SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_insert_scale_factor = 0.5);
COMMENT ON TABLE waiting_changes IS 'What changed and has no place in the order of changes yet: written by triggers in the transaction of the change, one row per statement, kind and chunk of 131,072 ids. See src/changes.';
COMMENT ON COLUMN waiting_changes.id IS 'Drawn when the change is made. Transactions commit in another order, which is why readers read the table changes.';
COMMENT ON COLUMN waiting_changes.at IS 'When the transaction of the change began.';
COMMENT ON COLUMN waiting_changes.kind IS 'refreshed: a refresh wrote its members; followed: instant segments followed changes; the others are what their names say.';
COMMENT ON COLUMN waiting_changes.about IS 'The id of the group, segment, custom field or refresh.';
COMMENT ON COLUMN waiting_changes.fields IS 'The columns that changed in any of the rows; custom fields as custom.KEY.';
COMMENT ON COLUMN waiting_changes.number IS 'How many subscribers it is about.';
COMMENT ON COLUMN waiting_changes.first_id IS 'The least id of these subscribers; for followed, of the rows of instant_changes.';
COMMENT ON COLUMN waiting_changes.last_id IS 'The greatest of these ids.';
COMMENT ON COLUMN waiting_changes.ids IS 'The ids, in any order; null if they are all from first_id to last_id.';

CREATE TABLE changes (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    kind text NOT NULL,
    about bigint,
    fields text[] NOT NULL,
    number integer NOT NULL,
    first_id bigint,
    last_id bigint,
    ids bytea,
    token bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint
);
-- What is stored has no redundancy left that a compression could find.
ALTER TABLE changes ALTER COLUMN ids SET STORAGE EXTERNAL;
CREATE INDEX changes_of_refreshes ON changes (about) WHERE kind = 'refreshed';
CREATE INDEX changes_of_one ON changes (first_id) WHERE kind <> 'followed' AND first_id = last_id;
CREATE INDEX changes_of_several ON changes ((first_id >> 17)) WHERE kind <> 'followed' AND first_id < last_id;
COMMENT ON TABLE changes IS 'What changed, in the order in which readers are told. Rows are moved here from waiting_changes under one lock, so that they become visible in the order of seq and nothing ever appears before a place that was read.';
COMMENT ON COLUMN changes.seq IS 'The place in the order of changes. A change comes after those that its transaction could see.';
COMMENT ON COLUMN changes.at IS 'When the transaction of the change began.';
COMMENT ON COLUMN changes.kind IS 'As waiting_changes.kind. The members that a refresh or the follower changed are read from segment_changes and instant_changes.';
COMMENT ON COLUMN changes.about IS 'As waiting_changes.about.';
COMMENT ON COLUMN changes.fields IS 'As waiting_changes.fields.';
COMMENT ON COLUMN changes.number IS 'How many subscribers it is about. Deleted subscribers are taken out of every row but the one of their deletion.';
COMMENT ON COLUMN changes.first_id IS 'As waiting_changes.first_id; null if no subscriber is left.';
COMMENT ON COLUMN changes.last_id IS 'As waiting_changes.last_id.';
COMMENT ON COLUMN changes.ids IS 'The places after first_id, as Rice-coded gaps; see src/audience/gaps.rs. Null if they are all from first_id to last_id.';
COMMENT ON COLUMN changes.token IS 'Random. Positions carry it, so that those of another database or of a restored backup are noticed.';
COMMENT ON INDEX changes_of_one IS 'For erasing deleted subscribers.';
COMMENT ON INDEX changes_of_several IS 'For erasing deleted subscribers.';

ALTER TABLE history ADD COLUMN changes_kept_after bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN history.changes_kept_after IS 'The row of changes after which all are kept; older rows are removed.';
COMMENT ON COLUMN history.token IS 'Random: the id of this history, which positions carry. renew_history() draws another. It also stands for the time before the first refresh and the first change.';

CREATE FUNCTION renew_history() RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    UPDATE history SET token = (random() * 9007199254740991)::bigint
$$;
COMMENT ON FUNCTION renew_history() IS 'Makes every position that was told so far one of another history, which readers are told with RESYNC: after a backup was restored, or where what happened cannot be told.';

CREATE FUNCTION forget_changes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM waiting_changes;
    DELETE FROM changes;
    UPDATE history SET changes_kept_after = 0;
    PERFORM renew_history();
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_changes() IS 'Begins a new history: a TRUNCATE does not say what it removes.';

-- One function where there were three, so that the rows of a statement are read once. Without compiling: a plan that was
-- made for many rows is used for one too.
DROP TRIGGER count_inserted ON subscribers;
DROP TRIGGER count_updated ON subscribers;
DROP TRIGGER count_deleted ON subscribers;
DROP TRIGGER count_truncated ON subscribers;
DROP TRIGGER note_deleted ON subscribers;
DROP FUNCTION count_subscribers();
DROP FUNCTION note_deletions();

CREATE FUNCTION note_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off AS $$
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
        INSERT INTO subscriber_deletions (subscriber_id, deleted_at) SELECT id, now() FROM former ON CONFLICT DO NOTHING;
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
        -- A full join is a hash or merge join, also in a plan that was made for one row. A status that is null is of a row
        -- that got another id. That updated_at changes is told only where nothing else does.
        WITH pairs AS MATERIALIZED (
            SELECT o.status AS former_status, n.status, count(*) AS number,
                bit_or(d.mask) AS mask, string_agg(d.custom, ' ') AS custom,
                array_agg(id) FILTER (WHERE o.status IS DISTINCT FROM n.status) AS moved,
                array_agg(id) FILTER (WHERE d.mask <> 0) AS updated
            FROM former o FULL JOIN changed n USING (id)
            CROSS JOIN LATERAL (SELECT
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
                    SELECT string_agg(key, ' ') FROM jsonb_object_keys(o.custom || n.custom) AS key
                    WHERE o.custom -> key IS DISTINCT FROM n.custom -> key
                ) END AS custom
            ) AS d
            GROUP BY o.status, n.status, id >> 17
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
                UNION ALL SELECT DISTINCT 'custom.' || key FROM string_to_table(p.custom, ' ') AS key
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

CREATE TRIGGER note_inserted AFTER INSERT ON subscribers
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_subscribers();
CREATE TRIGGER note_updated AFTER UPDATE ON subscribers
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_subscribers();
CREATE TRIGGER note_deleted AFTER DELETE ON subscribers
    REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION note_subscribers();

CREATE FUNCTION forget_counts() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- A sum that is just being made must not stay.
    LOCK TABLE subscriber_counts IN EXCLUSIVE MODE;
    DELETE FROM subscriber_counts;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_counts() IS 'Keeps the counts of subscribers by status where all are removed.';
CREATE TRIGGER count_truncated AFTER TRUNCATE ON subscribers FOR EACH STATEMENT EXECUTE FUNCTION forget_counts();

DROP TRIGGER touch_inserted ON group_memberships;
DROP TRIGGER touch_updated ON group_memberships;
DROP TRIGGER touch_updated_from ON group_memberships;
DROP TRIGGER touch_deleted ON group_memberships;

CREATE FUNCTION note_group_members() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off AS $$
DECLARE
    is_followed boolean := EXISTS (SELECT FROM segments WHERE mode = 'instant' AND archived_at IS NULL);
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF is_followed THEN
            INSERT INTO touches (subscriber_id) SELECT DISTINCT subscriber_id FROM changed;
        END IF;
        INSERT INTO waiting_changes (kind, about, number, first_id, last_id, ids)
        SELECT 'group_members_added', group_id, number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
        FROM (
            SELECT group_id, count(*) AS number, min(subscriber_id) AS first_id, max(subscriber_id) AS last_id,
                array_agg(subscriber_id) AS ids
            FROM changed GROUP BY group_id, subscriber_id >> 17
        ) AS added ORDER BY group_id, first_id;
    ELSIF TG_OP = 'DELETE' THEN
        IF is_followed THEN
            INSERT INTO touches (subscriber_id) SELECT DISTINCT subscriber_id FROM former;
        END IF;
        -- Where the group or the subscriber is deleted, that is told, and not what goes with it. Scalar subqueries are
        -- looked up by the primary key, whatever the planner believes.
        INSERT INTO waiting_changes (kind, about, number, first_id, last_id, ids)
        SELECT 'group_members_removed', group_id, number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
        FROM (
            SELECT group_id, count(*) AS number, min(subscriber_id) AS first_id, max(subscriber_id) AS last_id,
                array_agg(subscriber_id) AS ids
            FROM former WHERE (SELECT true FROM subscribers WHERE id = subscriber_id)
            GROUP BY group_id, subscriber_id >> 17
        ) AS removed WHERE (SELECT true FROM groups WHERE id = group_id) ORDER BY group_id, first_id;
    ELSE
        IF is_followed THEN
            INSERT INTO touches (subscriber_id) SELECT subscriber_id FROM former UNION SELECT subscriber_id FROM changed;
        END IF;
        INSERT INTO waiting_changes (kind, about, number, first_id, last_id, ids)
        SELECT kind, group_id, number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
        FROM (
            SELECT CASE WHEN n.added_at IS NULL THEN 'group_members_removed' ELSE 'group_members_added' END AS kind, group_id,
                count(*) AS number, min(subscriber_id) AS first_id, max(subscriber_id) AS last_id,
                array_agg(subscriber_id) AS ids
            FROM former o FULL JOIN changed n USING (group_id, subscriber_id)
            WHERE n.added_at IS DISTINCT FROM o.added_at GROUP BY 1, group_id, subscriber_id >> 17
        ) AS moved ORDER BY kind DESC, group_id, first_id;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_group_members() IS 'Notes for readers of changes who was added to groups and removed from them, and the subscribers for the instant segments. A membership that gets another added_at counts as added.';

CREATE TRIGGER note_inserted AFTER INSERT ON group_memberships
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_group_members();
CREATE TRIGGER note_updated AFTER UPDATE ON group_memberships
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_group_members();
CREATE TRIGGER note_deleted AFTER DELETE ON group_memberships
    REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION note_group_members();

CREATE FUNCTION note_definitions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO waiting_changes (kind, about) SELECT TG_ARGV[0] || '_created', id FROM changed;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO waiting_changes (kind, about) SELECT TG_ARGV[0] || '_deleted', id FROM former;
    ELSE
        INSERT INTO waiting_changes (kind, about, fields)
        SELECT TG_ARGV[0] || '_updated', n.id, d.fields FROM changed n JOIN former o USING (id)
        CROSS JOIN LATERAL (
            SELECT array_agg(key ORDER BY key) AS fields FROM jsonb_each(to_jsonb(n)) AS column_of (key, value)
            WHERE value IS DISTINCT FROM to_jsonb(o) -> key AND key NOT IN ('updated_at', 'version', 'stale_through')
        ) AS d WHERE d.fields IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_definitions() IS 'Notes for readers of changes which segments, groups or custom fields a statement changed; the argument says which of them the table has.';

CREATE FUNCTION note_refresh() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO waiting_changes (kind, about) VALUES ('refreshed', NEW.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_refresh() IS 'Notes for readers of changes that a refresh wrote its members, in the transaction in which it did.';
CREATE TRIGGER note_succeeded AFTER UPDATE OF state ON refreshes FOR EACH ROW
    WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded') EXECUTE FUNCTION note_refresh();

CREATE FUNCTION note_followed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO waiting_changes (kind, first_id, last_id)
    SELECT 'followed', min(id), max(id) FROM changed HAVING count(*) > 0;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_followed() IS 'Notes for readers of changes which rows the follower wrote. It writes alone: no other row has an id between.';
CREATE TRIGGER note_inserted AFTER INSERT ON instant_changes
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_followed();

DO $$
DECLARE
    noun record;
BEGIN
    FOR noun IN SELECT * FROM (VALUES ('segments', 'segment'), ('groups', 'group'), ('custom_fields', 'custom_field')) AS nouns (of_table, kind)
    LOOP
        EXECUTE format('CREATE TRIGGER note_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION note_definitions(%L)', noun.of_table, noun.kind);
        EXECUTE format('CREATE TRIGGER note_updated AFTER UPDATE ON %I REFERENCING OLD TABLE AS former NEW TABLE AS changed '
            'FOR EACH STATEMENT EXECUTE FUNCTION note_definitions(%L)', noun.of_table, noun.kind);
        EXECUTE format('CREATE TRIGGER note_deleted AFTER DELETE ON %I REFERENCING OLD TABLE AS former '
            'FOR EACH STATEMENT EXECUTE FUNCTION note_definitions(%L)', noun.of_table, noun.kind);
        EXECUTE format('CREATE TRIGGER forget_changes AFTER TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION forget_changes()', noun.of_table);
    END LOOP;
END $$;
CREATE TRIGGER forget_changes AFTER TRUNCATE ON subscribers FOR EACH STATEMENT EXECUTE FUNCTION forget_changes();
CREATE TRIGGER forget_changes AFTER TRUNCATE ON group_memberships FOR EACH STATEMENT EXECUTE FUNCTION forget_changes();
