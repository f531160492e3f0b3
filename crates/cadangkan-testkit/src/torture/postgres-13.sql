-- What came with PostgreSQL 13.
CREATE TABLE "values".identifiers_8 (a xid8, b pg_snapshot);
INSERT INTO "values".identifiers_8 VALUES ('0', '1:1:'), ('18446744073709551615', '10:20:10,14');
CREATE TABLE torture.published (a int, b int) PARTITION BY LIST (a);
CREATE TABLE torture.published_1 PARTITION OF torture.published FOR VALUES IN (1);
CREATE PUBLICATION through_root FOR TABLE torture.published WITH (publish_via_partition_root = true);
CREATE FUNCTION torture.compatible(anycompatible, anycompatiblearray) RETURNS anycompatible LANGUAGE sql AS 'SELECT $1';
CREATE INDEX no_duplicates ON torture.indexed (a) WITH (deduplicate_items = off);
ALTER STATISTICS torture.together SET STATISTICS 400;
CREATE TABLE torture.stored_expression (a int, b int GENERATED ALWAYS AS (a + 1) STORED);
ALTER TABLE torture.stored_expression ALTER b DROP EXPRESSION;
INSERT INTO torture.stored_expression VALUES (1, 100);
