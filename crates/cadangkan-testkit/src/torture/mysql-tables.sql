-- Tables of every make that MySQL and MariaDB share.
SET NAMES utf8mb4;
SET time_zone = '+00:00', sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 1, group_concat_max_len = 1048576;

-- Columns
CREATE TABLE computed (
    id int PRIMARY KEY,
    a int,
    virtual_sum int GENERATED ALWAYS AS (a + 1) VIRTUAL COMMENT 'it''s "computed"',
    text_of varchar(40) AS (CONCAT('a is ', a, ' \'quoted\'')) VIRTUAL,
    b varchar(20) CHARACTER SET latin1,
    stored_upper varchar(20) CHARACTER SET latin1 GENERATED ALWAYS AS (UPPER(b)) STORED,
    last_one int DEFAULT 7,
    KEY on_virtual (virtual_sum),
    UNIQUE KEY on_stored (stored_upper)
);
INSERT INTO computed (id, a, b) VALUES (1, 1, 'é'), (2, NULL, NULL), (3, -5, 'z');
CREATE TABLE hidden (
    id int PRIMARY KEY, seen int, hidden int INVISIBLE DEFAULT 3, also_hidden varchar(5) NOT NULL DEFAULT 'x' INVISIBLE
);
INSERT INTO hidden (id, seen, hidden, also_hidden) VALUES (1, 1, 1, 'a'), (2, NULL, NULL, ''), (3, 1, 3, 'x');
CREATE TABLE all_generated (a int AS (1) VIRTUAL, b int INVISIBLE DEFAULT 5);
INSERT INTO all_generated (b) VALUES (5), (6);
CREATE TABLE defaults (
    id int PRIMARY KEY DEFAULT 0,
    a int DEFAULT (1 + 2),
    b varchar(60) DEFAULT (CONCAT('it''s ', '"quoted" \\ ', 'ü')),
    c text DEFAULT ('long'),
    d char(36) DEFAULT (UUID()),
    e datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    f timestamp NOT NULL DEFAULT '2001-02-03 04:05:06' ON UPDATE CURRENT_TIMESTAMP,
    g timestamp NULL DEFAULT NULL,
    h varchar(10) NOT NULL DEFAULT '',
    i bit(3) DEFAULT b'101',
    j decimal(5, 2) DEFAULT -1.50,
    k enum('x', 'y''z') NOT NULL DEFAULT 'y''z',
    l double DEFAULT 1e-10,
    m json DEFAULT (JSON_OBJECT('a', 1)),
    n varchar(30) DEFAULT 'NULL',
    o date DEFAULT (CURRENT_DATE + INTERVAL 1 YEAR),
    p varbinary(5) DEFAULT 0x6127
);
INSERT INTO defaults (id, e) VALUES (1, '2024-01-01 00:00:00.000001'), (2, '1999-12-31 23:59:59');
UPDATE defaults SET d = 'fixed', e = '2020-02-02', o = '2020-02-02';
CREATE TABLE checked (
    id int PRIMARY KEY CHECK (id > 0),
    a int,
    b varchar(20),
    CONSTRAINT `it's a check` CHECK (a < 100 OR b = 'it''s; "fine"'),
    CHECK (b <> '\\')
) COMMENT = 'it''s "checked"; -- \\ ü';
INSERT INTO checked VALUES (1, 99, NULL), (2, 1000, 'it''s; "fine"');

-- Numbers that a server gives
CREATE TABLE counted (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, a int) AUTO_INCREMENT = 1000000;
INSERT INTO counted VALUES (0, 1), (-5, 2), (3, 3);
CREATE TABLE counted_high (id bigint unsigned NOT NULL AUTO_INCREMENT, a int, KEY (id)) AUTO_INCREMENT = 18446744073709551614;
INSERT INTO counted_high VALUES (7, 7);
CREATE TABLE counted_within (a int, n int NOT NULL AUTO_INCREMENT, PRIMARY KEY (a, n)) ENGINE = MyISAM;
INSERT INTO counted_within (a) VALUES (1), (1), (2), (1);

