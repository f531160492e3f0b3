-- Every data type with the values at its edges, and rows from nothing to 20 MB. Values do not depend on settings.
SET datestyle TO 'ISO, YMD';
SET timezone TO 'UTC';
SET intervalstyle TO 'postgres';
CREATE SCHEMA "values";
SET search_path TO "values";

CREATE TABLE integers (a smallint, b int, c bigint, d oid);
INSERT INTO integers VALUES (-32768, -2147483648, -9223372036854775808, 0), (32767, 2147483647, 9223372036854775807, 4294967295),
    (0, 0, 0, 1), (NULL, NULL, NULL, NULL);
CREATE TABLE floats (a real, b double precision);
INSERT INTO floats VALUES ('NaN', 'NaN'), ('Infinity', 'Infinity'), ('-Infinity', '-Infinity'), ('-0', '-0'),
    (1e-45, 5e-324), (3.4028235e38, 1.7976931348623157e308), (0.1, 0.1), (1.0 / 3, 1.0 / 3), (NULL, NULL);
CREATE TABLE numerics (a numeric, b numeric(1000, 500), c numeric(3, 0), d money);
INSERT INTO numerics VALUES ('NaN', 'NaN', 'NaN', '-92233720368547758.08'), (0, 0, 0, '92233720368547758.07'),
    (0.00000, 1e-500, -999, 0), (('1' || repeat('0', 131071))::numeric, 1e499, 999, NULL),
    (('0.' || repeat('0', 16382) || '1')::numeric, -1e499, NULL, 0.01);
