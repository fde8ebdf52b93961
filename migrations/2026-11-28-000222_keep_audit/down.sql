DELETE FROM settings WHERE key = 'keep_audit';
ALTER TABLE settings DROP CONSTRAINT settings_key_is_known,
    ADD CONSTRAINT settings_key_is_known CHECK (key IN ('time_zone', 'refresh_at', 'keep_changes', 'keep_undo'));
COMMENT ON COLUMN settings.key IS NULL;
