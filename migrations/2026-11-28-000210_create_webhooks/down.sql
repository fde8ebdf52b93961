DROP TRIGGER subscribers_forget_webhook_answers ON subscribers;
DROP FUNCTION forget_webhook_answers;
DROP TABLE webhook_attempts;
DROP TABLE webhooks;
