-- What refreshes and imports came to is told in the same order as what they changed.
ALTER TABLE waiting_changes DROP CONSTRAINT waiting_changes_kind_is_known;
ALTER TABLE waiting_changes ADD CONSTRAINT waiting_changes_kind_is_known CHECK (kind IN (
    'subscriber_created', 'subscriber_updated', 'subscriber_status_changed', 'subscriber_deleted',
    'group_members_added', 'group_members_removed', 'refreshed', 'followed',
    'segment_created', 'segment_updated', 'segment_deleted', 'group_created', 'group_updated', 'group_deleted',
    'custom_field_created', 'custom_field_updated', 'custom_field_deleted',
    'segment_invalid', 'refresh_finished', 'refresh_failed', 'import_finished'));
COMMENT ON COLUMN waiting_changes.about IS 'The id of the group, segment, custom field, refresh or import.';

CREATE OR REPLACE FUNCTION note_refresh() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.state = 'failed' THEN
        INSERT INTO waiting_changes (kind, about) VALUES ('refresh_failed', NEW.id);
        RETURN NULL;
    END IF;
    INSERT INTO waiting_changes (kind, about) VALUES ('refreshed', NEW.id);
    -- A segment that was invalid for the same reasons before is told once.
    INSERT INTO waiting_changes (kind, about)
    SELECT 'segment_invalid', s.segment_id FROM segment_refreshes s
    WHERE s.refresh_id = NEW.id AND s.problems <> '[]' AND (
        SELECT b.problems = s.problems FROM segment_refreshes b
        WHERE b.segment_id = s.segment_id AND b.refresh_id < NEW.id ORDER BY b.refresh_id DESC LIMIT 1
    ) IS NOT TRUE ORDER BY s.segment_id;
    INSERT INTO waiting_changes (kind, about) VALUES ('refresh_finished', NEW.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_refresh() IS 'Notes for readers of changes that a refresh wrote its members, which segments turned out to be invalid, and that it ended.';
DROP TRIGGER note_succeeded ON refreshes;
CREATE TRIGGER note_ended AFTER UPDATE OF state ON refreshes FOR EACH ROW
    WHEN (NEW.state IN ('succeeded', 'failed') AND OLD.state <> NEW.state) EXECUTE FUNCTION note_refresh();

CREATE FUNCTION note_import() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO waiting_changes (kind, about) VALUES ('import_finished', NEW.id);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_import() IS 'Notes for readers of changes that an import ended, or was undone.';
CREATE TRIGGER note_ended AFTER UPDATE OF state ON imports FOR EACH ROW
    WHEN (NEW.state IN ('succeeded', 'failed', 'cancelled', 'undone') AND OLD.state <> NEW.state) EXECUTE FUNCTION note_import();
