-- Most statements add one subscriber: for that, nothing has to be grouped. note_subscribers is as it was; its part for INSERT is not
-- reached any more.
CREATE FUNCTION note_new_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET jit = off SET enable_hashagg = off AS $$
DECLARE
    one subscribers;
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM changed LIMIT 2) AS few) = 1 THEN
        SELECT * INTO one FROM changed;
        INSERT INTO subscriber_counts (status, count) VALUES (one.status, 1);
        INSERT INTO waiting_changes (kind, number, first_id, last_id) VALUES ('subscriber_created', 1, one.id, one.id);
        RETURN NULL;
    END IF;
    -- Without hashing, groups come one after another: only the ids of one chunk are in memory at a time.
    WITH added AS MATERIALIZED (
        SELECT status, count(*) AS number, min(id) AS first_id, max(id) AS last_id, array_agg(id) AS ids
        FROM changed GROUP BY status, id >> 17
    ), counted AS (
        INSERT INTO subscriber_counts (status, count) SELECT status, sum(number) FROM added GROUP BY status
    )
    INSERT INTO waiting_changes (kind, number, first_id, last_id, ids)
    SELECT 'subscriber_created', number, first_id, last_id, CASE WHEN last_id - first_id >= number THEN ids END
    FROM added ORDER BY first_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_new_subscribers() IS 'Notes for readers of changes which subscribers a statement added, and keeps the counts by status.';

CREATE OR REPLACE TRIGGER note_inserted AFTER INSERT ON subscribers
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_new_subscribers();
COMMENT ON FUNCTION note_subscribers() IS 'Notes for readers of changes which subscribers a statement changed or deleted, keeps the counts by status, and notes deleted subscribers.';
