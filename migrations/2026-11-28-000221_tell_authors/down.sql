ALTER TABLE segment_definitions
    DROP CONSTRAINT segment_definitions_author_is_known,
    DROP COLUMN written_by,
    DROP COLUMN written_by_name,
    DROP COLUMN written_by_prefix;
