-- Every type that MySQL and MariaDB share, with the values at its edges.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', group_concat_max_len = 1048576;

CREATE TABLE whole_numbers (
    id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
    t tinyint, tu tinyint unsigned, s smallint, su smallint unsigned, m mediumint, mu mediumint unsigned,
    i int, iu int unsigned, b bigint, bu bigint unsigned, z int(6) unsigned zerofill, yes bool
);
INSERT INTO whole_numbers VALUES
    (1, -128, 0, -32768, 0, -8388608, 0, -2147483648, 0, -9223372036854775808, 0, 0, false),
    (2, 127, 255, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 9223372036854775807,
        18446744073709551615, 4294967295, true),
    (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42, 2),
    (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE broken_numbers (
    id int NOT NULL PRIMARY KEY,
    d decimal(65, 30), whole decimal(65, 0), money decimal(10, 2) unsigned, f float, g double,
    f_rounded float(7, 3), g_rounded double(15, 5) unsigned
);
INSERT INTO broken_numbers VALUES
    (1, -99999999999999999999999999999999999.999999999999999999999999999999,
        99999999999999999999999999999999999999999999999999999999999999999, 99999999.99,
        3.402823466e38, 1.7976931348623157e308, 9999.999, 9999999999.99999),
    (2, 0.000000000000000000000000000001, -1, 0.01, 1.175494351e-38, 2.2250738585072014e-308, -9999.999, 0),
    (3, -0.0, 0, 0, -0e0, -0e0, -0e0, 0),
    (4, 1, 1, 1, 1.401298464324817e-45, 4.9406564584124654e-324, 0.001, 0.00001),
    (5, 1, 1, 1, 16777217, 9007199254740993, 1, 1),
    (6, 1, 1, 1, 0.1, 0.1, 0.1, 0.1),
    (7, 1, 1, 1, 3.14159274101257324, 3.141592653589793, 3.142, 3.14159),
    (8, 1, 1, 1, -3.402823466e38, -1.7976931348623157e308, 0, 0),
    (9, 1, 1, 1, 1e-7, 1e21, 0, 0),
    (10, 1, 1, 1, 123456789, 0.30000000000000004, 0, 0),
    (11, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE bits (id int PRIMARY KEY, one bit(1), five bit(5) DEFAULT b'10101', most bit(64));
INSERT INTO bits VALUES (1, b'0', b'0', b'0'), (2, b'1', b'11111', 0xFFFFFFFFFFFFFFFF), (3, 1, 10, 0x8000000000000001),
    (4, NULL, NULL, NULL), (5, 1, b'00100', 0x2700275C0A0D1A22);

CREATE TABLE `bytes` (
    id int PRIMARY KEY, fixed binary(4), var varbinary(300), tiny tinyblob, normal blob, medium mediumblob,
    `long` longblob
);
SET @every_byte = (SELECT UNHEX(GROUP_CONCAT(LPAD(HEX(a.n * 16 + b.n), 2, '0') ORDER BY a.n, b.n SEPARATOR ''))
    FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9 UNION SELECT 10 UNION SELECT 11 UNION SELECT 12
        UNION SELECT 13 UNION SELECT 14 UNION SELECT 15) AS a,
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9 UNION SELECT 10 UNION SELECT 11 UNION SELECT 12
        UNION SELECT 13 UNION SELECT 14 UNION SELECT 15) AS b);
