COMMENT ON COLUMN group_memberships.source IS 'What added the member: import or api.';
