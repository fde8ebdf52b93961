DROP TRIGGER forget_truncated ON groups;
DROP TRIGGER forget_truncated ON subscribers;
DROP TRIGGER forget_deleted ON groups;
DROP TRIGGER forget_deleted ON subscribers;
DROP TRIGGER check_other_subscriber ON event_totals;
DROP TRIGGER check_other_subscriber ON events;
DROP TRIGGER check_other_subscriber ON group_memberships;
DROP TRIGGER check_other_group ON group_memberships;
DROP TRIGGER check_subscribers ON event_totals;
DROP TRIGGER check_subscribers ON events;
DROP TRIGGER check_subscribers ON group_memberships;
DROP TRIGGER check_groups ON group_memberships;
DROP FUNCTION forget_everybody();
DROP FUNCTION forget_groups();
DROP FUNCTION forget_subscribers();
DROP FUNCTION require_read_committed();
DROP FUNCTION refer_to_other_group();
DROP FUNCTION refer_to_other_subscriber();
DROP FUNCTION refer_to_groups();
DROP FUNCTION refer_to_subscribers();

ALTER TABLE group_memberships
    ADD CONSTRAINT group_memberships_group_id_fkey FOREIGN KEY (group_id) REFERENCES groups (id) ON DELETE CASCADE,
    ADD CONSTRAINT group_memberships_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE;
ALTER TABLE events
    ADD CONSTRAINT events_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE;
ALTER TABLE event_totals
    ADD CONSTRAINT event_totals_subscriber_id_fkey FOREIGN KEY (subscriber_id) REFERENCES subscribers (id) ON DELETE CASCADE;

COMMENT ON COLUMN group_memberships.group_id IS NULL;
COMMENT ON COLUMN group_memberships.subscriber_id IS NULL;
COMMENT ON COLUMN events.subscriber_id IS NULL;
COMMENT ON COLUMN event_totals.subscriber_id IS NULL;
