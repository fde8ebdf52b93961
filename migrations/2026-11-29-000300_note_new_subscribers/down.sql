CREATE OR REPLACE TRIGGER note_inserted AFTER INSERT ON subscribers
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_subscribers();
DROP FUNCTION note_new_subscribers();
COMMENT ON FUNCTION note_subscribers() IS 'Notes for readers of changes which subscribers a statement changed, keeps the counts by status, and notes deleted subscribers.';
