-- What is seldom seen together.

-- Domains over arrays, composites and ranges, and columns of arrays of domains
CREATE DOMAIN torture.few AS int[] CONSTRAINT not_many CHECK (cardinality(VALUE) <= 3 AND 0 <> ALL (VALUE));
CREATE DOMAIN torture.whole_pair AS torture.pair CHECK ((VALUE).a IS NOT NULL);
CREATE DOMAIN torture.days AS daterange DEFAULT 'empty' CHECK (NOT upper_inf(VALUE));
CREATE TABLE torture.of_domains (a torture.few, b torture.whole_pair, c torture.days, d torture.positive[], e torture.few[]);
INSERT INTO torture.of_domains VALUES ('{1,NULL}', ROW(1, 'x', NULL), DEFAULT, '{1,2}', ARRAY['{1}', '{2,3}']::torture.few[]), (NULL, ROW(2, NULL, '{}'), NULL, NULL, NULL);

-- Functions, aggregates, operators and their classes
CREATE FUNCTION torture.overloaded(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION torture.overloaded(text, OUT a int, OUT b text) LANGUAGE sql AS $$SELECT 1, $1$$;
CREATE FUNCTION torture.overloaded(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION torture.as_table(a torture.mood DEFAULT 'o''k') RETURNS TABLE (m torture.mood, "N" int) LANGUAGE sql ROWS 10 AS 'SELECT $1, 1';
CREATE FUNCTION torture.windowed() RETURNS bigint LANGUAGE internal WINDOW IMMUTABLE AS 'window_row_number';
CREATE FUNCTION torture.supported(int, int) RETURNS SETOF int LANGUAGE internal IMMUTABLE STRICT ROWS 100 SUPPORT generate_series_int4_support AS 'generate_series_int4';
CREATE FUNCTION torture.transformed(int) RETURNS int LANGUAGE sql TRANSFORM FOR TYPE int AS 'SELECT $1';
CREATE FUNCTION torture.same_pair(torture.pair, torture.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a = $2.a';
CREATE FUNCTION torture.other_pair(torture.pair, torture.pair) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.a <> $2.a';
CREATE OPERATOR torture.=== (LEFTARG = torture.pair, RIGHTARG = torture.pair, FUNCTION = torture.same_pair,
    COMMUTATOR = OPERATOR(torture.===), NEGATOR = OPERATOR(torture.!==), HASHES, MERGES, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR torture.!== (LEFTARG = torture.pair, RIGHTARG = torture.pair, FUNCTION = torture.other_pair,
    COMMUTATOR = OPERATOR(torture.!==), NEGATOR = OPERATOR(torture.===));
CREATE AGGREGATE torture.hypothetical (VARIADIC "any" ORDER BY VARIADIC "any") (
    SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, FINALFUNC_MODIFY = READ_WRITE, HYPOTHETICAL);
CREATE AGGREGATE torture.least (int) (SFUNC = int4smaller, STYPE = int, SORTOP = OPERATOR(pg_catalog.<), PARALLEL = RESTRICTED);
CREATE OPERATOR CLASS torture.of_ints FOR TYPE int[] USING gin AS OPERATOR 1 && (anyarray, anyarray), OPERATOR 2 @> (anyarray, anyarray),
    FUNCTION 1 btint4cmp(int, int), FUNCTION 2 ginarrayextract(anyarray, internal, internal),
    FUNCTION 3 ginqueryarrayextract(anyarray, internal, int2, internal, internal, internal, internal),
    FUNCTION 4 ginarrayconsistent(internal, int2, anyarray, int4, internal, internal, internal, internal), STORAGE int4;
CREATE FUNCTION torture.pair_order(torture.pair, torture.pair) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.a - $2.a';
CREATE INDEX ON torture.indexed USING gin (c torture.of_ints) WITH (fastupdate = off);

-- A view that stands on a function of its own rows, and views that check what views below them show
CREATE VIEW torture.circle AS SELECT 1 AS a, 'x'::text AS b;
CREATE FUNCTION torture.of_circle() RETURNS SETOF torture.circle LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT 2, 'y'::text; END$$;
CREATE OR REPLACE VIEW torture.circle AS SELECT a, b FROM torture.of_circle();
CREATE VIEW torture.all_checked AS SELECT a, b FROM torture.safe WHERE a > 1 WITH CASCADED CHECK OPTION;
CREATE MATERIALIZED VIEW torture.kept USING heap_again WITH (fillfactor = 50, autovacuum_enabled = false) AS SELECT a, lower(b) AS b FROM torture.indexed WHERE a > 1;
CREATE INDEX kept_a ON torture.kept (a) INCLUDE (b);
ALTER MATERIALIZED VIEW torture.kept CLUSTER ON kept_a;
ALTER MATERIALIZED VIEW torture.kept ALTER b SET STATISTICS 7, ALTER b SET STORAGE EXTERNAL, ALTER a SET (n_distinct = 9);
CREATE STATISTICS public.elsewhere (ndistinct) ON a, b FROM torture.kept;

-- Partitions: by expressions, of foreign tables, with indexes that are put together by hand, with foreign keys both ways
CREATE TABLE torture.by_expression (a int, b text) PARTITION BY RANGE (lower(b) COLLATE "C" text_pattern_ops, (a % 10));
CREATE TABLE torture.by_expression_1 PARTITION OF torture.by_expression FOR VALUES FROM (MINVALUE, MINVALUE) TO ('m', 5);
CREATE TABLE torture.by_expression_2 PARTITION OF torture.by_expression FOR VALUES FROM ('m', 5) TO (MAXVALUE, MAXVALUE) WITH (fillfactor = 30);
INSERT INTO torture.by_expression SELECT n, chr(96 + n % 26) FROM generate_series(1, 100) n;
CREATE FOREIGN TABLE torture.far_part PARTITION OF torture.no_partitions FOR VALUES IN (7) SERVER nowhere OPTIONS (t 'part');
CREATE FOREIGN TABLE torture.far_child (e int CHECK (e > 0)) INHERITS (torture.other_parent) SERVER nowhere;
CREATE USER MAPPING FOR PUBLIC SERVER nowhere OPTIONS (user 'anybody');
CREATE TABLE torture.bills (id int, year int, note text DEFAULT 'parent') PARTITION BY LIST (year);
CREATE TABLE torture.bills_1 PARTITION OF torture.bills (note DEFAULT 'one', CONSTRAINT only_one CHECK (id > 0)) FOR VALUES IN (1);
CREATE TABLE torture.bills_2 (id int NOT NULL, year int NOT NULL, note text);
CREATE UNIQUE INDEX bills_key ON ONLY torture.bills (id, year);
CREATE UNIQUE INDEX bills_1_key ON torture.bills_1 (id, year);
ALTER INDEX torture.bills_key ATTACH PARTITION torture.bills_1_key;
ALTER TABLE torture.bills ATTACH PARTITION torture.bills_2 FOR VALUES IN (2, NULL);
CREATE TABLE torture.lines (bill int, year int, line int, PRIMARY KEY (bill, year, line),
    CONSTRAINT "of a bill" FOREIGN KEY (bill, year) REFERENCES torture.bills (id, year) ON UPDATE CASCADE ON DELETE SET DEFAULT DEFERRABLE) PARTITION BY RANGE (line);
CREATE TABLE torture.lines_1 PARTITION OF torture.lines FOR VALUES FROM (0) TO (10);
CREATE TABLE torture.lines_2 PARTITION OF torture.lines DEFAULT;
INSERT INTO torture.bills VALUES (1, 1), (2, 2);
INSERT INTO torture.lines VALUES (1, 1, 5), (2, 2, 50);
CREATE TRIGGER of_bills AFTER UPDATE ON torture.bills FOR EACH ROW EXECUTE FUNCTION torture.on_row();
ALTER TABLE torture.bills_1 DISABLE TRIGGER of_bills;
ALTER TABLE torture.events DETACH PARTITION torture.events_rest;
ALTER TABLE torture.events ATTACH PARTITION torture.events_rest DEFAULT;

-- Columns: owned sequences, storage, defaults that need functions, columns that children have of their own
CREATE SEQUENCE public.of_elsewhere AS int INCREMENT 5 MINVALUE 5 MAXVALUE 500 CACHE 3 CYCLE;
CREATE FUNCTION public.made_by(int) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'made by ' || $1$$;
CREATE TABLE torture.defaults (a int DEFAULT nextval('public.of_elsewhere'), b text DEFAULT public.made_by(3) || E'\\\n', c text,
    d text COLLATE "POSIX" DEFAULT current_setting('server_version_num', true) || '', e timestamptz DEFAULT now(), f bit(3)[] DEFAULT '{101}');
ALTER SEQUENCE public.of_elsewhere OWNED BY NONE;
ALTER TABLE torture.defaults ALTER c SET STORAGE MAIN, ALTER b SET STORAGE PLAIN, ALTER a SET STATISTICS 0;
INSERT INTO torture.defaults (c, e) VALUES ('c', '2020-01-01 00:00:00+00');
CREATE SEQUENCE torture.late_owner;
ALTER SEQUENCE torture.late_owner OWNED BY torture.defaults.a;
CREATE TABLE torture.heir (LIKE torture.parent INCLUDING ALL, extra int);
ALTER TABLE torture.heir INHERIT torture.parent, ALTER a SET NOT NULL, ALTER a SET DEFAULT 5;
INSERT INTO torture.heir VALUES (9, 'heir', 1);
CREATE TABLE torture.disowned () INHERITS (torture.parent);
ALTER TABLE torture.disowned NO INHERIT torture.parent;
CREATE TABLE torture.grandchild (d int, f int) INHERITS (torture.child);
INSERT INTO torture.grandchild VALUES (4, 'in grandchild', 5, 6, 7);
CREATE TABLE torture.settings (a int) WITH (parallel_workers = 3, autovacuum_freeze_max_age = 100000000, toast_tuple_target = 200, vacuum_truncate = false);

-- Triggers and policies that look around
CREATE CONSTRAINT TRIGGER looks AFTER INSERT OR UPDATE OF a, b ON torture.checked NOT DEFERRABLE FOR EACH ROW WHEN (new.a IS DISTINCT FROM new.b) EXECUTE FUNCTION torture.on_row('a', E'\\', '');
CREATE TRIGGER several BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON torture.checked FOR EACH STATEMENT EXECUTE FUNCTION torture.on_row();
CREATE POLICY looks ON torture.guarded FOR ALL TO cadangkan_torture_reader, cadangkan_torture_writer
    USING (EXISTS (SELECT FROM torture.checked c WHERE c.a = guarded.id)) WITH CHECK (torture.overloaded(id) > 0);
CREATE EVENT TRIGGER of_replicas ON ddl_command_start EXECUTE FUNCTION torture.on_ddl();
ALTER EVENT TRIGGER of_replicas ENABLE REPLICA;
CREATE EVENT TRIGGER of_rewrites ON table_rewrite WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION torture.on_ddl();
ALTER EVENT TRIGGER of_rewrites DISABLE;

-- A comment on everything that had none
COMMENT ON ACCESS METHOD heap_again IS 'an access method';
COMMENT ON COLLATION torture.posix IS 'a collation';
COMMENT ON CONVERSION torture.from_latin IS 'a conversion';
COMMENT ON FOREIGN DATA WRAPPER no_handler IS 'a wrapper';
COMMENT ON SERVER nowhere IS 'a server';
COMMENT ON FOREIGN TABLE torture.far_away IS 'a foreign table';
COMMENT ON COLUMN torture.far_away.b IS 'a foreign column';
COMMENT ON LANGUAGE "pl odd" IS 'a language';
COMMENT ON OPERATOR CLASS torture.reversed USING btree IS 'a class';
COMMENT ON OPERATOR FAMILY torture.numbers USING btree IS 'a family';
COMMENT ON OPERATOR torture.=== (torture.pair, torture.pair) IS 'an operator';
COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'a transform';
COMMENT ON TEXT SEARCH PARSER torture.words IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE torture.plain IS 'a template';
COMMENT ON TEXT SEARCH DICTIONARY torture.stopping IS 'a dictionary';
COMMENT ON SEQUENCE torture.odd_steps IS 'a sequence';
COMMENT ON COLUMN torture.safe.b IS 'a column of a view';
COMMENT ON COLUMN torture.kept.b IS 'a column of a materialized view';
COMMENT ON CONSTRAINT "of a bill" ON torture.lines IS 'a foreign key';
COMMENT ON CONSTRAINT columns_pk ON torture.columns IS 'a primary key';
COMMENT ON INDEX torture.columns_pk IS 'its index';
COMMENT ON AGGREGATE torture.hypothetical(VARIADIC "any" ORDER BY VARIADIC "any") IS 'an odd aggregate';
COMMENT ON FUNCTION torture.overloaded(anyelement, anyarray) IS 'one of three';
