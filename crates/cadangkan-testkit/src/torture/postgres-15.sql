-- What came with PostgreSQL 15.
CREATE TABLE torture.one_null (a int, b int, UNIQUE NULLS NOT DISTINCT (a, b));
INSERT INTO torture.one_null VALUES (NULL, NULL), (1, NULL);
CREATE UNIQUE INDEX one_null_only ON torture.one_null (b) NULLS NOT DISTINCT WHERE a IS NULL;
CREATE VIEW torture.invoker WITH (security_invoker = true) AS SELECT a FROM torture.one_null;
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA torture;
CREATE PUBLICATION filtered FOR TABLE torture.indexed (a, b) WHERE (a > 10 AND b <> 'it''s');
CREATE UNLOGGED SEQUENCE torture.unlogged_steps;
CREATE TABLE torture.set_some (id int PRIMARY KEY, a int, b int DEFAULT 1,
    FOREIGN KEY (a) REFERENCES torture.hen ON DELETE SET NULL (a));
BEGIN;
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;
GRANT SET, ALTER SYSTEM ON PARAMETER work_mem TO cadangkan_torture_reader;
COMMIT;
CREATE PUBLICATION of_both FOR TABLES IN SCHEMA empty, TABLE torture.one_null, torture.published WHERE (a = 1) WITH (publish = 'update', publish_via_partition_root);
CREATE SUBSCRIPTION two_phases CONNECTION 'host=127.0.0.1 port=1 dbname=nowhere password=''a b''' PUBLICATION a
    WITH (connect = false, slot_name = NONE, two_phase = true, disable_on_error = true, binary = true, streaming = true);
CREATE PROCEDURE torture.merges() LANGUAGE sql BEGIN ATOMIC
    MERGE INTO torture.checked c USING torture.hen h ON c.a = h.id
        WHEN MATCHED AND c.b IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET b = h.egg WHEN NOT MATCHED THEN INSERT (a) VALUES (h.id);
END;
CREATE TABLE torture.set_default (a int DEFAULT 1, b int DEFAULT 2, CONSTRAINT some_of_it FOREIGN KEY (a, b) REFERENCES torture.keyed ON DELETE SET DEFAULT (b));
