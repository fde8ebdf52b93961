DROP TRIGGER count_truncated ON segment_blocks;
DROP TRIGGER count_deleted ON segment_blocks;
DROP TRIGGER count_updated ON segment_blocks;
DROP TRIGGER count_inserted ON segment_blocks;
DROP FUNCTION count_segment_members();
DROP TABLE segment_counts;
