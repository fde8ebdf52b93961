ALTER TABLE imports ADD COLUMN undo_asked_at timestamptz, ADD COLUMN undo_error text;
COMMENT ON COLUMN imports.undo_asked_at IS 'When its undoing was asked for; null again when that has ended. What a dead process left is done by the next server.';
COMMENT ON COLUMN imports.undo_error IS 'Why it was not undone when that was asked for last.';
