-- Every kind of object that PostgreSQL 12 knows. Loaded by psql with ON_ERROR_STOP; the parts for newer versions follow.
SELECT
    EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i') AS have_icu,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hstore') AS have_hstore,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') AS have_pg_trgm,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'uuid-ossp') AS have_uuid_ossp,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgcrypto') AS have_pgcrypto,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') AS have_citext,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw') AS have_postgres_fdw,
    EXISTS (SELECT FROM pg_available_extensions WHERE name = 'file_fdw') AS have_file_fdw
\gset

-- Schemas and extensions
CREATE SCHEMA torture AUTHORIZATION cadangkan_torture_owner;
CREATE SCHEMA extensions;
CREATE SCHEMA empty;
COMMENT ON SCHEMA torture IS E'everything, with a ''quote''\nand a second line';
COMMENT ON SCHEMA public IS NULL;
\if :have_hstore
CREATE EXTENSION hstore SCHEMA extensions;
COMMENT ON EXTENSION hstore IS 'changed by us';
CREATE TABLE torture.with_hstore (id int PRIMARY KEY, v extensions.hstore);
INSERT INTO torture.with_hstore VALUES (1, ''), (2, '"a b"=>"c\"d", n=>NULL'), (3, NULL);
CREATE INDEX ON torture.with_hstore USING gin (v);
\endif
\if :have_pg_trgm
CREATE EXTENSION pg_trgm SCHEMA public;
\endif
\if :have_uuid_ossp
CREATE EXTENSION "uuid-ossp" SCHEMA extensions;
CREATE TABLE torture.with_uuid (id uuid DEFAULT extensions.uuid_nil() PRIMARY KEY);
INSERT INTO torture.with_uuid DEFAULT VALUES;
\endif
\if :have_pgcrypto
CREATE EXTENSION pgcrypto SCHEMA extensions;
REVOKE EXECUTE ON FUNCTION extensions.gen_random_bytes(int) FROM PUBLIC;
\endif
\if :have_citext
CREATE EXTENSION citext SCHEMA public;
CREATE TABLE torture.with_citext (id int, v citext UNIQUE);
INSERT INTO torture.with_citext VALUES (1, 'Straße'), (2, 'A'), (3, NULL);
\endif

-- Types
CREATE TYPE torture.mood AS ENUM ('sad', 'o''k', '', 'with "quotes"', 'with, comma', 'ünï 🐘');
ALTER TYPE torture.mood ADD VALUE 'second' AFTER 'sad';
CREATE TYPE torture.nothing AS ENUM ();
CREATE TYPE torture.pair AS (a int, b text, "Odd ""c""" numeric(5, 2)[]);
CREATE TYPE torture.empty_pair AS ();
CREATE TYPE torture.shell;
CREATE TYPE torture.nested AS (p torture.pair, m torture.mood[]);
CREATE DOMAIN torture.positive AS int CONSTRAINT above_zero CHECK (VALUE > 0);
CREATE DOMAIN torture.even AS torture.positive DEFAULT 2 NOT NULL CHECK (VALUE % 2 = 0);
ALTER DOMAIN torture.even ADD CONSTRAINT small CHECK (VALUE < 1000) NOT VALID;
CREATE DOMAIN torture.label AS varchar(20) COLLATE "C" DEFAULT 'it''s';
COMMENT ON DOMAIN torture.even IS 'divided by two';
COMMENT ON CONSTRAINT above_zero ON DOMAIN torture.positive IS 'of a domain';
COMMENT ON TYPE torture.mood IS 'how it is';
COMMENT ON COLUMN torture.pair.b IS 'a column of a type';
CREATE FUNCTION torture.float_distance(double precision, double precision) RETURNS double precision
    LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $2 - $1';
CREATE TYPE torture.float_range AS RANGE (subtype = double precision, subtype_diff = torture.float_distance);
CREATE TYPE torture.secret;
CREATE FUNCTION torture.secret_in(cstring) RETURNS torture.secret LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION torture.secret_out(torture.secret) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE torture.secret
    (INPUT = torture.secret_in, OUTPUT = torture.secret_out, LIKE = text, CATEGORY = 'U', DELIMITER = '|');

