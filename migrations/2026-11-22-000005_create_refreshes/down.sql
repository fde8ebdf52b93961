DROP TABLE schedules;
DROP TABLE segment_block_changes;
DROP TABLE segment_refreshes;
DROP TABLE refreshes;
