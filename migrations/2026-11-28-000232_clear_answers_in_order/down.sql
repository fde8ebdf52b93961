CREATE FUNCTION forget_webhook_answers() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE webhook_attempts SET answer = NULL WHERE answer IS NOT NULL AND type <> 'webhook.test';
    RETURN NULL;
END;
$$;
COMMENT ON FUNCTION forget_webhook_answers IS 'Removes answers of receivers when subscribers are deleted, since they could hold something of them.';
CREATE TRIGGER subscribers_forget_webhook_answers AFTER DELETE ON subscribers
    FOR EACH STATEMENT EXECUTE FUNCTION forget_webhook_answers();
COMMENT ON COLUMN webhook_attempts.answer IS 'The beginning of the answer, without what the message said about people. A deletion of subscribers removes it.';
