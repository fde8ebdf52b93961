-- Ids are given again after a backup was restored. Together with the moment at which the row was made they name one person,
-- so that a deletion can be applied again to the rows of an older backup.
ALTER TABLE subscriber_deletions ADD COLUMN created_at timestamptz;
COMMENT ON COLUMN subscriber_deletions.created_at IS 'When the row of the deleted subscriber was made: with it a restored backup finds who is to be deleted again. Null for deletions before this column.';

CREATE OR REPLACE FUNCTION note_deletions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO subscriber_deletions (subscriber_id, deleted_at, created_at)
    SELECT id, now(), created_at FROM deleted ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
