-- Views, functions, procedures, triggers and events that MySQL and MariaDB share.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES';

CREATE TABLE base (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a int, b varchar(100), at datetime) DEFAULT CHARSET = utf8mb4;
CREATE TABLE log (n int NOT NULL AUTO_INCREMENT PRIMARY KEY, what text) DEFAULT CHARSET = utf8mb4;

-- Functions and procedures
DELIMITER ;;
CREATE FUNCTION z_plain(x int) RETURNS int DETERMINISTIC NO SQL RETURN x + 1;;
-- It reads a view, and another view calls it; the server itself refuses a circle.
CREATE FUNCTION reads_a_view() RETURNS int READS SQL DATA COMMENT 'it''s a "comment"; -- \\ ü'
BEGIN
    DECLARE n int;
    SELECT COUNT(*) INTO n FROM read_by_a_function;
    RETURN n;
END;;
CREATE DEFINER = cadangkan_torture_definer@localhost FUNCTION of_another(x varchar(20) CHARACTER SET latin1)
    RETURNS varchar(40) CHARACTER SET latin1 DETERMINISTIC SQL SECURITY INVOKER
    RETURN CONCAT(x, 'é', _utf8mb4'ü');;
CREATE DEFINER = 'cadangkan_torture_o''dd "one"'@'%.example' PROCEDURE of_an_odd_one() SELECT 1;;
CREATE DEFINER = 'cadangkan_torture_gone'@'nowhere' PROCEDURE of_nobody() SQL SECURITY DEFINER SELECT 1;;
CREATE PROCEDURE looks_like_a_script(IN a int, OUT b text, INOUT c decimal(10, 2))
    MODIFIES SQL DATA
begin_here: BEGIN
    DECLARE done bool DEFAULT false;
    DECLARE x int;
    DECLARE everything CURSOR FOR SELECT id FROM base;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = true;
    -- a comment; with ' and " and ` and ;
    # another; one '
    /* and
       a third; one "
       DELIMITER $$
    */
    SET b = 'a string;
DELIMITER ;
-- Cadangkan: kind=VIEW name="victim"
;
END;
', b = "double ; 'quoted'", c = -- in between
        c + 1;
    OPEN everything;
    again: LOOP
        FETCH everything INTO x;
        IF done THEN LEAVE again; END IF;
        INSERT INTO log (what) VALUES (CONCAT('it''s ', x, '\\', '\'', "\"", '🐘'));
    END LOOP;
    CLOSE everything;
    PREPARE s FROM 'SELECT 1; ';
    CASE a WHEN 1 THEN BEGIN END; ELSE SELECT `a` FROM `base`; END CASE;
END begin_here;;
CREATE PROCEDURE `no body`() BEGIN END;;

SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE';;
CREATE FUNCTION in_ansi(x varchar(20)) RETURNS varchar(100) DETERMINISTIC
    RETURN x || 'a "quoted" one' || (SELECT COUNT(*) FROM "base" AS "b");;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';;
CREATE FUNCTION without_escapes() RETURNS varchar(100) DETERMINISTIC RETURN CONCAT('\', 'it''s \n', "\");;
SET sql_mode = 'IGNORE_SPACE,REAL_AS_FLOAT,NO_ZERO_DATE,ONLY_FULL_GROUP_BY';;
CREATE PROCEDURE with_spaces(a real) SELECT COUNT (*) FROM base;;
SET sql_mode = 'STRICT_TRANS_TABLES';;
SET NAMES latin1;;
CREATE FUNCTION in_latin1() RETURNS varchar(20) DETERMINISTIC RETURN CONCAT('Ã¼', _latin1'é');;
SET NAMES utf8mb4 COLLATE utf8mb4_bin;;
CREATE FUNCTION in_another_collation(x varchar(10)) RETURNS int DETERMINISTIC RETURN x = 'ä';;
SET NAMES utf8mb4;;
DELIMITER ;

-- Views, in an order that their names do not show
CREATE VIEW z_first AS SELECT id, a, b FROM base WHERE b <> 'it''s; "\\ ü 🐘';
CREATE VIEW m_second (x, `y z`) AS SELECT id, z_plain(a) FROM z_first;
CREATE VIEW a_third AS SELECT m.x, f.b FROM m_second AS m JOIN z_first AS f ON f.id = m.x
    UNION ALL SELECT 1, 'constant';
CREATE VIEW b_fourth AS SELECT * FROM (SELECT x FROM a_third) AS derived WHERE x IN (SELECT x FROM m_second);
CREATE ALGORITHM = MERGE SQL SECURITY INVOKER VIEW checked_view AS SELECT id, a FROM base WHERE a > 0
    WITH CASCADED CHECK OPTION;
CREATE ALGORITHM = TEMPTABLE DEFINER = cadangkan_torture_definer@localhost VIEW temporary_view AS
    SELECT a, COUNT(*) AS `COUNT(*)` FROM base GROUP BY a;
CREATE VIEW locally_checked AS SELECT id, a FROM checked_view WHERE a < 100 WITH LOCAL CHECK OPTION;
CREATE DEFINER = 'cadangkan_torture_gone'@'nowhere' SQL SECURITY INVOKER VIEW of_nobody AS SELECT id FROM base;
CREATE VIEW with_cte AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3)
    SELECT i, ROW_NUMBER() OVER (ORDER BY i DESC) AS r FROM n;
