ALTER TABLE imports ADD COLUMN analysis jsonb;
ALTER TABLE imports ADD COLUMN waits_for_start boolean NOT NULL DEFAULT false;
ALTER TABLE imports DROP CONSTRAINT imports_state_is_known;
ALTER TABLE imports ADD CONSTRAINT imports_state_is_known
    CHECK (state IN ('waiting', 'ready', 'analyzed', 'running', 'succeeded', 'failed', 'cancelled', 'undone'));
COMMENT ON COLUMN imports.state IS 'waiting: for the file; ready: to be run; analyzed: to be started; running, or left so by a process that died; the others are ends, of which failed and cancelled can be taken up again while the file is there.';
COMMENT ON COLUMN imports.options IS 'What was asked for; see src/import/plan/options.rs.';
COMMENT ON COLUMN imports.analysis IS 'What an import would do with its file, found out before a row was written; see src/import/plan/analysis.rs.';
COMMENT ON COLUMN imports.waits_for_start IS 'Whether it stops when its file was looked at, until somebody starts it.';

ALTER TABLE import_problems ADD COLUMN cells jsonb;
COMMENT ON COLUMN import_problems.cells IS 'The cells of a row that was refused, as an array of texts: they are handed out to be corrected.';

COMMENT ON COLUMN status_changes.reason IS 'Why the subscriber may be addressed again, where the change is from unsubscribed, bounced or complained to another status; why the subscriber left, where an imported file said so; null otherwise.';
