DROP VIEW memberships;
DROP VIEW segment_memberships;
DROP FUNCTION segment_has(bigint, bigint);
