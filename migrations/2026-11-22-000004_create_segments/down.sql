DROP TABLE segment_blocks;
DROP TABLE segment_dependencies;
DROP TABLE segment_definitions;
DROP TABLE segments;
