ALTER TABLE refreshes DROP COLUMN done_ids, DROP COLUMN total_ids;

CREATE TABLE segment_block_changes (
    refresh_id bigint NOT NULL REFERENCES refreshes (id) ON DELETE CASCADE,
    segment_id bigint NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    block integer NOT NULL,
    changed bytea NOT NULL,
    PRIMARY KEY (segment_id, block, refresh_id)
);
COMMENT ON TABLE segment_block_changes IS 'Old members XOR new members of a block in a refresh. A first fill has no rows: before it the segment was empty.';
COMMENT ON COLUMN segment_block_changes.changed IS 'Shorter than 1,024 bytes: the changed offsets as ascending 16-bit little-endian numbers; else the whole bitmap.';

DROP TABLE history;
DROP TABLE segment_changes;
