CREATE TABLE settings (
    key text PRIMARY KEY,
    value text NOT NULL,
    CONSTRAINT settings_key_is_known CHECK (key IN ('time_zone', 'refresh_at', 'keep_changes', 'keep_undo'))
);
COMMENT ON TABLE settings IS 'What gives rules their meaning, and for how long changes are kept: the same for every server and command. The first start writes the rows.';

ALTER TABLE segments ADD COLUMN stale_through bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN segments.stale_through IS 'The last refresh that may have used an earlier time zone: members of it and of older refreshes are pending. 0 if the time zone never changed.';
