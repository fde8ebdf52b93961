COMMENT ON COLUMN group_memberships.source IS 'What added the member: import, api, or the segment that was copied, as segment:KEY or segment:KEY@MOMENT.';
