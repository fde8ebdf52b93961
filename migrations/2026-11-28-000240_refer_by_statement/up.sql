-- A foreign key asks once for each row and column: of a million people imported into a group, more than half of the time
-- was spent on that. These triggers ask once for each statement and keep the same promise.

-- Functions look up by index: a plan that is kept from when a table was small would read all of it for each id later.

CREATE FUNCTION refer_to_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    stretch record;
    named bigint[];
    held bigint;
BEGIN
    -- Other transactions cannot delete rows that this one has written. An import adds people with ids in a row, and then their groups.
    SELECT min(subscriber_id) AS first_id, max(subscriber_id) AS last_id, count(*) AS number INTO stretch FROM changed;
    IF stretch.number > 100 AND stretch.last_id - stretch.first_id < stretch.number
        AND EXISTS (SELECT FROM subscribers WHERE id = stretch.first_id AND xmin = pg_current_xact_id()::xid)
    THEN
        SELECT count(*) INTO held FROM subscribers
        WHERE id BETWEEN stretch.first_id AND stretch.last_id AND xmin = pg_current_xact_id()::xid;
        IF held = stretch.last_id - stretch.first_id + 1 THEN
            RETURN NULL;
        END IF;
    END IF;
    named := ARRAY(SELECT DISTINCT subscriber_id FROM changed);
    -- The lock keeps these subscribers from being deleted until the transaction ends. Everybody takes such locks by id.
    SELECT count(*) INTO held FROM (SELECT FROM subscribers WHERE id = ANY (named) ORDER BY id FOR KEY SHARE) AS locked;
    IF held < cardinality(named) THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = format('a row of %I names a subscriber that does not exist', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refer_to_subscribers() IS 'Refuses new rows whose subscriber does not exist, and keeps the others from being deleted meanwhile.';

CREATE FUNCTION refer_to_groups() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    named bigint[] := ARRAY(SELECT DISTINCT group_id FROM changed);
    held bigint;
BEGIN
    SELECT count(*) INTO held FROM (SELECT FROM groups WHERE id = ANY (named) ORDER BY id FOR KEY SHARE) AS locked;
    IF held < cardinality(named) THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = format('a row of %I names a group that does not exist', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refer_to_groups() IS 'Refuses new rows whose group does not exist, and keeps the others from being deleted meanwhile.';

-- Rollcall never changes these columns, so these triggers check row by row, and only rows whose subscriber or group changes.
CREATE FUNCTION refer_to_other_subscriber() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM subscribers WHERE id = NEW.subscriber_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = format('a row of %I names a subscriber that does not exist', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refer_to_other_subscriber() IS 'As refer_to_subscribers, for a row that gets another subscriber.';

CREATE FUNCTION refer_to_other_group() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM groups WHERE id = NEW.group_id FOR KEY SHARE;
    IF NOT FOUND THEN
        RAISE foreign_key_violation USING TABLE = TG_TABLE_NAME,
            MESSAGE = format('a row of %I names a group that does not exist', TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION refer_to_other_group() IS 'As refer_to_groups, for a row that gets another group.';

CREATE FUNCTION require_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'subscribers and groups are deleted at the isolation level READ COMMITTED only',
            HINT = 'A transaction with a snapshot of its own would not see what others have just written about them.';
    END IF;
END $$;
COMMENT ON FUNCTION require_read_committed() IS 'Fails in a transaction whose deletion would miss rows that others have written since it began.';

CREATE FUNCTION forget_subscribers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
DECLARE
    gone bigint[] := ARRAY(SELECT id FROM former ORDER BY id);
BEGIN
    PERFORM require_read_committed();
    DELETE FROM group_memberships WHERE subscriber_id = ANY (gone);
    DELETE FROM events WHERE subscriber_id = ANY (gone);
    DELETE FROM event_totals WHERE subscriber_id = ANY (gone);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_subscribers() IS 'Deletes the memberships and events of deleted subscribers.';

CREATE FUNCTION forget_groups() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off SET jit = off AS $$
BEGIN
    PERFORM require_read_committed();
    DELETE FROM group_memberships WHERE group_id = ANY (ARRAY(SELECT id FROM former));
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_groups() IS 'Deletes the memberships of deleted groups.';

CREATE FUNCTION forget_everybody() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- Not TRUNCATE: that fails where the statement names these tables too.
    DELETE FROM group_memberships;
    IF TG_TABLE_NAME = 'subscribers' THEN
        DELETE FROM events;
        DELETE FROM event_totals;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION forget_everybody() IS 'Empties what is about all subscribers, or about all groups.';

ALTER TABLE group_memberships DROP CONSTRAINT group_memberships_group_id_fkey;
ALTER TABLE group_memberships DROP CONSTRAINT group_memberships_subscriber_id_fkey;
ALTER TABLE events DROP CONSTRAINT events_subscriber_id_fkey;
ALTER TABLE event_totals DROP CONSTRAINT event_totals_subscriber_id_fkey;

CREATE TRIGGER check_groups AFTER INSERT ON group_memberships REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refer_to_groups();
CREATE TRIGGER check_subscribers AFTER INSERT ON group_memberships REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refer_to_subscribers();
CREATE TRIGGER check_subscribers AFTER INSERT ON events REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refer_to_subscribers();
CREATE TRIGGER check_subscribers AFTER INSERT ON event_totals REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION refer_to_subscribers();

CREATE TRIGGER check_other_group AFTER UPDATE OF group_id ON group_memberships FOR EACH ROW
    WHEN (old.group_id <> new.group_id) EXECUTE FUNCTION refer_to_other_group();
CREATE TRIGGER check_other_subscriber AFTER UPDATE OF subscriber_id ON group_memberships FOR EACH ROW
    WHEN (old.subscriber_id <> new.subscriber_id) EXECUTE FUNCTION refer_to_other_subscriber();
CREATE TRIGGER check_other_subscriber AFTER UPDATE OF subscriber_id ON events FOR EACH ROW
    WHEN (old.subscriber_id <> new.subscriber_id) EXECUTE FUNCTION refer_to_other_subscriber();
CREATE TRIGGER check_other_subscriber AFTER UPDATE OF subscriber_id ON event_totals FOR EACH ROW
    WHEN (old.subscriber_id <> new.subscriber_id) EXECUTE FUNCTION refer_to_other_subscriber();

CREATE TRIGGER forget_deleted AFTER DELETE ON subscribers REFERENCING OLD TABLE AS former
    FOR EACH STATEMENT EXECUTE FUNCTION forget_subscribers();
CREATE TRIGGER forget_deleted AFTER DELETE ON groups REFERENCING OLD TABLE AS former
    FOR EACH STATEMENT EXECUTE FUNCTION forget_groups();
CREATE TRIGGER forget_truncated AFTER TRUNCATE ON subscribers FOR EACH STATEMENT EXECUTE FUNCTION forget_everybody();
CREATE TRIGGER forget_truncated AFTER TRUNCATE ON groups FOR EACH STATEMENT EXECUTE FUNCTION forget_everybody();

COMMENT ON COLUMN group_memberships.group_id IS 'A row of groups: check_groups and forget_deleted keep it so, as a foreign key would.';
COMMENT ON COLUMN group_memberships.subscriber_id IS 'A row of subscribers: check_subscribers and forget_deleted keep it so, as a foreign key would.';
COMMENT ON COLUMN events.subscriber_id IS 'A row of subscribers: check_subscribers and forget_deleted keep it so, as a foreign key would.';
COMMENT ON COLUMN event_totals.subscriber_id IS 'A row of subscribers: check_subscribers and forget_deleted keep it so, as a foreign key would.';
