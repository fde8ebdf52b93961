CREATE TABLE segment_changes (
    segment_id bigint NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    chunk integer NOT NULL,
    refresh_id bigint NOT NULL REFERENCES refreshes (id) ON DELETE CASCADE,
    changed bytea NOT NULL,
    PRIMARY KEY (segment_id, chunk, refresh_id)
);
-- What is stored has no redundancy left that a compression could find.
ALTER TABLE segment_changes ALTER COLUMN changed SET STORAGE EXTERNAL;
COMMENT ON TABLE segment_changes IS 'Who joined or left a segment in a refresh. A first fill has no rows: before it the segment was empty.';
COMMENT ON COLUMN segment_changes.chunk IS 'subscribers.id >> 17: 131,072 consecutive ids.';
COMMENT ON COLUMN segment_changes.changed IS 'The places in the chunk that changed, as Rice-coded gaps; see src/audience/gaps.rs.';

CREATE TABLE history (
    id bigint PRIMARY KEY DEFAULT 1,
    folded_through bigint NOT NULL,
    CONSTRAINT history_has_one_row CHECK (id = 1)
);
COMMENT ON TABLE history IS 'How far back membership can be told.';
COMMENT ON COLUMN history.folded_through IS 'The last refresh whose changes are not kept any more: membership is known since then.';

-- The former table held the same in a longer form, and nothing has ever read it.
INSERT INTO history (folded_through) SELECT coalesce(max(id), 0) FROM refreshes;
DROP TABLE segment_block_changes;

ALTER TABLE refreshes
    ADD COLUMN done_ids bigint NOT NULL DEFAULT 0,
    ADD COLUMN total_ids bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN refreshes.done_ids IS 'How many of the ids have been evaluated so far; also of a run that failed.';
COMMENT ON COLUMN refreshes.total_ids IS 'How many ids there are to evaluate; 0 before the run has begun with them.';
