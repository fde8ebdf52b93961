DROP TRIGGER note_ended ON imports;
DROP FUNCTION note_import();
DROP TRIGGER note_ended ON refreshes;
CREATE OR REPLACE FUNCTION note_refresh() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO waiting_changes (kind, about) VALUES ('refreshed', NEW.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_refresh() IS 'Notes for readers of changes that a refresh wrote its members, in the transaction in which it did.';
CREATE TRIGGER note_succeeded AFTER UPDATE OF state ON refreshes FOR EACH ROW
    WHEN (NEW.state = 'succeeded' AND OLD.state <> 'succeeded') EXECUTE FUNCTION note_refresh();
DELETE FROM waiting_changes WHERE kind IN ('segment_invalid', 'refresh_finished', 'refresh_failed', 'import_finished');
ALTER TABLE waiting_changes DROP CONSTRAINT waiting_changes_kind_is_known;
ALTER TABLE waiting_changes ADD CONSTRAINT waiting_changes_kind_is_known CHECK (kind IN (
    'subscriber_created', 'subscriber_updated', 'subscriber_status_changed', 'subscriber_deleted',
    'group_members_added', 'group_members_removed', 'refreshed', 'followed',
    'segment_created', 'segment_updated', 'segment_deleted', 'group_created', 'group_updated', 'group_deleted',
    'custom_field_created', 'custom_field_updated', 'custom_field_deleted'));
COMMENT ON COLUMN waiting_changes.about IS 'The id of the group, segment, custom field or refresh.';
