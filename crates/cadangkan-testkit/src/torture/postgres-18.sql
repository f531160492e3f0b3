-- What came with PostgreSQL 18.
CREATE TABLE torture.virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c int GENERATED ALWAYS AS (a * 3) STORED, d text);
INSERT INTO torture.virtual (a, d) VALUES (1, 'one'), (NULL, NULL);
CREATE TABLE torture.not_enforced (a int, CONSTRAINT never_checked CHECK (a > 100) NOT ENFORCED,
    CONSTRAINT never_found FOREIGN KEY (a) REFERENCES torture.hen NOT ENFORCED);
INSERT INTO torture.not_enforced VALUES (1);
CREATE TABLE torture.not_null (a int, b int CONSTRAINT "named ""not null""" NOT NULL NO INHERIT);
INSERT INTO torture.not_null VALUES (NULL, 1);
ALTER TABLE torture.not_null ADD CONSTRAINT late NOT NULL a NOT VALID;
COMMENT ON CONSTRAINT late ON torture.not_null IS 'not valid';
CREATE TABLE torture.published_virtual (a int, b int GENERATED ALWAYS AS (a) STORED);
CREATE PUBLICATION generated_too FOR TABLE torture.published_virtual WITH (publish_generated_columns = stored);
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'btree_gist') AS have_btree_gist \gset
\if :have_btree_gist
CREATE EXTENSION btree_gist SCHEMA extensions;
CREATE TABLE torture.rooms (id int, during daterange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
CREATE TABLE torture.stays (room int, during daterange, FOREIGN KEY (room, PERIOD during) REFERENCES torture.rooms (id, PERIOD during));
INSERT INTO torture.rooms VALUES (1, '[2020-01-01,2020-02-01)'), (1, '[2020-02-01,)');
INSERT INTO torture.stays VALUES (1, '[2020-01-15,2020-02-15)');
\endif
CREATE DOMAIN torture.never_null AS int CONSTRAINT "named so" NOT NULL DEFAULT 7;
CREATE TABLE torture.named_keys (id int CONSTRAINT "id is there" NOT NULL, a int CONSTRAINT "a is there" NOT NULL, CONSTRAINT named_keys_pk PRIMARY KEY (id));
CREATE TABLE torture.named_child (b int, CONSTRAINT "of the child" NOT NULL b) INHERITS (torture.named_keys);
CREATE TABLE torture.named_parts (a int CONSTRAINT "of all" NOT NULL, b int) PARTITION BY LIST (a);
CREATE TABLE torture.named_parts_1 PARTITION OF torture.named_parts (b CONSTRAINT "of one" NOT NULL) FOR VALUES IN (1);
INSERT INTO torture.named_keys VALUES (1, 2);
INSERT INTO torture.named_parts VALUES (1, 1);
CREATE TABLE torture.made_ids (id uuid DEFAULT uuidv7(), at timestamptz DEFAULT '2020-01-01 00:00:00+00');
CREATE FUNCTION torture.old_and_new() RETURNS SETOF int LANGUAGE sql BEGIN ATOMIC
    UPDATE torture.checked SET a = a + 1 RETURNING old.a + new.a;
END;
CREATE TABLE torture.virtual_parts (a int, b text GENERATED ALWAYS AS (a::text) VIRTUAL) PARTITION BY LIST (a);
CREATE TABLE torture.virtual_parts_1 PARTITION OF torture.virtual_parts (b GENERATED ALWAYS AS ('one: ' || a) VIRTUAL) FOR VALUES IN (1);
INSERT INTO torture.virtual_parts (a) VALUES (1);
CREATE TABLE torture.late_enforced (a int, b int CONSTRAINT "not yet" CHECK (b > 0) NOT ENFORCED);
INSERT INTO torture.late_enforced VALUES (1, -1);
CREATE FOREIGN TABLE torture.far_not_null (a int CONSTRAINT "far away" NOT NULL) SERVER nowhere;
