-- Roles belong to the whole server: they stay, are the same for all databases, and two tests may make them at once.
BEGIN;
LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE;
DO $do$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['owner', 'reader', 'writer', 'O''Brien "x" \ $$ ; é'] LOOP
        wanted := 'cadangkan_torture_' || wanted;
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I', wanted);
            EXECUTE format('COMMENT ON ROLE %I IS %L', wanted, 'made by a test; ''quoted''');
        END IF;
    END LOOP;
    IF NOT pg_has_role('cadangkan_torture_writer', 'cadangkan_torture_reader', 'MEMBER') THEN
        GRANT cadangkan_torture_reader TO cadangkan_torture_writer WITH ADMIN OPTION;
    END IF;
END
$do$;
COMMIT;
SELECT format('GRANT CREATE, CONNECT ON DATABASE %I TO cadangkan_torture_owner', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET search_path TO "$user", public, "odd ""schema"""', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET datestyle TO ''German, YMD''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET extra_float_digits TO 0', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET intervalstyle TO ''sql_standard''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET bytea_output TO ''escape''', current_database()) \gexec
SELECT format('ALTER DATABASE %I SET timezone TO ''Asia/Kolkata''', current_database()) \gexec
SELECT format('ALTER ROLE cadangkan_torture_reader IN DATABASE %I SET work_mem TO ''8MB''', current_database()) \gexec
SELECT format('COMMENT ON DATABASE %I IS ''a "database" of everything''', current_database()) \gexec
