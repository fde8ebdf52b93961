ALTER TABLE groups ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT groups_tags_are_few CHECK (cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL);
ALTER TABLE segments ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT segments_tags_are_few CHECK (cardinality(tags) <= 20 AND array_position(tags, NULL) IS NULL);
COMMENT ON COLUMN groups.tags IS 'Free words for people who look for groups; each once without regard to letter case.';
COMMENT ON COLUMN segments.tags IS 'Free words for people who look for segments; each once without regard to letter case.';