-- Keys
CREATE TABLE keyed (
    a int NOT NULL, b varchar(100) NOT NULL, c text, d int, e varchar(50), f point NOT NULL, g text,
    PRIMARY KEY (b(10), a),
    UNIQUE KEY `unique, with nulls` (d, e),
    KEY descending (a DESC, b ASC) COMMENT 'it''s "descending"',
    KEY prefixed (c(20), e(5)) USING BTREE,
    FULLTEXT KEY words (c, g),
    SPATIAL KEY places (f)
) DEFAULT CHARSET = utf8mb4;
INSERT INTO keyed VALUES (1, 'one', 'some words to find', 1, 'x', ST_GeomFromText('POINT(1 1)'), 'more'),
    (2, 'two', NULL, NULL, 'x', ST_GeomFromText('POINT(2 2)'), NULL),
    (1, 'three', '', NULL, 'x', ST_GeomFromText('POINT(3 3)'), '');
CREATE TABLE text_key (id varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci PRIMARY KEY, a int);
INSERT INTO text_key VALUES ('', 0), ('ä', 1), ('b', 2), ('ß''', 3), ('\\', 4), ('🐘', 5);
CREATE TABLE binary_key (id varbinary(20) PRIMARY KEY, a int);
INSERT INTO binary_key VALUES ('', 0), (0x00, 1), (0xFF27, 2), (0x5C, 3);
CREATE TABLE many_key (a int, b date, c decimal(10, 3), d enum('z', 'a'), e bigint unsigned, PRIMARY KEY (a, b, c, d, e));
INSERT INTO many_key VALUES (1, '2000-01-01', -1.5, 'z', 0), (1, '2000-01-01', -1.5, 'a', 18446744073709551615),
    (-1, '0000-00-00', 0, 'z', 1);
