-- A dedupe key names an event among those of one subscriber and name; until now it did among all events.
CREATE UNIQUE INDEX events_dedupe_key_is_unique ON events (subscriber_id, name, dedupe_key) WHERE dedupe_key IS NOT NULL;
DROP INDEX events_dedupe_key_unique;
COMMENT ON COLUMN events.dedupe_key IS 'The sender''s own name for the event: a second event of the same subscriber, name and key is ignored.';

ALTER TABLE subscribers ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE custom_fields ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE groups ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE segments ADD COLUMN version integer NOT NULL DEFAULT 1;
COMMENT ON COLUMN subscribers.version IS 'Counts the changes of the row, so that a change can be refused if its sender has not seen the one before.';
COMMENT ON COLUMN custom_fields.version IS 'Counts the changes of the row, as subscribers.version does.';
COMMENT ON COLUMN groups.version IS 'Counts the changes of the row, as subscribers.version does; memberships are rows of their own.';
COMMENT ON COLUMN segments.version IS 'Counts the changes of the row, as subscribers.version does; definition_version counts those of the rule.';

-- A trigger, so that no statement that changes a row can forget it.
CREATE FUNCTION count_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER count_version BEFORE UPDATE ON subscribers FOR EACH ROW EXECUTE FUNCTION count_version();
CREATE TRIGGER count_version BEFORE UPDATE ON custom_fields FOR EACH ROW EXECUTE FUNCTION count_version();
CREATE TRIGGER count_version BEFORE UPDATE ON groups FOR EACH ROW EXECUTE FUNCTION count_version();
CREATE TRIGGER count_version BEFORE UPDATE ON segments FOR EACH ROW EXECUTE FUNCTION count_version();
