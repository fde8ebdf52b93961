ALTER TABLE imports DROP COLUMN undo_asked_at, DROP COLUMN undo_error;
