-- Names that break whoever does not quote.
CREATE SCHEMA "odd ""schema""";
SET search_path TO "odd ""schema""";
DO $do$
DECLARE
    odd text;
    number int := 0;
BEGIN
    FOREACH odd IN ARRAY ARRAY[
        'select', 'user', 'table', 'UPPER', 'it''s', 'a "quoted" one', 'a.b', '"a"."b"', 'a;b', '; DROP TABLE x; --',
        E'new\nline', E'carriage\rreturn', E'tab\ttab', E'back\\slash', E'\\.', E'\n\\.\n', '$$', '$a$', '$1', '%s %I', '{}', '*', '?', 'a*', '-', '--',
        '/* comment */', '-- Name: x; Type: TABLE', E'x\n-- Name: y; Type: TABLE; Schema: public; Owner: -\n', E'x\n\\! true\n', E'x\r\n\\connect nowhere\n',
        '🐘', 'é', E'e\u0301', E'\u202Eleft', ' ', '  a  ', '../../x', '/', '~', 'a=b', '{"a": 1}', E'\x01', ':variable', ':''variable''', '@', '#', 'null', 'NULL', '0', '1e5',
        repeat('x', 63), repeat('é', 31) || 'x', repeat('🐘', 15) || 'abc'] LOOP
        number := number + 1;
        EXECUTE format('CREATE TABLE %I (%I int PRIMARY KEY, %I text DEFAULT %L)', odd, odd, left(odd, 12) || '2', odd);
        EXECUTE format('INSERT INTO %I VALUES (%s)', odd, number);
        EXECUTE format('COMMENT ON TABLE %I IS %L', odd, odd);
        EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', odd, odd, odd);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (%I IS NOT NULL)', odd, left(odd, 12) || ' check', odd);
        EXECUTE format('CREATE VIEW %I AS SELECT %I AS %I FROM %I', left(odd, 12) || ' view', odd, odd, odd);
        EXECUTE format('CREATE SEQUENCE %I', left(odd, 12) || ' sequence');
        EXECUTE format('CREATE FUNCTION %I(%I int) RETURNS int LANGUAGE sql AS %L', odd, odd, 'SELECT 1 -- ' || replace(replace(odd, E'\n', ' '), E'\r', ' '));
        EXECUTE format('CREATE TYPE %I AS ENUM (%L)', left(odd, 12) || ' type', left(odd, 15));
    END LOOP;
END
$do$;
CREATE TABLE "same" (a int);
CREATE TABLE public."same" (a int);
CREATE TABLE "Same" (a int);
INSERT INTO "same" VALUES (1);
INSERT INTO public."same" VALUES (2);
INSERT INTO "Same" VALUES (3);
CREATE SCHEMA E;
CREATE SCHEMA "-- Name: x; Type: SCHEMA";
CREATE TABLE "-- Name: x; Type: SCHEMA"."COPY x (a) FROM stdin;" ("\." text);
INSERT INTO "-- Name: x; Type: SCHEMA"."COPY x (a) FROM stdin;" VALUES (E'\\.'), (E'\\.\nCOPY x FROM stdin;');
RESET search_path;
