CREATE TABLE event_names (
    name text COLLATE "C" PRIMARY KEY
);
COMMENT ON TABLE event_names IS 'Every event name that was ever recorded, so that a rule about one that never was can be warned about without reading the events. Written by a trigger; a name stays when its events are deleted.';
INSERT INTO event_names SELECT DISTINCT name FROM event_totals;

-- Totals are inserted once per subscriber and name: far less often than events. The order keeps two transactions with
-- the same new names from waiting for each other.
CREATE FUNCTION note_event_names() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO event_names
    SELECT DISTINCT name FROM inserted WHERE name NOT IN (SELECT name FROM event_names) ORDER BY name
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION note_event_names() IS 'Notes the names of events when the first total of a subscriber is inserted.';
CREATE TRIGGER note_event_names AFTER INSERT ON event_totals
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION note_event_names();
