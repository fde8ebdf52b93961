ALTER TABLE segments DROP COLUMN stale_through;
DROP TABLE settings;
