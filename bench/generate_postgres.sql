-- Fills an empty database to measure on: TPC-H from the files in $TABLES, and :documents rows of wide text and jsonb.
CREATE TABLE region (r_regionkey int, r_name char(25) NOT NULL, r_comment varchar(152));
CREATE TABLE nation (n_nationkey int, n_name char(25) NOT NULL, n_regionkey int NOT NULL, n_comment varchar(152));
CREATE TABLE supplier (s_suppkey int, s_name char(25) NOT NULL, s_address varchar(40) NOT NULL, s_nationkey int NOT NULL,
    s_phone char(15) NOT NULL, s_acctbal numeric(15, 2) NOT NULL, s_comment varchar(101) NOT NULL);
CREATE TABLE customer (c_custkey int, c_name varchar(25) NOT NULL, c_address varchar(40) NOT NULL, c_nationkey int NOT NULL,
    c_phone char(15) NOT NULL, c_acctbal numeric(15, 2) NOT NULL, c_mktsegment char(10) NOT NULL, c_comment varchar(117) NOT NULL);
CREATE TABLE part (p_partkey int, p_name varchar(55) NOT NULL, p_mfgr char(25) NOT NULL, p_brand char(10) NOT NULL,
    p_type varchar(25) NOT NULL, p_size int NOT NULL, p_container char(10) NOT NULL, p_retailprice numeric(15, 2) NOT NULL,
    p_comment varchar(23) NOT NULL);
CREATE TABLE partsupp (ps_partkey int, ps_suppkey int, ps_availqty int NOT NULL, ps_supplycost numeric(15, 2) NOT NULL,
    ps_comment varchar(199) NOT NULL);
CREATE TABLE orders (o_orderkey bigint, o_custkey int NOT NULL, o_orderstatus char(1) NOT NULL, o_totalprice numeric(15, 2) NOT NULL,
    o_orderdate date NOT NULL, o_orderpriority char(15) NOT NULL, o_clerk char(15) NOT NULL, o_shippriority int NOT NULL,
    o_comment varchar(79) NOT NULL);
CREATE TABLE lineitem (l_orderkey bigint, l_partkey int NOT NULL, l_suppkey int NOT NULL, l_linenumber int,
    l_quantity numeric(15, 2) NOT NULL, l_extendedprice numeric(15, 2) NOT NULL, l_discount numeric(15, 2) NOT NULL,
    l_tax numeric(15, 2) NOT NULL, l_returnflag char(1) NOT NULL, l_linestatus char(1) NOT NULL, l_shipdate date NOT NULL,
    l_commitdate date NOT NULL, l_receiptdate date NOT NULL, l_shipinstruct char(25) NOT NULL, l_shipmode char(10) NOT NULL,
    l_comment varchar(44) NOT NULL);
\copy region FROM PROGRAM 'cat "$TABLES/region.csv"' WITH (FORMAT csv, HEADER)
\copy nation FROM PROGRAM 'cat "$TABLES/nation.csv"' WITH (FORMAT csv, HEADER)
\copy supplier FROM PROGRAM 'cat "$TABLES/supplier.csv"' WITH (FORMAT csv, HEADER)
\copy customer FROM PROGRAM 'cat "$TABLES/customer.csv"' WITH (FORMAT csv, HEADER)
\copy part FROM PROGRAM 'cat "$TABLES/part.csv"' WITH (FORMAT csv, HEADER)
\copy partsupp FROM PROGRAM 'cat "$TABLES/partsupp.csv"' WITH (FORMAT csv, HEADER)
\copy orders FROM PROGRAM 'cat "$TABLES/orders.csv"' WITH (FORMAT csv, HEADER)
\copy lineitem FROM PROGRAM 'cat "$TABLES/lineitem.csv"' WITH (FORMAT csv, HEADER)

-- Sentences of TPC-H, put together differently in each row, so that it compresses like prose.
CREATE TABLE documents (id bigint NOT NULL, title text NOT NULL, body text NOT NULL, attributes jsonb NOT NULL);
ALTER TABLE documents ALTER body SET STORAGE EXTERNAL;
SELECT set_config('bench.documents', :'documents', false) AS documents \gset
DO $do$
DECLARE
    sentences text[] := (SELECT array_agg(o_comment ORDER BY o_orderkey) FROM orders WHERE o_orderkey < 100000);
    many int := cardinality(sentences);
    body text;
    h bigint;
BEGIN
    FOR id IN 1 .. current_setting('bench.documents')::bigint LOOP
        body := '';
        h := hashint8extended(id, 0) & 1073741823;
        FOR piece IN 1 .. 10 + h % 50 LOOP
            h := (h * 1103515245 + 12345) & 1073741823;
            body := body || sentences[1 + (h >> 8) % many] || ' ';
        END LOOP;
        INSERT INTO documents VALUES (id, sentences[1 + h % many], body, jsonb_build_object(
            'author', 'Clerk#' || h % 1000, 'words', length(body), 'score', h % 10000 / 100.0, 'hash', md5(id::text),
            'tags', jsonb_build_array(left(sentences[1 + h % 5000], 12), left(sentences[1 + h % 777], 9)),
            'seen', jsonb_build_object('at', to_timestamp(h), 'by', NULL, 'ok', h % 3 > 0)));
    END LOOP;
END
$do$;

ALTER TABLE region ADD PRIMARY KEY (r_regionkey);
ALTER TABLE nation ADD PRIMARY KEY (n_nationkey), ADD FOREIGN KEY (n_regionkey) REFERENCES region;
ALTER TABLE supplier ADD PRIMARY KEY (s_suppkey), ADD FOREIGN KEY (s_nationkey) REFERENCES nation;
ALTER TABLE customer ADD PRIMARY KEY (c_custkey), ADD FOREIGN KEY (c_nationkey) REFERENCES nation;
ALTER TABLE part ADD PRIMARY KEY (p_partkey);
ALTER TABLE partsupp ADD PRIMARY KEY (ps_partkey, ps_suppkey), ADD FOREIGN KEY (ps_partkey) REFERENCES part,
    ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier;
ALTER TABLE orders ADD PRIMARY KEY (o_orderkey), ADD FOREIGN KEY (o_custkey) REFERENCES customer;
ALTER TABLE lineitem ADD PRIMARY KEY (l_orderkey, l_linenumber), ADD FOREIGN KEY (l_orderkey) REFERENCES orders,
    ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp;
ALTER TABLE documents ADD PRIMARY KEY (id);
CREATE INDEX ON orders (o_custkey);
CREATE INDEX ON lineitem (l_shipdate);
CREATE INDEX ON documents USING gin (attributes jsonb_path_ops);
