CREATE OR REPLACE FUNCTION note_deletions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO subscriber_deletions (subscriber_id, deleted_at) SELECT id, now() FROM deleted ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
ALTER TABLE subscriber_deletions DROP COLUMN created_at;
