CREATE TABLE oldest_program (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    migration text NOT NULL
);
COMMENT ON TABLE oldest_program IS 'Which programs can work on these tables, one row. Servers are upgraded one by one: those of the previous release go on, and may be started again, after a newer one has migrated.';
COMMENT ON COLUMN oldest_program.migration IS 'Programs that do not know this migration cannot work on these tables. A migration that takes away what older programs use names here a migration of the first release that did not use it any more.';
INSERT INTO oldest_program (migration) VALUES ('20261128000290');
