ALTER TABLE segment_definitions
    ADD COLUMN written_by text,
    ADD COLUMN written_by_name text,
    ADD COLUMN written_by_prefix text,
    ADD CONSTRAINT segment_definitions_author_is_known
        CHECK (written_by IN ('api_key', 'session', 'command_line', 'system', 'nobody'));
COMMENT ON COLUMN segment_definitions.written_by IS 'Who wrote the version, as audit_log.actor; null for versions from before there was an audit log.';
COMMENT ON COLUMN segment_definitions.written_by_name IS 'As audit_log.actor_name.';
COMMENT ON COLUMN segment_definitions.written_by_prefix IS 'As audit_log.api_key_prefix.';
