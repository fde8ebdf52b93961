DROP TABLE bulk_action_changes;
DROP TABLE bulk_action_people;
DROP TABLE bulk_actions;
COMMENT ON COLUMN group_memberships.source IS 'What added the member: import, api, or the segment that was copied, as segment:KEY or segment:KEY@MOMENT.';
COMMENT ON COLUMN status_changes.source IS 'Where the change came from: api, import ID, undo of import ID, suppression (the status was kept for the address of a deleted subscriber), or sql for everything that does not say.';
