-- Change rows keep the bare id of a deleted subscriber, so that counts of the past still add up.
ALTER TABLE instant_changes DROP CONSTRAINT instant_changes_subscriber_id_fkey;

CREATE TABLE segment_deletions (
    id bigint PRIMARY KEY,
    segment_id bigint NOT NULL REFERENCES segments (id) ON DELETE CASCADE,
    chunk integer NOT NULL,
    deleted_at timestamptz NOT NULL,
    refresh_id bigint NOT NULL,
    number integer NOT NULL,
    deleted bytea NOT NULL
);
ALTER TABLE segment_deletions ALTER COLUMN deleted SET STORAGE EXTERNAL;
COMMENT ON TABLE segment_deletions IS 'Members of a segment who were deleted: bare ids, kept as long as the changes of segments.';
COMMENT ON COLUMN segment_deletions.id IS 'Drawn from the sequence of instant_changes.id, so that both tables have one order.';
COMMENT ON COLUMN segment_deletions.chunk IS 'subscribers.id >> 17: 131,072 consecutive ids.';
COMMENT ON COLUMN segment_deletions.refresh_id IS 'The last refresh that had written its members by then: the deletion comes after it and before the next.';
COMMENT ON COLUMN segment_deletions.number IS 'How many ids there are in deleted.';
COMMENT ON COLUMN segment_deletions.deleted IS 'The places in the chunk of the deleted members, as Rice-coded gaps; see src/audience/gaps.rs.';
CREATE INDEX segment_deletions_by_place ON segment_deletions (segment_id, refresh_id, id);

DO $$ BEGIN
    EXECUTE format('ALTER TABLE segment_deletions ALTER COLUMN id SET DEFAULT nextval(%L)',
        pg_get_serial_sequence('instant_changes', 'id'));
END $$;

DROP INDEX instant_changes_by_segment;
CREATE INDEX instant_changes_by_place ON instant_changes (segment_id, refresh_id, id);
COMMENT ON TABLE instant_changes IS 'Who joined or left an instant segment between refreshes; of deleted subscribers the bare id.';

-- Restored backups repeat ids. A token tells whether an id still names the same row.
ALTER TABLE refreshes ADD COLUMN token bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint;
ALTER TABLE instant_changes ADD COLUMN token bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint;
ALTER TABLE segment_deletions ADD COLUMN token bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint;
ALTER TABLE history ADD COLUMN token bigint NOT NULL DEFAULT (random() * 9007199254740991)::bigint;
COMMENT ON COLUMN refreshes.token IS 'Random. Positions and cursors carry it, so that those of another database or of a restored backup are noticed.';
COMMENT ON COLUMN instant_changes.token IS 'Random, as refreshes.token.';
COMMENT ON COLUMN segment_deletions.token IS 'Random, as refreshes.token.';
COMMENT ON COLUMN history.token IS 'Random: stands for the time before the first refresh, as refreshes.token for that after one.';

ALTER TABLE subscriber_deletions ADD COLUMN refresh_id bigint;
UPDATE subscriber_deletions SET refresh_id = coalesce((SELECT max(id) FROM refreshes WHERE state = 'succeeded'), 0);
CREATE INDEX subscriber_deletions_by_refresh ON subscriber_deletions (refresh_id);
COMMENT ON TABLE subscriber_deletions IS 'Ids of deleted subscribers, written by a trigger and kept as long as the changes of segments. A refresh whose snapshot still saw one leaves it out.';
COMMENT ON COLUMN subscriber_deletions.refresh_id IS 'The last refresh that had written its members when the subscriber was taken out of the segments; null while that is to be done, after a deletion in plain SQL.';

CREATE FUNCTION note_deletions() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO subscriber_deletions (subscriber_id, deleted_at) SELECT id, now() FROM deleted ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_deletions() IS 'Notes deleted subscribers, also those that plain SQL deletes.';
CREATE TRIGGER note_deleted AFTER DELETE ON subscribers
    REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION note_deletions();

ALTER TABLE segment_refreshes
    ADD COLUMN joined_between bigint NOT NULL DEFAULT 0,
    ADD COLUMN left_between bigint NOT NULL DEFAULT 0,
    ADD COLUMN deleted bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN segment_refreshes.joined IS 'How many this refresh found to have joined.';
COMMENT ON COLUMN segment_refreshes."left" IS 'How many this refresh found to have left.';
COMMENT ON COLUMN segment_refreshes.joined_between IS 'How many joins there were between the previous refresh of the segment and this one.';
COMMENT ON COLUMN segment_refreshes.left_between IS 'How many leaves there were between the previous refresh of the segment and this one.';
COMMENT ON COLUMN segment_refreshes.deleted IS 'How many members were deleted between the refresh of the segment before this one and this one. member_count is that of the refresh before + joined + joined_between - left - left_between - deleted.';

WITH r AS (
    SELECT segment_id, refresh_id, lag(refresh_id, 1, 0::bigint) OVER earlier AS previous,
        member_count - lag(member_count, 1, 0::bigint) OVER earlier - joined + "left" AS unexplained
    FROM segment_refreshes WINDOW earlier AS (PARTITION BY segment_id ORDER BY refresh_id)
), between_refreshes AS (
    SELECT r.segment_id, r.refresh_id, r.unexplained,
        count(*) FILTER (WHERE c.joined) AS joined, count(*) FILTER (WHERE NOT c.joined) AS "left"
    FROM r LEFT JOIN instant_changes c
        ON c.segment_id = r.segment_id AND c.refresh_id >= r.previous AND c.refresh_id < r.refresh_id
    GROUP BY r.segment_id, r.refresh_id, r.unexplained
)
-- What the rows do not explain are deletions, of which nothing was kept so far.
UPDATE segment_refreshes s SET
    joined_between = b.joined + greatest(b.unexplained - b.joined + b."left", 0),
    left_between = b."left",
    deleted = greatest(b.joined - b."left" - b.unexplained, 0)
FROM between_refreshes b WHERE s.segment_id = b.segment_id AND s.refresh_id = b.refresh_id;
