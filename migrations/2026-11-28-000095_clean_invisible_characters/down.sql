-- What was cleaned stays clean.
SELECT 1;
