-- What came with PostgreSQL 16.
CREATE TABLE torture.stored (a text STORAGE EXTERNAL);
SELECT EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS have_icu \gset
\if :have_icu
CREATE COLLATION torture.with_rules (PROVIDER = icu, LOCALE = 'und', RULES = '&V << w <<< W');
\endif
CREATE VIEW torture.of_json AS SELECT JSON_OBJECT('a': 1, 'b': '[]' FORMAT JSON) AS o, '{}' IS JSON OBJECT AS is_object;
CREATE SUBSCRIPTION any_origin CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere' PUBLICATION a
    WITH (connect = false, slot_name = NONE, origin = none, streaming = parallel);
CREATE SUBSCRIPTION as_owner CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere' PUBLICATION a
    WITH (connect = false, slot_name = NONE, run_as_owner = true, password_required = false);
CREATE TABLE torture.json_checked (a text CHECK (a IS JSON OBJECT WITH UNIQUE KEYS), b json DEFAULT JSON_ARRAY(1, NULL NULL ON NULL));
INSERT INTO torture.json_checked VALUES ('{"a": 1}', DEFAULT);
