DROP TRIGGER remember_erased ON subscribers;
DROP FUNCTION remember_erased();
DROP FUNCTION erasure_hash(bytea, bytea, bigint, timestamptz);
DROP TABLE erased_subscribers;
COMMENT ON COLUMN audit_log.target_key IS 'The key of a group, segment or custom field, or the prefix of an API key.';
