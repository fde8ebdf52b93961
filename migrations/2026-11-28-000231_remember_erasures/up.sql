CREATE TABLE erased_subscribers (
    hash bytea NOT NULL,
    erased_at timestamptz NOT NULL
);
CREATE INDEX erased_subscribers_by_time ON erased_subscribers USING brin (erased_at) WITH (autosummarize = on);
COMMENT ON TABLE erased_subscribers IS 'Hashes of deleted subscribers, by which a restored backup finds who is to be deleted again. They are kept for ten years, longer than the log of changes, and a restore carries them over. No primary key: rows are looked up by a restore only.';
COMMENT ON COLUMN erased_subscribers.hash IS 'HMAC-SHA-256 of id and created_at, see erasure_hash. Neither is kept.';

-- The keys are arguments and the search path is not set, so that the planner puts the expression in place of a call.
CREATE FUNCTION erasure_hash(inner_key bytea, outer_key bytea, id bigint, created_at timestamptz) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(outer_key || sha256(inner_key || int8send(id) || timestamptz_send(created_at)))
$$;
COMMENT ON FUNCTION erasure_hash(bytea, bytea, bigint, timestamptz) IS 'HMAC-SHA-256 of what names the row of a subscriber: ids alone may be given again after a backup was restored. The keys are those of suppression_key.';

CREATE FUNCTION remember_erased() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO erased_subscribers (hash, erased_at)
    SELECT erasure_hash(inner_key, outer_key, id, created_at), now() FROM former, suppression_key;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION remember_erased() IS 'Remembers deleted subscribers by their hashes, also those that plain SQL deletes.';
CREATE TRIGGER remember_erased AFTER DELETE ON subscribers
    REFERENCING OLD TABLE AS former FOR EACH STATEMENT EXECUTE FUNCTION remember_erased();

INSERT INTO erased_subscribers (hash, erased_at)
SELECT erasure_hash(inner_key, outer_key, subscriber_id, created_at), deleted_at
FROM subscriber_deletions, suppression_key WHERE created_at IS NOT NULL;

COMMENT ON COLUMN audit_log.target_key IS 'The key of a group, segment or custom field, or the prefix of an API key; of entries that a restore lost, their time as FROM/TO.';
