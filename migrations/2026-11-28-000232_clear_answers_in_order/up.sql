-- The statement of a deletion and one that records an attempt locked the same rows in different orders. Now answers go where
-- the deletion gets its place in the log of changes.
DROP TRIGGER subscribers_forget_webhook_answers ON subscribers;
DROP FUNCTION forget_webhook_answers();
COMMENT ON COLUMN webhook_attempts.answer IS 'The beginning of the answer, without what the message said about people. It is removed when a deletion of subscribers gets its place in the table changes.';
