DROP FUNCTION segments_of(bigint);
