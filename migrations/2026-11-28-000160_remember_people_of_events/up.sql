ALTER TABLE import_batches ADD COLUMN people bytea;
COMMENT ON COLUMN import_batches.people IS 'Ids of the subscribers that an import of events made for the events of the batch, as runs; see src/audience/runs.rs. Null if it made none.';
