-- What MySQL alone has.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO';

CREATE TABLE of_functions (
    id int PRIMARY KEY, a int, b varchar(50), j json,
    KEY by_function ((a * 2 + 1)),
    UNIQUE KEY mixed (a, (LOWER(b)) DESC),
    KEY by_values ((CAST(j -> '$.list' AS unsigned ARRAY))),
    KEY unseen (b) INVISIBLE COMMENT 'it''s hidden'
);
INSERT INTO of_functions VALUES (1, 1, 'One', '{"list": [1, 2, 3]}'), (2, 2, 'Zwei ü', '{"list": []}'), (3, NULL, NULL, NULL);
CREATE TABLE not_enforced (a int, CONSTRAINT never CHECK (a > 0) NOT ENFORCED, CONSTRAINT always CHECK (a < 100));
INSERT INTO not_enforced VALUES (-1), (99);
CREATE TABLE in_a_system (id int PRIMARY KEY, p point NOT NULL SRID 4326, g geometry SRID 3857, SPATIAL KEY (p));
INSERT INTO in_a_system VALUES (1, ST_GeomFromText('POINT(52.5 13.4)', 4326), ST_GeomFromText('POINT(1 2)', 3857));
SET sql_generate_invisible_primary_key = ON;
CREATE TABLE key_by_itself (a int, b varchar(10));
SET sql_generate_invisible_primary_key = OFF;
INSERT INTO key_by_itself VALUES (1, 'a'), (2, 'b'), (3, NULL);
DELETE FROM key_by_itself WHERE a = 2;
CREATE TABLE vectors (id int PRIMARY KEY, v vector(4), w vector);
INSERT INTO vectors VALUES (1, STRING_TO_VECTOR('[1, 2, 3, 4]'), NULL),
    (2, STRING_TO_VECTOR('[-0.5, 1e-30, 3.4e38, 0.1]'), STRING_TO_VECTOR('[1]'));
CREATE TABLE of_mysql_sets (
    id int PRIMARY KEY, chinese varchar(50) CHARACTER SET gb18030, modern varchar(50) COLLATE utf8mb4_0900_as_cs,
    japanese varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_ja_0900_as_cs_ks
);
INSERT INTO of_mysql_sets VALUES (1, '誠縗🐘''\\', 'Ä', '日本'), (2, '', '', ''), (3, NULL, NULL, NULL);
CREATE TABLE attributes (
    id int PRIMARY KEY, a varchar(10), b blob DEFAULT (0x00FF), c text DEFAULT (CONCAT('x', id)),
    KEY (a)
) AUTOEXTEND_SIZE = 4M STATS_AUTO_RECALC = 0;
INSERT INTO attributes (id) VALUES (1);
CREATE TABLE json_kinds (id int PRIMARY KEY, j json);
INSERT INTO json_kinds VALUES (1, JSON_OBJECT('at', CAST('2024-01-02 03:04:05.000006' AS datetime(6)))),
    (2, JSON_ARRAY(CAST(0x00FF AS binary), CAST('01:02:03' AS time)));
CREATE TABLE in_blackhole (a int) ENGINE = BLACKHOLE;
INSERT INTO in_blackhole VALUES (1);
DELIMITER ;;
CREATE FUNCTION with_json(j json) RETURNS json DETERMINISTIC RETURN JSON_SET(j, '$."it''s"', 1);;
CREATE DEFINER = cadangkan_torture_role PROCEDURE of_a_role() SELECT 1;;
DELIMITER ;
CREATE VIEW lateral_view AS SELECT o.id, d.n FROM of_functions AS o,
    LATERAL (SELECT COUNT(*) AS n FROM of_functions AS i WHERE i.a <= o.a) AS d;
CREATE VIEW json_table_view AS SELECT t.* FROM of_functions,
    JSON_TABLE(j, '$.list[*]' COLUMNS (n FOR ORDINALITY, v int PATH '$' DEFAULT '0' ON EMPTY)) AS t;
