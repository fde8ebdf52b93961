DROP TRIGGER count_version ON segments;
DROP TRIGGER count_version ON groups;
DROP TRIGGER count_version ON custom_fields;
DROP TRIGGER count_version ON subscribers;
DROP FUNCTION count_version;
ALTER TABLE segments DROP COLUMN version;
ALTER TABLE groups DROP COLUMN version;
ALTER TABLE custom_fields DROP COLUMN version;
ALTER TABLE subscribers DROP COLUMN version;

-- Of the events that share a key, the first keeps it.
UPDATE events e SET dedupe_key = NULL
WHERE EXISTS (SELECT FROM events earlier WHERE earlier.dedupe_key = e.dedupe_key AND earlier.id < e.id);
CREATE UNIQUE INDEX events_dedupe_key_unique ON events (dedupe_key) WHERE dedupe_key IS NOT NULL;
DROP INDEX events_dedupe_key_is_unique;
COMMENT ON COLUMN events.dedupe_key IS 'The sender''s own name for the event: a second event of the same key is ignored.';
