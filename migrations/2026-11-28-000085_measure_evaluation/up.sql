ALTER TABLE segment_refreshes ADD COLUMN evaluation_micros bigint;
COMMENT ON COLUMN segment_refreshes.evaluation_micros IS 'How long evaluating the conditions of the rule took, in microseconds of all workers together. A condition that several rules share counts for each. Null if the rule was not evaluated, or by a version that did not measure it.';
