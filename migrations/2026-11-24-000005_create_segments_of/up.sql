CREATE FUNCTION segments_of(subscriber_id bigint) RETURNS SETOF bigint
LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT b.segment_id
    FROM segment_blocks b
    WHERE b.block = (segments_of.subscriber_id >> 13)::integer
        AND get_bit(b.members, segments_of.subscriber_id & 8191) = 1;
END;
COMMENT ON FUNCTION segments_of(bigint) IS 'The ids of the segments that the subscriber is a member of. The view segment_memberships answers the other way round: who is in a segment.';
