ALTER TABLE segment_refreshes DROP COLUMN joined_between, DROP COLUMN left_between, DROP COLUMN deleted;
COMMENT ON COLUMN segment_refreshes.joined IS NULL;
COMMENT ON COLUMN segment_refreshes."left" IS NULL;
DROP TRIGGER note_deleted ON subscribers;
DROP FUNCTION note_deletions();
DELETE FROM subscriber_deletions
    WHERE refresh_id < coalesce((SELECT max(id) FROM refreshes WHERE state = 'succeeded'), 0);
ALTER TABLE subscriber_deletions DROP COLUMN refresh_id;
COMMENT ON TABLE subscriber_deletions IS 'Ids of subscribers deleted since the last refresh finished. A refresh whose snapshot still saw one clears its bits; then the rows go.';
ALTER TABLE history DROP COLUMN token;
ALTER TABLE instant_changes DROP COLUMN token;
ALTER TABLE refreshes DROP COLUMN token;
-- What is kept of deleted subscribers cannot be told in the old form: the past is known from here on.
DELETE FROM segment_changes;
UPDATE history SET folded_through = coalesce((SELECT max(id) FROM refreshes WHERE state = 'succeeded'), 0);
DELETE FROM instant_changes;
DROP TABLE segment_deletions;
DROP INDEX instant_changes_by_place;
CREATE INDEX instant_changes_by_segment ON instant_changes (segment_id, id);
ALTER TABLE instant_changes
    ADD FOREIGN KEY (subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE;
COMMENT ON TABLE instant_changes IS 'Who joined or left an instant segment between refreshes.';
