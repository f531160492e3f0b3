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
