DROP TRIGGER count_truncated ON subscribers;
DROP TRIGGER count_deleted ON subscribers;
DROP TRIGGER count_updated ON subscribers;
DROP TRIGGER count_inserted ON subscribers;
DROP FUNCTION count_subscribers();
DROP TABLE subscriber_counts;
