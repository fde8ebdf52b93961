-- The same data as hand-written servers keep it: a row for each membership, with an index for each direction.
CREATE SCHEMA peer;

CREATE TABLE peer.people AS
SELECT id, email, upper(status) AS status, first_name, country, city, language, birthday, custom, created_at FROM subscribers;
ALTER TABLE peer.people ADD PRIMARY KEY (id), ADD UNIQUE (email), ALTER status SET NOT NULL, ALTER custom SET NOT NULL;

-- Numbered by key, which is the order of lists.
CREATE TABLE peer.groups AS
SELECT row_number() OVER (ORDER BY key) AS id, key, name FROM groups;
ALTER TABLE peer.groups ADD PRIMARY KEY (id), ADD UNIQUE (key), ALTER name SET NOT NULL;

CREATE TABLE peer.group_memberships AS
SELECT p.id AS group_id, m.subscriber_id AS person_id, m.added_at
FROM group_memberships m JOIN groups g ON g.id = m.group_id JOIN peer.groups p ON p.key = g.key;
ALTER TABLE peer.group_memberships ADD PRIMARY KEY (group_id, person_id), ALTER added_at SET NOT NULL,
    ADD FOREIGN KEY (group_id) REFERENCES peer.groups, ADD FOREIGN KEY (person_id) REFERENCES peer.people;
CREATE INDEX ON peer.group_memberships (person_id, group_id) INCLUDE (added_at);

-- Counts change in refreshes alone, which write them.
CREATE TABLE peer.segments AS
SELECT s.id, s.key, s.name, s.rule,
    coalesce((SELECT sum(bit_count(b.members)) FROM segment_blocks b WHERE b.segment_id = s.id), 0)::integer AS member_count
FROM segments s;
ALTER TABLE peer.segments ADD PRIMARY KEY (id), ADD UNIQUE (key), ALTER name SET NOT NULL, ALTER member_count SET NOT NULL;

CREATE TABLE peer.segment_memberships AS
SELECT b.segment_id, s.id AS person_id
FROM segment_blocks b JOIN subscribers s ON (s.id >> 13)::integer = b.block WHERE get_bit(b.members, s.id & 8191) = 1;
ALTER TABLE peer.segment_memberships ADD PRIMARY KEY (segment_id, person_id),
    ADD FOREIGN KEY (segment_id) REFERENCES peer.segments, ADD FOREIGN KEY (person_id) REFERENCES peer.people;
CREATE INDEX ON peer.segment_memberships (person_id, segment_id);

CREATE TABLE peer.refreshes AS SELECT id, as_of FROM refreshes;
ALTER TABLE peer.refreshes ADD PRIMARY KEY (id), ALTER as_of SET NOT NULL;
CREATE TABLE peer.segment_refreshes AS SELECT segment_id, refresh_id, member_count::integer FROM segment_refreshes;
ALTER TABLE peer.segment_refreshes ADD PRIMARY KEY (segment_id, refresh_id), ALTER member_count SET NOT NULL,
    ADD FOREIGN KEY (segment_id) REFERENCES peer.segments, ADD FOREIGN KEY (refresh_id) REFERENCES peer.refreshes;
CREATE INDEX ON peer.segment_refreshes (refresh_id);

-- For PostGraphile: fields that are more than a column or a reference.
CREATE FUNCTION peer.people_is_member(person peer.people, segment text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM peer.segment_memberships m JOIN peer.segments s ON s.id = m.segment_id
        WHERE m.person_id = person.id AND s.key = segment)
$$;
CREATE FUNCTION peer.segments_members(segment peer.segments) RETURNS SETOF peer.people LANGUAGE sql STABLE AS $$
    SELECT p.* FROM peer.people p JOIN peer.segment_memberships m ON m.person_id = p.id
    WHERE m.segment_id = segment.id ORDER BY p.email
$$;
CREATE FUNCTION peer.add_to_group(group_key text, emails text[]) RETURNS integer LANGUAGE sql VOLATILE AS $$
    WITH added AS (
        INSERT INTO peer.group_memberships (group_id, person_id, added_at)
        SELECT g.id, p.id, now() FROM peer.groups g, peer.people p WHERE g.key = group_key AND p.email = ANY (emails)
        ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*)::integer FROM added
$$;
