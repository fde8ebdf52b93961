DROP TABLE event_totals;
DROP TABLE events;
