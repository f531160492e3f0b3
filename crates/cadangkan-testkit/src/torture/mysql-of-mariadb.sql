-- What MariaDB alone has, from version 10.11 on.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO';

-- Types
CREATE TABLE of_mariadb (id uuid PRIMARY KEY, four inet4, six inet6, j json CHECK (JSON_VALID(j)), n bigint DEFAULT (7 * 6));
INSERT INTO of_mariadb VALUES ('00000000-0000-0000-0000-000000000000', '0.0.0.0', '::', '[1]', 1),
    ('ffffffff-ffff-ffff-ffff-ffffffffffff', '255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', NULL, 2),
    ('123e4567-e89b-12d3-a456-426655440000', '127.0.0.1', '::ffff:192.0.2.1', '"ü"', 3);
CREATE TABLE packed (id int PRIMARY KEY, a text COMPRESSED, b blob COMPRESSED DEFAULT '', c varchar(500) COMPRESSED);
INSERT INTO packed VALUES (1, REPEAT('packed ü ', 1000), REPEAT(0xFF00, 1000), REPEAT('c', 500)), (2, NULL, NULL, NULL);
CREATE TABLE packed_pages (id int PRIMARY KEY, a text) PAGE_COMPRESSED = 1 PAGE_COMPRESSION_LEVEL = 5;
INSERT INTO packed_pages VALUES (1, REPEAT('pages ', 1000));
CREATE TABLE in_a_system (id int PRIMARY KEY, g point REF_SYSTEM_ID = 4326);
INSERT INTO in_a_system VALUES (1, ST_GeomFromText('POINT(1 2)', 4326));
CREATE TABLE ignored (a int, b text, KEY seen (a), KEY unseen (a) IGNORED, UNIQUE KEY by_hash (b) USING HASH);
INSERT INTO ignored VALUES (1, 'a'), (2, REPEAT('b', 5000)), (3, NULL);
CREATE TABLE persistent (a int, b int AS (a * 2) PERSISTENT, c int AS (a * 3) VIRTUAL INVISIBLE);
INSERT INTO persistent (a) VALUES (1), (NULL);
CREATE TABLE in_aria (id int PRIMARY KEY, a text) ENGINE = Aria TRANSACTIONAL = 1 ROW_FORMAT = PAGE;
CREATE TABLE in_plain_aria (id int PRIMARY KEY, a text) ENGINE = Aria TRANSACTIONAL = 0 PAGE_CHECKSUM = 0;
INSERT INTO in_aria VALUES (1, 'aria');
INSERT INTO in_plain_aria VALUES (1, 'aria');

-- Sequences
CREATE SEQUENCE s_plain;
CREATE SEQUENCE `s it's` START WITH 100 MINVALUE -5 MAXVALUE 1000 INCREMENT BY 7 NOCACHE;
CREATE SEQUENCE s_cycle START WITH 1 MINVALUE 1 MAXVALUE 3 CYCLE NOCACHE;
CREATE SEQUENCE s_back START WITH -1 INCREMENT BY -2 MAXVALUE -1 MINVALUE -100000 CACHE 10;
CREATE SEQUENCE s_unused START WITH 9223372036854775800 MAXVALUE 9223372036854775806;
SELECT NEXTVAL(s_plain), NEXTVAL(s_plain), NEXTVAL(`s it's`), NEXTVAL(s_cycle), NEXTVAL(s_cycle), NEXTVAL(s_back);
SELECT NEXTVAL(s_cycle), NEXTVAL(s_cycle);

-- What changes with time. A dump keeps the rows of now; those of the past are only in the server's history.
CREATE TABLE versioned (id int PRIMARY KEY, a varchar(20)) WITH SYSTEM VERSIONING;
INSERT INTO versioned VALUES (1, 'one'), (2, 'two'), (3, 'three');
UPDATE versioned SET a = 'changed' WHERE id = 1;
DELETE FROM versioned WHERE id = 3;
CREATE TABLE versioned_openly (
    id int PRIMARY KEY, a varchar(20), b int WITHOUT SYSTEM VERSIONING,
    began timestamp(6) GENERATED ALWAYS AS ROW START, ended timestamp(6) GENERATED ALWAYS AS ROW END,
    PERIOD FOR SYSTEM_TIME (began, ended)
) WITH SYSTEM VERSIONING;
INSERT INTO versioned_openly (id, a, b) VALUES (1, 'one', 1), (2, 'two', 2);
UPDATE versioned_openly SET a = 'changed', b = 3 WHERE id = 2;
CREATE TABLE versioned_in_parts (id int, a int) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (
    PARTITION past HISTORY, PARTITION now CURRENT);
INSERT INTO versioned_in_parts VALUES (1, 1), (2, 2);
DELETE FROM versioned_in_parts WHERE id = 2;
CREATE TABLE booked (id int, `from` date, `to` date, PERIOD FOR stay (`from`, `to`), UNIQUE (id, stay WITHOUT OVERLAPS));
INSERT INTO booked VALUES (1, '2024-01-01', '2024-02-01'), (1, '2024-02-01', '2024-03-01');

-- Programs
DELIMITER ;;
CREATE AGGREGATE FUNCTION total(x int) RETURNS int
BEGIN
    DECLARE sum int DEFAULT 0;
    DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN sum;
    LOOP
        FETCH GROUP NEXT ROW;
        SET sum = sum + IFNULL(x, 0);
    END LOOP;
END;;
CREATE DEFINER = cadangkan_torture_role PROCEDURE of_a_role() SELECT 1;;
CREATE FUNCTION with_default(x varchar(10) CHARACTER SET utf8mb4) RETURNS int NOT DETERMINISTIC CONTAINS SQL
    RETURN CHAR_LENGTH(x);;
SET sql_mode = ORACLE;;
CREATE PACKAGE `a package` AS
    FUNCTION f1 RETURN int;
    PROCEDURE p1(a int);
END;;
CREATE PACKAGE BODY `a package` AS
    -- it's; a comment
    kept int := 0;
    FUNCTION f1 RETURN int AS BEGIN RETURN kept; END;
    PROCEDURE p1(a int) AS BEGIN kept := a || ''; END;
BEGIN
    kept := 1;
END;;
CREATE PROCEDURE in_oracle(a IN int, b OUT varchar2(10)) AS
    c int := 1;
BEGIN
    b := a || ';' || c;
    NULL;
END;;
SET sql_mode = 'STRICT_TRANS_TABLES';;
DELIMITER ;
CREATE VIEW of_a_sequence AS SELECT next_not_cached_value FROM s_plain;
CREATE VIEW of_the_past AS SELECT * FROM versioned FOR SYSTEM_TIME ALL;
