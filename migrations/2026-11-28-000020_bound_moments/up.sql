-- Earlier versions took moments that files and JSON cannot write: they become the nearest ones that can be.
UPDATE events SET occurred_at = CASE WHEN occurred_at < '0001-01-01 00:00:00Z' THEN '0001-01-01 00:00:00Z'::timestamptz
    ELSE '9999-12-31 23:59:59.999999Z' END
WHERE occurred_at < '0001-01-01 00:00:00Z' OR occurred_at >= '10000-01-01 00:00:00Z';
UPDATE event_totals SET first_at = least(greatest(first_at, '0001-01-01 00:00:00Z'), '9999-12-31 23:59:59.999999Z'),
    last_at = least(greatest(last_at, '0001-01-01 00:00:00Z'), '9999-12-31 23:59:59.999999Z')
WHERE first_at < '0001-01-01 00:00:00Z' OR last_at >= '10000-01-01 00:00:00Z';
UPDATE refreshes SET as_of = least(greatest(as_of, '0001-01-01 00:00:00Z'), '9999-12-31 23:59:59.999999Z')
WHERE as_of < '0001-01-01 00:00:00Z' OR as_of >= '10000-01-01 00:00:00Z';

ALTER TABLE events ADD CONSTRAINT events_occurred_at_is_in_range
    CHECK (occurred_at >= '0001-01-01 00:00:00Z' AND occurred_at < '10000-01-01 00:00:00Z');
COMMENT ON COLUMN events.occurred_at IS 'When it was done, in the years 1 to 9999 (UTC); may lie in the future.';

-- Every refresh looks for changes that a wrong clock dated into the future. The column grows with the table, so that a
-- block range index is a few pages and costs the follower nothing.
CREATE INDEX instant_changes_by_moment ON instant_changes USING brin (changed_at) WITH (autosummarize = on);
COMMENT ON COLUMN refreshes.as_of IS 'The one moment that all relative dates of the run count from; never before that of an earlier run. Runs by a clock that was ahead are dated back to the moment at which it had been put right.';
