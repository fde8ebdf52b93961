CREATE INDEX subscribers_by_other_status ON subscribers (status, id) WHERE status <> 'subscribed';
COMMENT ON INDEX subscribers_by_other_status IS 'For counts and lists by status: few subscribers have another status than the usual one, which is what is left.';
