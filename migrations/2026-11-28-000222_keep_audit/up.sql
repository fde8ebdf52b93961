ALTER TABLE settings DROP CONSTRAINT settings_key_is_known,
    ADD CONSTRAINT settings_key_is_known CHECK (key ~ '^[a-z]+(_[a-z]+)*$');
COMMENT ON COLUMN settings.key IS 'A name that the program knows; see src/audience/setting.rs.';
