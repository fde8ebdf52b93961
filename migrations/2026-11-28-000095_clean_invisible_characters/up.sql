-- Invisible characters that texts were not cleaned of before: isolates, invisible operators and fillers.
CREATE FUNCTION pg_temp.cleaned(value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT nullif(btrim(normalize(regexp_replace(value,
        '[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]', '', 'g'))), '')
$$;
UPDATE subscribers SET
    first_name = pg_temp.cleaned(first_name), last_name = pg_temp.cleaned(last_name), phone = pg_temp.cleaned(phone),
    region = pg_temp.cleaned(region), city = pg_temp.cleaned(city), postal_code = pg_temp.cleaned(postal_code),
    source = pg_temp.cleaned(source), custom = pg_temp.cleaned(custom::text)::jsonb
WHERE concat(first_name, last_name, phone, region, city, postal_code, source, custom::text)
    ~ '[\u034f\u061c\u115f\u1160\u180e\u2061-\u206f\u3164\uffa0]';
DROP FUNCTION pg_temp.cleaned(text);
-- The program cleans them after migrating.
INSERT INTO unclean_addresses SELECT id FROM subscribers
WHERE email ~ '[\u034f\u061c\u115f\u1160\u180e\u2061-\u206f\u3164\uffa0]' ON CONFLICT DO NOTHING;