CREATE TABLE without_key (a int, b varchar(10));
INSERT INTO without_key VALUES (1, 'same'), (1, 'same'), (NULL, NULL);
CREATE TABLE without_rows (a int PRIMARY KEY, b longblob, c json);
CREATE TABLE many_rows (id int NOT NULL PRIMARY KEY, a int NOT NULL, t varchar(100), KEY (a));
INSERT INTO many_rows SELECT n, n * 7919 % 1000, REPEAT(CONCAT('row ', n, ' '), 5) FROM (
    SELECT a.n + b.n * 10 + c.n * 100 + d.n * 1000 AS n
    FROM (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS a,
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS b,
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6
        UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS c,
    (SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) AS d) AS numbers;

-- References in circles, to itself, and of every action
CREATE TABLE a_child (
    id int PRIMARY KEY, z int, self int, up int,
    KEY (self),
    CONSTRAINT to_itself FOREIGN KEY (self) REFERENCES a_child (id) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE TABLE z_parent (id int, part int, child int, PRIMARY KEY (id, part),
    CONSTRAINT `it's a circle` FOREIGN KEY (child) REFERENCES a_child (id) ON DELETE CASCADE);
ALTER TABLE a_child ADD CONSTRAINT back FOREIGN KEY (z, up) REFERENCES z_parent (id, part) ON DELETE NO ACTION ON UPDATE RESTRICT;
INSERT INTO a_child VALUES (1, NULL, NULL, NULL), (2, NULL, 1, NULL), (3, NULL, 3, NULL);
INSERT INTO z_parent VALUES (1, 1, 1), (1, 2, 2);
UPDATE a_child SET z = 1, up = 2 WHERE id IN (1, 3);
-- An orphan, which only a session without checks can store.
SET foreign_key_checks = 0;
INSERT INTO a_child VALUES (4, 99, 98, 97);
SET foreign_key_checks = 1;

-- Partitions
CREATE TABLE by_range (id int NOT NULL, d date NOT NULL, PRIMARY KEY (id, d))
PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH (id) SUBPARTITIONS 2 (
    PARTITION `before` VALUES LESS THAN (2000) COMMENT = 'it''s old',
    PARTITION `p'2010` VALUES LESS THAN (2010),
    PARTITION rest VALUES LESS THAN MAXVALUE);
INSERT INTO by_range VALUES (1, '1990-01-01'), (2, '2005-05-05'), (3, '2030-01-01');
CREATE TABLE by_range_columns (a int, b varchar(20), c date)
PARTITION BY RANGE COLUMNS (a, b, c) (
    PARTITION p0 VALUES LESS THAN (5, 'it''s', '2000-01-01'),
    PARTITION p1 VALUES LESS THAN (MAXVALUE, MAXVALUE, MAXVALUE));
INSERT INTO by_range_columns VALUES (1, 'a', '1999-01-01'), (9, 'z', NULL), (NULL, NULL, NULL);
CREATE TABLE by_list (a int) PARTITION BY LIST (a) (
    PARTITION p0 VALUES IN (NULL, 1, -1), PARTITION p1 VALUES IN (2, 3));
INSERT INTO by_list VALUES (NULL), (1), (-1), (2), (3), (3);
CREATE TABLE by_list_columns (a varchar(10)) PARTITION BY LIST COLUMNS (a) (
    PARTITION p0 VALUES IN ('it''s', 'ü'), PARTITION p1 VALUES IN ('\\'));
INSERT INTO by_list_columns VALUES ('it''s'), ('ü'), ('\\');
CREATE TABLE by_hash (a int, b int) PARTITION BY LINEAR HASH (a + b) PARTITIONS 3;
INSERT INTO by_hash VALUES (1, 1), (1, 2), (5, 5);
CREATE TABLE by_key (id varchar(10) PRIMARY KEY) PARTITION BY KEY () PARTITIONS 4;
INSERT INTO by_key VALUES ('a'), ('b'), ('ü');

-- Engines and formats
CREATE TABLE in_myisam (id int PRIMARY KEY, a varchar(20), b text, FULLTEXT (b)) ENGINE = MyISAM
    CHECKSUM = 1 DELAY_KEY_WRITE = 1 PACK_KEYS = 1 MIN_ROWS = 1 MAX_ROWS = 1000 AVG_ROW_LENGTH = 50 ROW_FORMAT = DYNAMIC;
INSERT INTO in_myisam VALUES (1, 'a', 'words'), (2, NULL, NULL);
CREATE TABLE in_memory (id int, a varchar(20), KEY (id) USING HASH, KEY (a) USING BTREE) ENGINE = MEMORY;
INSERT INTO in_memory VALUES (1, 'a'), (2, NULL);
CREATE TABLE in_archive (id int, a longblob) ENGINE = ARCHIVE;
INSERT INTO in_archive VALUES (1, 0x00FF), (2, NULL);
CREATE TABLE in_csv (id int NOT NULL, a varchar(50) NOT NULL, b datetime NOT NULL) ENGINE = CSV;
INSERT INTO in_csv VALUES (1, 'a "quoted", comma\n', '2000-01-01'), (2, '\\', '0000-00-00');
CREATE TABLE merged_1 (a int, KEY (a)) ENGINE = MyISAM;
CREATE TABLE merged_2 (a int, KEY (a)) ENGINE = MyISAM;
CREATE TABLE a_merge (a int, KEY (a)) ENGINE = MERGE UNION = (merged_1, merged_2) INSERT_METHOD = NO;
INSERT INTO merged_1 VALUES (1), (2);
INSERT INTO merged_2 VALUES (3);
CREATE TABLE compressed (id int PRIMARY KEY, a text) ROW_FORMAT = COMPRESSED KEY_BLOCK_SIZE = 8 STATS_PERSISTENT = 0
    STATS_SAMPLE_PAGES = 7;
CREATE TABLE redundant (id int PRIMARY KEY, a text) ROW_FORMAT = REDUNDANT;
CREATE TABLE compact (id int PRIMARY KEY, a text) ROW_FORMAT = COMPACT;
INSERT INTO compressed VALUES (1, REPEAT('compressed ', 5000));
INSERT INTO redundant VALUES (1, REPEAT('redundant ', 5000));
INSERT INTO compact VALUES (1, REPEAT('compact ', 5000));

-- Wide and long
SET @create = (SELECT CONCAT('CREATE TABLE thousand_columns (',
        GROUP_CONCAT('`column ', id, '` tinyint' ORDER BY id SEPARATOR ', '), ')')
    FROM many_rows WHERE id < 1000);
PREPARE make FROM @create;
EXECUTE make;
INSERT INTO thousand_columns (`column 0`, `column 500`, `column 999`) VALUES (1, 2, 3), (NULL, NULL, NULL);
CREATE TABLE wide (id int PRIMARY KEY, a varchar(5000), b varchar(5000), c varbinary(9000), d text, e longtext)
    DEFAULT CHARSET = utf8mb4;
INSERT INTO wide VALUES (1, REPEAT('ü', 5000), REPEAT('''', 5000), REPEAT(0xFF, 9000), REPEAT('\\', 60000),
    REPEAT('🐘', 300000));
CREATE TABLE long_row (id int PRIMARY KEY, a longblob);
SET @block = (SELECT UNHEX(GROUP_CONCAT(SHA2(id, 512) ORDER BY id SEPARATOR '')) FROM many_rows WHERE id < 4096);
INSERT INTO long_row VALUES (1, ''), (2, REPEAT(@block, 80)), (3, 'after');