CREATE VIEW read_by_a_function AS SELECT id FROM base WHERE id > z_plain(0);
CREATE VIEW a_view_of_a_function AS SELECT reads_a_view() AS n;
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';
CREATE VIEW in_ansi_view AS SELECT "a" || 'x' AS "a ""b""" FROM "base";
SET sql_mode = 'STRICT_TRANS_TABLES';
SET NAMES latin1;
CREATE VIEW in_latin1_view AS SELECT 'Ã¼' AS c, b FROM base WHERE b = 'Ã¤';
SET NAMES utf8mb4;

-- Triggers, whose order names do not show
DELIMITER ;;
CREATE TRIGGER z_first BEFORE INSERT ON base FOR EACH ROW SET NEW.b = CONCAT(IFNULL(NEW.b, ''), '1');;
CREATE TRIGGER a_second BEFORE INSERT ON base FOR EACH ROW SET NEW.b = CONCAT(NEW.b, '2');;
CREATE TRIGGER m_between BEFORE INSERT ON base FOR EACH ROW FOLLOWS z_first SET NEW.b = CONCAT(NEW.b, '1.5');;
CREATE TRIGGER k_before BEFORE INSERT ON base FOR EACH ROW PRECEDES z_first SET NEW.b = CONCAT(IFNULL(NEW.b, ''), '0');;
CREATE DEFINER = cadangkan_torture_definer@localhost TRIGGER after_update AFTER UPDATE ON base FOR EACH ROW
BEGIN
    -- it's; a comment
    IF NOT NEW.a <=> OLD.a THEN
        INSERT INTO log (what) VALUES (CONCAT('a; "', OLD.a, '" -> ''', NEW.a, ''';;\nDELIMITER ;\n'));
    END IF;
END;;
SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT';;
CREATE TRIGGER "in ansi" AFTER DELETE ON base FOR EACH ROW
    INSERT INTO "log" ("what") VALUES ('gone: ' || OLD."id");;
SET sql_mode = 'NO_BACKSLASH_ESCAPES';;
CREATE TRIGGER without_escapes BEFORE DELETE ON base FOR EACH ROW INSERT INTO log (what) VALUES ('\');;
SET sql_mode = 'STRICT_TRANS_TABLES';;
CREATE DEFINER = 'cadangkan_torture_gone'@'nowhere' TRIGGER of_nobody AFTER INSERT ON log FOR EACH ROW SET @x = 1;;
DELIMITER ;
DROP TRIGGER of_nobody;
INSERT INTO base (a, b, at) VALUES (1, 'one', '2024-01-01 12:00:00'), (2, 'zwei ü', NULL), (3, NULL, NULL);
UPDATE base SET a = 5 WHERE id = 1;
DELETE FROM base WHERE id = 3;
DELIMITER ;;
CREATE DEFINER = 'cadangkan_torture_gone'@'nowhere' TRIGGER of_nobody AFTER INSERT ON log FOR EACH ROW SET @x = 1;;
DELIMITER ;

-- Events
DELIMITER ;;
CREATE EVENT every_day ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01 00:00:00' ENDS '2037-12-31 23:59:59'
    ON COMPLETION PRESERVE DISABLE COMMENT 'it''s "an event"; ü' DO
BEGIN
    -- a comment; here
    INSERT INTO log (what) VALUES ('it''s; time\\');
END;;
SET time_zone = '+05:30';;
CREATE EVENT in_a_zone ON SCHEDULE EVERY '1:30' HOUR_MINUTE STARTS '2037-06-01 03:00:00' DO DELETE FROM log WHERE n < 0;;
SET time_zone = '-08:00', sql_mode = 'ANSI_QUOTES';;
CREATE DEFINER = cadangkan_torture_definer@localhost EVENT once ON SCHEDULE AT '2037-07-01 01:02:03'
    ON COMPLETION NOT PRESERVE ENABLE DO DELETE FROM "log" WHERE "n" < -1;;
SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES';;
CREATE EVENT of_a_replica ON SCHEDULE EVERY 1 YEAR STARTS '2037-01-01 00:00:00' DISABLE ON SLAVE DO DELETE FROM log WHERE n < 0;;
DELIMITER ;
