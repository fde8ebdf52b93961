COMMENT ON COLUMN refreshes.as_of IS 'The one moment that all relative dates of the run count from.';
DROP INDEX instant_changes_by_moment;
COMMENT ON COLUMN events.occurred_at IS NULL;
ALTER TABLE events DROP CONSTRAINT events_occurred_at_is_in_range;