-- Functions in every language at hand
CREATE FUNCTION torture.add(a int, b int DEFAULT 1 + 1, VARIADIC more int[] DEFAULT '{}') RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE LEAKPROOF COST 7 AS $$SELECT a + b + cardinality(more)$$;
CREATE FUNCTION torture.rows(OUT n int, OUT "Odd name" text) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 3 AS $$VALUES (1, 'a'), (2, 'b''c')$$;
CREATE FUNCTION torture.looks_like_a_dump(text) RETURNS text LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET work_mem = '5MB' AS $body$
--
-- Name: victim; Type: TABLE; Schema: public; Owner: postgres
--
-- Data for Name: victim; Type: TABLE DATA; Schema: public; Owner: -
DECLARE
    x text := 'COPY public.victim (a) FROM stdin;
1
\.
';
BEGIN
    -- COPY victim FROM stdin;
    -- TOC entry 1 (class 1259 OID 1)
    RETURN x || $1 || $inner$ SELECT pg_catalog.setval('victim', 1, true); \connect nowhere $inner$;
END;
/*
\.
*/
$body$;
SELECT set_config('check_function_bodies', 'off', false) AS off \gset
CREATE FUNCTION torture.broken() RETURNS int LANGUAGE sql AS 'SELECT a FROM torture.does_not_exist';
RESET check_function_bodies;
CREATE PROCEDURE torture.do_nothing(INOUT a text) LANGUAGE plpgsql AS $$BEGIN a := a || E'\n'; END$$;
-- Not with the handlers in pg_catalog: pg_dump leaves those to the extension that has them.
CREATE FUNCTION torture.odd_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION torture.odd_inline(internal) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION torture.odd_check(oid) RETURNS void LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE "pl odd" HANDLER torture.odd_call INLINE torture.odd_inline VALIDATOR torture.odd_check;
CREATE FUNCTION torture.odd() RETURNS void LANGUAGE "pl odd" AS $$BEGIN END$$;
CREATE TRANSFORM FOR int LANGUAGE sql
    (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
COMMENT ON FUNCTION torture.add(int, int, int[]) IS 'adds';
COMMENT ON PROCEDURE torture.do_nothing(text) IS 'does nothing';

-- Aggregates, operators, classes, casts
CREATE AGGREGATE torture.total (int) (
    SFUNC = int4pl, STYPE = int, INITCOND = '0', COMBINEFUNC = int4pl, PARALLEL = SAFE,
    MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, MINITCOND = '0');
CREATE AGGREGATE torture.middle (double precision ORDER BY double precision) (
    SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_cont_float8_final);
COMMENT ON AGGREGATE torture.total(int) IS 'sums';
CREATE FUNCTION torture.pair_less(torture.pair, torture.pair) RETURNS bool
    LANGUAGE sql IMMUTABLE AS 'SELECT $1.a < $2.a';
CREATE OPERATOR torture.<<< (LEFTARG = torture.pair, RIGHTARG = torture.pair, FUNCTION = torture.pair_less,
    COMMUTATOR = OPERATOR(torture.>>>), RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR torture.>>> (LEFTARG = torture.pair, RIGHTARG = torture.pair, FUNCTION = torture.pair_less,
    COMMUTATOR = OPERATOR(torture.<<<));
CREATE OPERATOR torture.!# (RIGHTARG = int, FUNCTION = int4abs);
COMMENT ON OPERATOR torture.!# (NONE, int) IS 'prefix';
CREATE OPERATOR FAMILY torture.numbers USING btree;
CREATE OPERATOR CLASS torture.reversed FOR TYPE int USING btree FAMILY torture.numbers AS
    OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);
ALTER OPERATOR FAMILY torture.numbers USING btree ADD
    OPERATOR 1 > (int8, int4), FUNCTION 1 (int8, int4) btint84cmp(int8, int4);
CREATE FUNCTION torture.to_pair(int) RETURNS torture.pair LANGUAGE sql IMMUTABLE AS $$SELECT ROW($1, '', NULL)::torture.pair$$;
CREATE CAST (int AS torture.pair) WITH FUNCTION torture.to_pair(int) AS ASSIGNMENT;
CREATE CAST (torture.secret AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (torture.mood AS torture.secret) WITH INOUT;
COMMENT ON CAST (int AS torture.pair) IS 'to a pair';

-- Collations, conversions, text search, access methods
CREATE COLLATION torture.posix (LOCALE = 'C');
CREATE COLLATION torture.copied FROM "C";
\if :have_icu
CREATE COLLATION torture.numeric_first (PROVIDER = icu, LOCALE = 'en-u-kn-true');
CREATE COLLATION torture.no_case (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TABLE torture.collated (a text COLLATE torture.no_case PRIMARY KEY, b text COLLATE torture.numeric_first);
INSERT INTO torture.collated VALUES ('Ä', 'a10'), ('b', 'a9');
\endif
CREATE DEFAULT CONVERSION torture.from_latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE TEXT SEARCH PARSER torture.words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
    LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE torture.plain (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY torture.stopping (TEMPLATE = torture.plain, STOPWORDS = 'english');
CREATE TEXT SEARCH DICTIONARY torture.stemmed (TEMPLATE = snowball, LANGUAGE = 'german');
CREATE TEXT SEARCH CONFIGURATION torture.search (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION torture.search ALTER MAPPING FOR asciiword, word WITH torture.stopping, torture.stemmed;
CREATE TEXT SEARCH CONFIGURATION torture.own_parser (PARSER = torture.words);
COMMENT ON TEXT SEARCH CONFIGURATION torture.search IS 'searches';
CREATE ACCESS METHOD heap_again TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE torture.other_heap (a int) USING heap_again;
INSERT INTO torture.other_heap SELECT generate_series(1, 10);

-- Foreign data, publications, subscriptions
CREATE FOREIGN DATA WRAPPER no_handler OPTIONS (quoted 'it''s');
CREATE SERVER nowhere TYPE 'odd' VERSION '1.0' FOREIGN DATA WRAPPER no_handler OPTIONS (host 'a "host"');
CREATE USER MAPPING FOR cadangkan_torture_reader SERVER nowhere OPTIONS (user 'u', password 'not a real one');
CREATE FOREIGN TABLE torture.far_away (a int OPTIONS (column_name 'x y'), b text NOT NULL) SERVER nowhere OPTIONS (t 'z');
ALTER FOREIGN DATA WRAPPER no_handler OWNER TO postgres;
\if :have_postgres_fdw
CREATE EXTENSION postgres_fdw;
CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1', dbname 'nothing');
CREATE FOREIGN TABLE torture.unreachable (a int) SERVER loopback;
\endif
\if :have_file_fdw
CREATE EXTENSION file_fdw SCHEMA extensions;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE torture.no_file (a text) SERVER files OPTIONS (filename 'no such file', format 'csv');
\endif
CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE SUBSCRIPTION "to ""nowhere""" CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere' PUBLICATION a, "B c"
    WITH (connect = false, slot_name = NONE, synchronous_commit = 'off');
COMMENT ON SUBSCRIPTION "to ""nowhere""" IS 'goes nowhere';
COMMENT ON PUBLICATION everything IS 'all of it';

-- Event triggers
CREATE FUNCTION torture.on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN PERFORM 1; END$$;
CREATE EVENT TRIGGER watches ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE') EXECUTE FUNCTION torture.on_ddl();
CREATE EVENT TRIGGER "sleeps ""now""" ON sql_drop EXECUTE FUNCTION torture.on_ddl();
ALTER EVENT TRIGGER "sleeps ""now""" DISABLE;
COMMENT ON EVENT TRIGGER watches IS 'watches';
