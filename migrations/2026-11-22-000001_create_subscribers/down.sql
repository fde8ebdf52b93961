DROP TABLE subscriber_deletions;
DROP TABLE custom_fields;
DROP TABLE subscribers;
