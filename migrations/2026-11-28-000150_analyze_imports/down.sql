COMMENT ON COLUMN status_changes.reason IS 'Why the subscriber may be addressed again; null unless the change is from unsubscribed, bounced or complained to another status.';
ALTER TABLE import_problems DROP COLUMN cells;
UPDATE imports SET state = 'failed', error = 'it was not started' WHERE state = 'analyzed';
ALTER TABLE imports DROP CONSTRAINT imports_state_is_known;
ALTER TABLE imports ADD CONSTRAINT imports_state_is_known
    CHECK (state IN ('waiting', 'ready', 'running', 'succeeded', 'failed', 'cancelled', 'undone'));
COMMENT ON COLUMN imports.state IS 'waiting: for the file; ready: to be run; running, or left so by a process that died; the others are ends, of which failed and cancelled can be taken up again while the file is there.';
ALTER TABLE imports DROP COLUMN analysis;
ALTER TABLE imports DROP COLUMN waits_for_start;
