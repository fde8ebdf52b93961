DROP TRIGGER remember_erased ON subscribers;
DROP FUNCTION remember_erased();
DROP FUNCTION erasure_hash(bytea, bytea, bigint, timestamptz);
DROP TABLE erased_subscribers;
