ALTER TABLE segment_refreshes DROP COLUMN evaluation_micros;