INSERT INTO `bytes` VALUES
    (1, '', '', '', '', '', ''),
    (2, 0x00000000, 0x00, 0x00, 0x00, 0x00, 0x00),
    (3, 'a', @every_byte, LEFT(@every_byte, 255), @every_byte, REPEAT(@every_byte, 3), REVERSE(@every_byte)),
    (4, 0x61002000, '  ', 'NULL', '\\N', '\\', ''''),
    (5, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE texts (
    id int PRIMARY KEY, fixed char(10), var varchar(300), tiny tinytext, normal text, medium mediumtext,
    `long` longtext, national nchar(5)
) DEFAULT CHARSET = utf8mb4;
INSERT INTO texts VALUES
    (1, '', '', '', '', '', '', ''),
    (2, 'a''b"c`d\\', '\0\n\r\t\Z\b%_', 'trailing  ', '  leading', 'NULL', '\\N', 'ÄÖÜßé'),
    (3, '🐘', 'naïve 日本語 🐘 עברית', '\0', '﻿bom', 'e\u0301', '𝒳', '日本'),
    (4, '1', 'a line
DELIMITER ;;
-- Cadangkan: kind=VIEW name="victim"
''); DROP TABLE victim; -- ', '/*!50001 SELECT 1 */', '\\.', ';;', 'INSERT INTO `victim` VALUES (1,''x'');\n', NULL),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO texts (id, `long`) VALUES (6, REPEAT('🐘\n''\\', 20000));

-- Characters of four bytes are in no definition of a column: no server shows them back, only question marks.
CREATE TABLE choices (
    id int PRIMARY KEY,
    e enum('a', 'it''s', 'with, comma', 'ünï 日本', ' lead', '0', '1', 'back\\slash', '"'),
    `empty` enum('', 'b') NOT NULL,
    several set('a', 'it''s', 'ünï 日本', '0', 'b c')
) DEFAULT CHARSET = utf8mb4;
-- In the last row, what was given was no member.
INSERT INTO choices VALUES (1, 'a', '', ''), (2, 'it''s', 'b', 'a,it''s,ünï 日本,0,b c'), (3, 'ünï 日本', '', '0'),
    (4, '0', 'b', 'a,0'), (5, 6, 'b', 1), (6, 'back\\slash', 'b', NULL), (7, '"', '', 'a'), (8, NULL, '', NULL),
    (9, 'no such member', 'b', 'a');

CREATE TABLE times (
    id int PRIMARY KEY, y year, d date, t time, t6 time(6), dt datetime, dt6 datetime(6), ts timestamp NULL,
    ts6 timestamp(6) NULL, dt1 datetime(1), ts3 timestamp(3) NULL
);
INSERT INTO times VALUES
    (1, 0, '0000-00-00', '-838:59:59', '-838:59:59.000000', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00',
        '0000-00-00', '0000-00-00'),
    (2, 1901, '1000-01-01', '838:59:59', '838:59:59.000000', '1000-01-01', '1000-01-01', '1970-01-01 00:00:01',
        '1970-01-01 00:00:01.000001', '1000-01-01 00:00:00.1', '1970-01-01 00:00:01.001'),
    (3, 2155, '9999-12-31', '00:00:00', '-00:00:00.000001', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999',
        '2038-01-19 03:14:07', '2038-01-19 03:14:07.999999', '9999-12-31 23:59:59.9', '2038-01-19 03:14:07.999'),
    (4, 2000, '2024-00-00', '-00:00:01', '25:00:00.5', '2024-02-00 01:02:03', '2024-00-10 00:00:00.000001',
        '2024-03-31 02:30:00', '2024-10-27 02:30:00.123456', NULL, NULL),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (6, 1970, '0001-01-01', '00:00:00', '00:00:00', '0001-01-01', '0001-01-01', '2000-01-01', '2000-01-01', NULL, NULL);

-- Numbers that MySQL's JSON keeps as exact decimals become floating point in any text; there are none here.
CREATE TABLE documents (id int PRIMARY KEY, j json);
INSERT INTO documents VALUES
    (1, '{}'), (2, '[]'), (3, 'null'), (4, NULL), (5, '"it''s \\"quoted\\" \\\\ \\n \\u0000 🐘"'),
    (6, '{"a": [1, -1, 0, 18446744073709551615, -9223372036854775808, 1.5, -0.0, 1e100, 5e-324], "ü": {"🐘": true}}'),
    (7, '{"a": {"b": {"c": {"d": {"e": [[[[[]]]]]}}}}, "": ""}'), (8, 'true'), (9, '123'),
    (10, '"</script> DROP TABLE; -- \\u2028 \\/ é"');

CREATE TABLE places (
    id int PRIMARY KEY, g geometry, p point, l linestring, o polygon, mp multipoint, ml multilinestring,
    mo multipolygon, c geometrycollection
);
INSERT INTO places VALUES
    (1, ST_GeomFromText('POINT(1 2)', 4326), ST_GeomFromText('POINT(-0.1 1e300)'),
        ST_GeomFromText('LINESTRING(0 0, 1 1, 2 4)'),
        ST_GeomFromText('POLYGON((0 0, 10 0, 10 10, 0 10, 0 0), (2 2, 2 4, 4 4, 4 2, 2 2))'),
        ST_GeomFromText('MULTIPOINT(0 0, 39 92)'), ST_GeomFromText('MULTILINESTRING((0 0, 1 1), (2 2, 3 3))'),
        ST_GeomFromText('MULTIPOLYGON(((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))'),
        ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1), LINESTRING(0 0, 5 5))')),
    (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    (3, ST_GeomFromText('LINESTRING(0 0, 1 1)', 0), ST_GeomFromText('POINT(0.1 39)', 3857), NULL, NULL, NULL, NULL,
        NULL, ST_GeomFromText('GEOMETRYCOLLECTION EMPTY'));