CREATE TABLE characters (a text, b varchar(10), c char(10), d "char", e name, f text COLLATE "C");
INSERT INTO characters VALUES
    ('', '', '', '', '', ''), (NULL, NULL, NULL, NULL, NULL, NULL), ('\N', '\N', '\N', '\', '\N', '\N'),
    (E'\\.', E'\\.', E'\\.', '.', E'\\.', E'\\.'), (E'\n\\.\n', E'\n\\.\n', E'\n\\.\n', E'\n', E'\n\\.\n', E'\\.\n\\.'),
    (E'\t\b\f\v\r\n\\', E'\t\b\f\v\r\n\\', E'\t\b\f\v\r\n\\', E'\t', E'\t', E'\r\n\r'),
    (E'\x01\x02\x1f\x7f', E'\x01', E'\x7f', E'\x7f', E'\x01', E'\x1f'),
    ('🐘𝔘𐍈 é ä', '🐘𝔘𐍈', '🐘', 'z', '🐘', E'\U0010FFFF\uFFFF\uFEFF'),
    (' a ', ' a ', ' a ', ' ', ' a ', 'e' || U&'\0301'), ('NULL', 'null', '"', '''', '"', '{}'), ('-- x; Type: TABLE', 'COPY x', ';', ';', 'x', '$$');
CREATE TABLE bytes (a bytea);
INSERT INTO bytes SELECT decode(string_agg(lpad(to_hex(n), 2, '0'), ''), 'hex') FROM generate_series(0, 255) n;
INSERT INTO bytes VALUES (''), (NULL), ('\x00'), ('\x5c785c2e'), ('\x0a0d09');
CREATE TABLE times (a date, b time, c timetz, d timestamp, e timestamptz, f interval, g timestamp(0), h interval day to second(3));
INSERT INTO times VALUES
    ('infinity', '00:00:00', '00:00:00+15:59:59', 'infinity', 'infinity', '178000000 years', '2000-01-01', '1 day 00:00:01.123'),
    ('-infinity', '24:00:00', '24:00:00-15:59:59', '-infinity', '-infinity', '-178000000 years', '2000-01-01', '-1 day'),
    ('4714-11-24 BC', '23:59:59.999999', '12:00:00.5+05:30', '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC',
        '1 mon -1 day 00:00:00.000001', '0001-01-01 BC', '0'),
    ('5874897-12-31', '00:00:00.000001', '00:00:00+00', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00',
        '00:00:00', '1999-12-31 23:59:59.6', NULL),
    ('4713-01-01 BC', NULL, NULL, '4713-01-01 BC', '1883-11-18 12:03:57+00', '-00:00:00.000001', NULL, NULL),
    ('2024-02-29', NULL, NULL, '2016-12-31 23:59:60', '2024-03-31 01:59:59.999999+00', '-1 years -2 mons +3 days -04:05:06', NULL, NULL);
CREATE TABLE booleans (a boolean, b bit(3), c varbit, d bit varying(5));
INSERT INTO booleans VALUES (true, '101', '', '10101'), (false, '000', repeat('10', 1000)::varbit, ''), (NULL, NULL, NULL, NULL);
CREATE TABLE networks (a inet, b cidr, c macaddr, d macaddr8);
INSERT INTO networks VALUES ('::1', '::/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff'), ('10.1.2.3/8', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
    ('::ffff:1.2.3.4/128', '2001:db8::/32', NULL, NULL);
CREATE TABLE geometry (a point, b line, c lseg, d box, e path, f polygon, g circle);
INSERT INTO geometry VALUES
    ('(NaN,Infinity)', '{1,-1,0}', '[(0,0),(1e300,-1e-300)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(0,1),(1,1))', '<(0,0),0>'),
    ('(-0,0.1)', '{0,1,-5e-324}', '[(0,0),(0,0)]', '(0,0),(0,0)', '((0,0))', '((0,0))', '<(1,2),Infinity>');
CREATE TABLE identifiers (a uuid, b pg_lsn, c xid, d cid, e tid, f txid_snapshot);
INSERT INTO identifiers VALUES ('00000000-0000-0000-0000-000000000000', '0/0', '0', '0', '(0,0)', '1:1:'),
    ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'FFFFFFFF/FFFFFFFF', '4294967295', '4294967295', '(4294967295,65535)', '10:20:10,14,15');
CREATE TABLE objects (a regclass, b regtype, c regproc, d regprocedure, e regoperator, f regnamespace, g regrole, h regconfig, i aclitem);
INSERT INTO objects VALUES ('pg_class', 'int[]', 'pg_catalog.pg_sleep', 'pg_catalog.lower(text)', '+(int,int)', 'pg_catalog',
    'postgres', 'english', 'postgres=r*w/postgres'), ('0', '0', '0', '0', '0', '-', '0', '0', '=r/postgres');
CREATE TABLE documents (a json, b jsonb, c jsonpath, d tsvector, e tsquery);
INSERT INTO documents VALUES
    ('{"b": 1, "a" : [1e400, "\u0000"], "b": null}', '{"b": 1, "a": [1e400, "\"\\\n\u00e9🐘"]}', '$.a[*] ? (@ > 1)', '''it''''s'':1A,2B ''\\'':3', '''a'' & !( ''b'':*A | ''c'' <-> ''d'' )'),
    ('  null  ', 'null', 'strict $', '', ''), ('"\\."', '"\\."', NULL, NULL, NULL), (E'[\n\t1\r\n]', '[]', NULL, NULL, NULL);
CREATE TABLE ranges (a int4range, b int8range, c numrange, d tsrange, e tstzrange, f daterange, g torture.float_range);
INSERT INTO ranges VALUES ('empty', 'empty', 'empty', 'empty', 'empty', 'empty', 'empty'), ('(,)', '(,)', '(,)', '(,)', '(,)', '(,)', '(,)'),
    ('[1,2)', '[-9223372036854775808,)', '[1.10,2.0]', '["2020-01-01 00:00:00",infinity]', '(-infinity,"2020-01-01 00:00:00+00"]', '[infinity,]', '[NaN,NaN]');
CREATE TABLE arrays (a int[], b text[], c int[][], d torture.pair[], e torture.mood[], f torture.secret[], g box[]);
INSERT INTO arrays VALUES
    ('{}', '{}', '{}', '{}', '{}', '{}', '{}'), ('{NULL,1}', '{NULL,"NULL","","a,b","\"","\\","{}"," "}', '{{1,2},{3,NULL}}',
        ARRAY[ROW(1, 'a"b,(c)\', '{1.25}'), ROW(NULL, NULL, NULL), NULL]::torture.pair[], '{"with, comma","",NULL}', '{a|b}', '{(1,1),(0,0);(2,2),(1,1)}'),
    ('[-3:-2]={1,2}', '[0:0]={x}', '[2:3][-1:0]={{1,2},{3,4}}', NULL, '[5:5]={sad}', NULL, NULL), (NULL, ARRAY[[['a'], ['b']]], array_fill(7, ARRAY[2, 2]), NULL, NULL, NULL, NULL);
CREATE TABLE composites (a torture.pair, b torture.nested, c torture.even, d torture.label, e torture.mood, f torture.secret);
INSERT INTO composites VALUES (ROW(1, E'a\n\\"b\t', '{NULL}'), ROW(ROW(1, '', '{}'), '{sad,second}'), 2, E'\t', 'ünï 🐘', ''),
    (ROW(NULL, NULL, NULL), ROW(NULL, NULL), 998, NULL, '', E'\\x00'), (NULL, NULL, 4, '', NULL, NULL);
SELECT EXISTS (SELECT FROM pg_catalog.pg_config WHERE name = 'CONFIGURE' AND setting LIKE '%--with-libxml%') AS have_xml \gset
\if :have_xml
CREATE TABLE markup (a xml);
INSERT INTO markup VALUES ('<a b="c">&lt;é</a>'), (''), ('text <b/> only'), (NULL);
\endif

-- Rows from nothing to 20 MB, of text that compresses and of text that does not
CREATE TABLE sizes (n int, v text);
ALTER TABLE sizes ALTER v SET STORAGE EXTERNAL;
INSERT INTO sizes SELECT n, repeat('0123456789abcdef', n / 16) FROM unnest(ARRAY[0, 16, 2048, 8192, 65536, 1048576, 20971520]) n;
INSERT INTO sizes SELECT 1000000, string_agg(md5(n::text), E'\t\n\\') FROM generate_series(1, 28571) n;
CREATE TABLE huge_bytes (v bytea);
INSERT INTO huge_bytes SELECT decode(string_agg(md5(n::text), ''), 'hex') FROM generate_series(1, 262144) n;
CREATE TABLE many_rows (id int PRIMARY KEY, v text);
INSERT INTO many_rows SELECT n, CASE WHEN n % 7 > 0 THEN md5(n::text) END FROM generate_series(1, 50000) n;
DELETE FROM many_rows WHERE id % 3 = 0;
CREATE TABLE all_null (a int, b text, c int[]);
INSERT INTO all_null SELECT FROM generate_series(1, 1000);
CREATE TABLE all_empty (a text);
INSERT INTO all_empty SELECT '' FROM generate_series(1, 1000);
RESET search_path;
RESET datestyle;
RESET timezone;
RESET intervalstyle;
