CREATE FUNCTION segment_has(segment_id bigint, subscriber_id bigint) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN COALESCE((
    SELECT get_bit(b.members, segment_has.subscriber_id & 8191) = 1
    FROM segment_blocks b
    WHERE b.block = (segment_has.subscriber_id >> 13)::integer AND b.segment_id = segment_has.segment_id
), false);
COMMENT ON FUNCTION segment_has(bigint, bigint) IS 'Whether the subscriber is a member of the segment.';

CREATE VIEW segment_memberships AS
SELECT b.segment_id, (b.block::bigint << 13) + bit.number AS subscriber_id
FROM segment_blocks b
CROSS JOIN LATERAL generate_series(0, 8191) AS bit (number)
WHERE get_bit(b.members, bit.number) = 1;
COMMENT ON VIEW segment_memberships IS 'Membership of segments as plain rows, for joins.';

CREATE VIEW memberships AS
SELECT 'group' AS kind, g.group_id, NULL::bigint AS segment_id, g.subscriber_id FROM group_memberships g
UNION ALL
SELECT 'segment', NULL::bigint, s.segment_id, s.subscriber_id FROM segment_memberships s;
COMMENT ON VIEW memberships IS 'Membership of groups and segments as plain rows, for joins.';
