DROP TRIGGER note_event_names ON event_totals;
DROP FUNCTION note_event_names();
DROP TABLE event_names;
