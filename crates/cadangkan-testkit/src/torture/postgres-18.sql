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
