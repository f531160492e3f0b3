-- What MariaDB has from version 11.8 on.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'STRICT_TRANS_TABLES';
CREATE TABLE vectors (id int PRIMARY KEY, v vector(4) NOT NULL, VECTOR INDEX near (v) M = 8 DISTANCE = cosine);
INSERT INTO vectors VALUES (1, VEC_FromText('[1, 2, 3, 4]')), (2, VEC_FromText('[-0.5, 0.0001, 1234567, 0.1]'));
CREATE TABLE far_times (id int PRIMARY KEY, t timestamp(6) NULL);
INSERT INTO far_times VALUES (1, '2106-02-07 06:28:15.999999'), (2, '2038-01-19 03:14:08');
CREATE SEQUENCE s_tiny AS tinyint unsigned START WITH 250 MAXVALUE 254;
SELECT NEXTVAL(s_tiny);
CREATE TABLE new_collations (id int PRIMARY KEY, a varchar(20) COLLATE uca1400_german2_as_ci, b varchar(20))
    DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_uca1400_ai_ci;
INSERT INTO new_collations VALUES (1, 'ä', 'Ä🐘');
DELIMITER ;;
CREATE PACKAGE plain_package
    FUNCTION f1() RETURNS int;
END;;
CREATE PACKAGE BODY plain_package
    DECLARE kept int DEFAULT 1;
    FUNCTION f1() RETURNS int RETURN kept;
END;;
DELIMITER ;
