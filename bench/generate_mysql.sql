-- Fills an empty database to measure on: TPC-H from the files in this folder, and @documents rows of wide text and JSON.
SET SESSION sql_log_bin = 0, foreign_key_checks = 0, unique_checks = 0;
CREATE TABLE region (r_regionkey int NOT NULL, r_name char(25) NOT NULL, r_comment varchar(152), PRIMARY KEY (r_regionkey));
CREATE TABLE nation (n_nationkey int NOT NULL, n_name char(25) NOT NULL, n_regionkey int NOT NULL, n_comment varchar(152),
    PRIMARY KEY (n_nationkey));
CREATE TABLE supplier (s_suppkey int NOT NULL, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey int NOT NULL,
    s_phone char(15) NOT NULL, s_acctbal decimal(15, 2) NOT NULL, s_comment varchar(101) NOT NULL, PRIMARY KEY (s_suppkey));
CREATE TABLE customer (c_custkey int NOT NULL, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL,
    c_nationkey int NOT NULL, c_phone char(15) NOT NULL, c_acctbal decimal(15, 2) NOT NULL, c_mktsegment char(10) NOT NULL,
    c_comment varchar(117) NOT NULL, PRIMARY KEY (c_custkey));
CREATE TABLE part (p_partkey int NOT NULL, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL,
    p_type varchar(25) NOT NULL, p_size int NOT NULL, p_container char(10) NOT NULL, p_retailprice decimal(15, 2) NOT NULL,
    p_comment varchar(23) NOT NULL, PRIMARY KEY (p_partkey));
CREATE TABLE partsupp (ps_partkey int NOT NULL, ps_suppkey int NOT NULL, ps_availqty int NOT NULL,
    ps_supplycost decimal(15, 2) NOT NULL, ps_comment varchar(199) NOT NULL, PRIMARY KEY (ps_partkey, ps_suppkey));
CREATE TABLE orders (o_orderkey bigint NOT NULL, o_custkey int NOT NULL, o_orderstatus char(1) NOT NULL,
    o_totalprice decimal(15, 2) NOT NULL, o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL,
    o_shippriority int NOT NULL, o_comment varchar(79) NOT NULL, PRIMARY KEY (o_orderkey));
CREATE TABLE lineitem (l_orderkey bigint NOT NULL, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int NOT NULL,
    l_quantity decimal(15, 2) NOT NULL, l_extendedprice decimal(15, 2) NOT NULL, l_discount decimal(15, 2) NOT NULL,
    l_tax decimal(15, 2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL, PRIMARY KEY (l_orderkey, l_linenumber));
LOAD DATA LOCAL INFILE 'region.csv' INTO TABLE region
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'nation.csv' INTO TABLE nation
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'supplier.csv' INTO TABLE supplier
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'customer.csv' INTO TABLE customer
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'part.csv' INTO TABLE part
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'partsupp.csv' INTO TABLE partsupp
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'orders.csv' INTO TABLE orders
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;
LOAD DATA LOCAL INFILE 'lineitem.csv' INTO TABLE lineitem
    FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '"' ESCAPED BY '' IGNORE 1 LINES;

-- Sentences of TPC-H, put together differently in each row, so that it compresses like prose.
CREATE TABLE documents (id bigint NOT NULL, title varchar(100) NOT NULL, body longtext NOT NULL, attributes json NOT NULL,
    PRIMARY KEY (id));
CREATE TEMPORARY TABLE sentences (n int NOT NULL PRIMARY KEY, sentence varchar(79) NOT NULL);
INSERT INTO sentences SELECT row_number() OVER (ORDER BY o_orderkey) - 1, o_comment FROM orders WHERE o_orderkey < 100000;
SET @sentences = (SELECT count(*) FROM sentences);
DELIMITER //
CREATE PROCEDURE write_documents()
-- A thousand at once: what a group holds stays in memory.
FOR part IN 0 .. (@documents - 1) DIV 1000 DO
    INSERT INTO documents
        SELECT id, substring_index(body, '\n', 1), replace(body, '\n', ' '), json_object(
            'author', concat('Clerk#', h MOD 1000), 'words', length(body), 'score', h MOD 10000 / 100, 'hash', md5(id),
            'tags', json_array(substr(body, 1 + h MOD 90, 12), substr(body, 101 + h MOD 77, 9)),
            'seen', json_object('at', from_unixtime(h MOD 1700000000), 'by', NULL, 'ok', h MOD 3 > 0))
        FROM (SELECT document.seq AS id, crc32(document.seq) AS h,
                group_concat(sentence ORDER BY piece.seq SEPARATOR '\n') AS body
            FROM seq_1_to_1000000000 AS document
            JOIN seq_0_to_59 AS piece ON piece.seq <= 10 + crc32(document.seq) MOD 50
            JOIN sentences ON n = crc32(concat(document.seq, '.', piece.seq)) MOD @sentences
            WHERE document.seq BETWEEN 1000 * part + 1 AND least(1000 * (part + 1), @documents)
            GROUP BY document.seq) AS written;
END FOR//
DELIMITER ;
CALL write_documents();
DROP PROCEDURE write_documents;

ALTER TABLE nation ADD FOREIGN KEY (n_regionkey) REFERENCES region (r_regionkey);
ALTER TABLE supplier ADD FOREIGN KEY (s_nationkey) REFERENCES nation (n_nationkey);
ALTER TABLE customer ADD FOREIGN KEY (c_nationkey) REFERENCES nation (n_nationkey);
ALTER TABLE partsupp ADD FOREIGN KEY (ps_partkey) REFERENCES part (p_partkey),
    ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier (s_suppkey);
ALTER TABLE orders ADD KEY (o_custkey), ADD FOREIGN KEY (o_custkey) REFERENCES customer (c_custkey);
ALTER TABLE lineitem ADD KEY (l_shipdate), ADD FOREIGN KEY (l_orderkey) REFERENCES orders (o_orderkey),
    ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp (ps_partkey, ps_suppkey);
ALTER TABLE documents ADD KEY (title);
