-- What came with PostgreSQL 17.
CREATE TABLE torture.identity_parts (id int GENERATED ALWAYS AS IDENTITY (START WITH 50), a int) PARTITION BY LIST (a);
CREATE TABLE torture.identity_parts_1 PARTITION OF torture.identity_parts FOR VALUES IN (1);
INSERT INTO torture.identity_parts (a) VALUES (1), (1);
CREATE TABLE torture.excluding_parts (a int4range, EXCLUDE USING gist (a WITH =, a WITH &&)) PARTITION BY RANGE (a);
CREATE TABLE "values".infinite_intervals (a interval);
INSERT INTO "values".infinite_intervals VALUES ('infinity'), ('-infinity');
CREATE COLLATION torture.builtin (PROVIDER = builtin, LOCALE = 'C.UTF-8');
GRANT MAINTAIN ON torture.indexed TO cadangkan_torture_reader;
CREATE TABLE torture.parts_of_other_heap (a int) PARTITION BY LIST (a) USING heap_again;
CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION torture.on_ddl();
ALTER EVENT TRIGGER on_login DISABLE;
CREATE VIEW torture.of_json_table AS
    SELECT * FROM JSON_TABLE('[{"a": 1}]', '$[*]' COLUMNS (n FOR ORDINALITY, a int PATH '$.a')) AS t;
CREATE SUBSCRIPTION fails_over CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere' PUBLICATION a
    WITH (connect = false, slot_name = NONE, failover = true);
CREATE FUNCTION torture.merged() RETURNS SETOF torture.checked LANGUAGE sql BEGIN ATOMIC
    MERGE INTO torture.checked c USING torture.hen h ON c.a = h.id WHEN NOT MATCHED BY SOURCE THEN DELETE RETURNING c.*;
END;
CREATE EVENT TRIGGER on_login_of_all ON login EXECUTE FUNCTION torture.on_ddl();
CREATE STATISTICS torture.of_parts (mcv) ON id, a FROM torture.identity_parts;
ALTER STATISTICS torture.of_parts SET STATISTICS 17;
CREATE VIEW torture.of_json_functions AS
    SELECT JSON_QUERY(jsonb '{"a": [1]}', '$.a' WITH WRAPPER) AS q, JSON_VALUE(jsonb '{"a": 1}', '$.a' RETURNING int DEFAULT 7 ON EMPTY) AS v, JSON_EXISTS(jsonb '{}', 'strict $.a' TRUE ON ERROR) AS e;
