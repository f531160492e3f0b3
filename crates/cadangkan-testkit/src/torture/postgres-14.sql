-- What came with PostgreSQL 14.
CREATE FUNCTION torture.atomic(a int) RETURNS bigint LANGUAGE sql BEGIN ATOMIC
    SELECT count(*) FROM torture.columns WHERE id > atomic.a;
END;
CREATE PROCEDURE torture.atomic_procedure(IN a int, OUT b int) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO torture.checked VALUES (a, a);
    SELECT a;
END;
CREATE TABLE "values".multiranges (a int4multirange, b nummultirange, c tstzmultirange, d torture.float_multirange);
INSERT INTO "values".multiranges VALUES ('{}', '{}', '{}', '{}'), ('{[1,2),[5,)}', '{(,)}', '{[-infinity,infinity]}', '{[1.5,NaN]}'), (NULL, NULL, NULL, NULL);
CREATE TYPE torture.named_multirange AS RANGE (subtype = date, multirange_type_name = torture."many dates");
CREATE TABLE "values".infinite_numerics (a numeric, b numeric(10));
INSERT INTO "values".infinite_numerics VALUES ('Infinity', NULL), ('-Infinity', 'NaN');
CREATE TABLE torture.compressed (a text COMPRESSION pglz);
INSERT INTO torture.compressed VALUES (repeat('x', 10000));
CREATE STATISTICS torture.of_expressions ON (a % 10), lower(b) FROM torture.indexed;
CREATE TABLE torture.subscripts (a jsonb);
CREATE INDEX ON torture.subscripts ((a['b']));
CREATE VIEW torture.cycles AS
    WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3)
    SEARCH DEPTH FIRST BY n SET ordered CYCLE n SET is_cycle USING way SELECT n, is_cycle FROM t;
CREATE TYPE torture.raw_numbers;
CREATE FUNCTION torture.raw_in(cstring) RETURNS torture.raw_numbers LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION torture.raw_out(torture.raw_numbers) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE torture.raw_numbers (INPUT = torture.raw_in, OUTPUT = torture.raw_out, LIKE = text, PREFERRED = false, COLLATABLE = true);
CREATE PROCEDURE torture.atomic_writes(a int) LANGUAGE sql BEGIN ATOMIC
    INSERT INTO torture.checked (a, b) VALUES (a, NULL) ON CONFLICT DO NOTHING;
    UPDATE torture.checked c SET b = hen.id FROM torture.hen WHERE hen.id = c.a;
    DELETE FROM torture.checked WHERE b IS NULL RETURNING *;
END;
CREATE FUNCTION torture.default_of_atomic(a int DEFAULT torture.atomic(1)::int) RETURNS int LANGUAGE sql RETURN a + 1;
CREATE TABLE torture.uses_atomic (a int GENERATED ALWAYS AS (1) STORED, b int DEFAULT torture.default_of_atomic(3));
