DROP TRIGGER forget_changes ON group_memberships;
DROP TRIGGER forget_changes ON subscribers;
DO $$
DECLARE
    noun text;
BEGIN
    FOREACH noun IN ARRAY ARRAY['segments', 'groups', 'custom_fields'] LOOP
        EXECUTE format('DROP TRIGGER note_inserted ON %I', noun);
        EXECUTE format('DROP TRIGGER note_updated ON %I', noun);
        EXECUTE format('DROP TRIGGER note_deleted ON %I', noun);
        EXECUTE format('DROP TRIGGER forget_changes ON %I', noun);
    END LOOP;
END $$;
DROP TRIGGER note_inserted ON instant_changes;
DROP FUNCTION note_followed();
DROP TRIGGER note_succeeded ON refreshes;
DROP FUNCTION note_refresh();
DROP FUNCTION note_definitions();
DROP TRIGGER note_inserted ON group_memberships;
DROP TRIGGER note_updated ON group_memberships;
DROP TRIGGER note_deleted ON group_memberships;
DROP FUNCTION note_group_members();
DROP TRIGGER count_truncated ON subscribers;
DROP FUNCTION forget_counts();
DROP TRIGGER note_inserted ON subscribers;
DROP TRIGGER note_updated ON subscribers;
DROP TRIGGER note_deleted ON subscribers;
DROP FUNCTION note_subscribers();
DROP FUNCTION forget_changes();
DROP FUNCTION renew_history();
ALTER TABLE history DROP COLUMN changes_kept_after;
COMMENT ON COLUMN history.token IS 'Random: stands for the time before the first refresh, as refreshes.token for that after one.';
DROP TABLE changes;
DROP TABLE waiting_changes;

CREATE TRIGGER touch_inserted AFTER INSERT ON group_memberships
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_their_subscribers();
CREATE TRIGGER touch_updated AFTER UPDATE ON group_memberships
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_their_subscribers();
CREATE TRIGGER touch_updated_from AFTER UPDATE ON group_memberships
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_their_subscribers();
CREATE TRIGGER touch_deleted AFTER DELETE ON group_memberships
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_their_subscribers();

CREATE FUNCTION note_deletions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO subscriber_deletions (subscriber_id, deleted_at, created_at)
    SELECT id, now(), created_at FROM deleted ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_deletions() IS 'Notes deleted subscribers, also those that plain SQL deletes.';
CREATE TRIGGER note_deleted AFTER DELETE ON subscribers
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION note_deletions();

CREATE FUNCTION count_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO subscriber_counts (status, count) SELECT status, count(*) FROM changed GROUP BY status;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO subscriber_counts (status, count) SELECT status, -count(*) FROM changed GROUP BY status;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO subscriber_counts (status, count)
        SELECT status, sum(more) FROM (
            SELECT status, 1 AS more FROM changed UNION ALL SELECT status, -1 FROM former
        ) AS both_sides GROUP BY status HAVING sum(more) <> 0;
    ELSE
        -- A sum that is just being made must not stay.
        LOCK TABLE subscriber_counts IN EXCLUSIVE MODE;
        DELETE FROM subscriber_counts;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION count_subscribers() IS 'Keeps the counts of subscribers by status.';
CREATE TRIGGER count_inserted AFTER INSERT ON subscribers
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_subscribers();
CREATE TRIGGER count_updated AFTER UPDATE ON subscribers
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_subscribers();
CREATE TRIGGER count_deleted AFTER DELETE ON subscribers
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_subscribers();
CREATE TRIGGER count_truncated AFTER TRUNCATE ON subscribers
    FOR EACH STATEMENT EXECUTE FUNCTION count_subscribers();
