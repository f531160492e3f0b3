-- Character sets and collations that MySQL and MariaDB share.
SET NAMES utf8mb4;
SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';

-- Every byte in sets of one byte; utf8mb4 has no place for some of them.
CREATE TABLE single_bytes (
    id int PRIMARY KEY,
    latin1 char(3) CHARACTER SET latin1, latin2 char(3) CHARACTER SET latin2, latin5 char(3) CHARACTER SET latin5,
    latin7 char(3) CHARACTER SET latin7, cp850 char(3) CHARACTER SET cp850, cp852 char(3) CHARACTER SET cp852,
    cp866 char(3) CHARACTER SET cp866, cp1250 char(3) CHARACTER SET cp1250, cp1251 char(3) CHARACTER SET cp1251,
    cp1256 char(3) CHARACTER SET cp1256, cp1257 char(3) CHARACTER SET cp1257, koi8r char(3) CHARACTER SET koi8r,
    koi8u char(3) CHARACTER SET koi8u, greek char(3) CHARACTER SET greek, hebrew char(3) CHARACTER SET hebrew,
    tis620 char(3) CHARACTER SET tis620, macroman char(3) CHARACTER SET macroman, macce char(3) CHARACTER SET macce,
    keybcs2 char(3) CHARACTER SET keybcs2, armscii8 char(3) CHARACTER SET armscii8,
    geostd8 char(3) CHARACTER SET geostd8, dec8 char(3) CHARACTER SET dec8, hp8 char(3) CHARACTER SET hp8,
    swe7 char(3) CHARACTER SET swe7
);
SET @insert = (SELECT CONCAT('INSERT INTO single_bytes VALUES (?', REPEAT(', UNHEX(?)', COUNT(*) - 1), ')')
    FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'single_bytes');
DELIMITER ;;
CREATE PROCEDURE fill_single_bytes()
BEGIN
    DECLARE n int DEFAULT 1;
    PREPARE fill FROM @insert;
    WHILE n < 256 DO
        SET @n = n, @h = CONCAT('41', LPAD(HEX(n), 2, '0'), '42');
        EXECUTE fill USING @n, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h, @h,
            @h, @h;
        SET n = n + 1;
    END WHILE;
    DEALLOCATE PREPARE fill;
END;;
DELIMITER ;
CALL fill_single_bytes();
DROP PROCEDURE fill_single_bytes;

-- Characters whose last byte is a backslash or a quote in their own set.
CREATE TABLE many_bytes (
    id int PRIMARY KEY, sjis text CHARACTER SET sjis, cp932 text CHARACTER SET cp932,
    eucjpms text CHARACTER SET eucjpms, ujis text CHARACTER SET ujis, gbk text CHARACTER SET gbk,
    gb2312 text CHARACTER SET gb2312, big5 text CHARACTER SET big5, euckr text CHARACTER SET euckr
);
INSERT INTO many_bytes VALUES
    (1, '表ソ能予''\\', '表ソ能①髙''\\', '表ソ能①髙', '表ソ能', '誠縗運''\\', '简体中文', '功許蓋''\\', '한국어''\\'),
    (2, '', '', '', '', '', '', '', ''),
    (3, 'ascii', 'ascii', 'ascii', 'ascii', 'ascii', 'ascii', 'ascii', 'ascii'),
    (4, 'ﾊﾝｶｸ', 'ﾊﾝｶｸ~', 'ﾊﾝｶｸ', 'ﾊﾝｶｸ', 'a\n\0\r', 'a\0', 'a\Z', 'a\t'),
    (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE unicode_sets (
    id int PRIMARY KEY, utf8mb3 varchar(50) CHARACTER SET utf8mb3, utf8mb4 varchar(50) CHARACTER SET utf8mb4,
    ucs2 varchar(50) CHARACTER SET ucs2, utf16 varchar(50) CHARACTER SET utf16,
    utf16le varchar(50) CHARACTER SET utf16le, utf32 varchar(50) CHARACTER SET utf32,
    plain varchar(50) CHARACTER SET ascii, bytes varchar(50) CHARACTER SET binary
);
INSERT INTO unicode_sets VALUES
    (1, 'naïve 日本', 'naïve 🐘', 'naïve 日本', 'naïve 🐘', 'naïve 🐘', 'naïve 🐘', 'naive', 0xFF00FE),
    (2, '''\\\0', '''\\\0', '''\\\0', '''\\\0', '''\\\0', '''\\\0', '''\\\0', '''\\\0'),
    (3, '', '', '', '', '', '', '', ''),
    (4, 'plain', 'plain', 'plain', 'plain', 'plain', 'plain', 'plain', 'plain'),
    (5, '愀', '愀', '愀', '✧', '愀', '愀', 'a', 'a'),
    (6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

-- A set of the table that its columns do not have, and collations that are not the set's own.
CREATE TABLE collations (
    id int PRIMARY KEY,
    of_table varchar(20),
    bin varchar(20) COLLATE latin1_bin,
    german varchar(20) COLLATE latin1_german2_ci,
    u_bin varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    u_general varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci,
    u_unicode varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci,
    e enum('ä', 'ö') CHARACTER SET latin1 COLLATE latin1_bin,
    s set('я', 'ж') CHARACTER SET cp1251,
    UNIQUE KEY (u_bin)
) DEFAULT CHARSET = latin1 COLLATE = latin1_swedish_ci;
INSERT INTO collations VALUES (1, 'Ä', 'ä', 'ß', 'a', 'a', 'a', 'ö', 'я,ж'), (2, 'ÿ', 'ÿ', 'ss', 'A', 'A', 'A', 'ä', '');
