//! What each mode of a restore does to the target.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpOptions, DumpRequest, LoadMode, LoadOptions, LoadRequest};
use cadangkan_testkit::servers::postgres;
use cadangkan_testkit::torture::load_postgres;

use crate::load_support::{Absent, Role, feed, fresh, leftovers, plan, shop, table_names, tables, told};
use crate::support::{controlled, dump, engine, fingerprints, load};

#[test]
fn a_database_that_is_not_there_is_made() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        let target = Absent::new(&server, "new; \"Ünd\" 'x\\ ");
        let request = fresh(&dumped);
        let planned = plan(&*target.engine(), &request).unwrap();
        assert!(planned.present.is_none() && !planned.destructive);
        let (report, _) = load(&*target.engine(), &dumped, &request).unwrap();
        assert_eq!(report.tables, 3);
        assert!(
            report.objects.iter().all(|object| object.fingerprint.is_some()) && report.objects.len() == 3
        );
        assert_eq!(fingerprints(&*target.engine()), fingerprints(&*engine(&source)));
        assert_eq!(server.schema(&target.name), source.schema());
        assert_eq!(target.family(), std::slice::from_ref(&target.name));
        let facts =
            "SELECT shobj_description(oid, 'pg_database') IS NULL, pg_encoding_to_char(encoding), datcollate
                       FROM pg_database WHERE datname = current_database()";
        assert_eq!(target.psql(facts), source.psql(facts));
        assert_eq!(target.psql("SELECT lo_get(4711)"), source.psql("SELECT lo_get(4711)"));
        assert_eq!(target.psql("SELECT count(*) FROM pg_stats WHERE tablename = 'customers'"), "3\n");
        assert!(leftovers(&*target.engine()).is_empty());
    }
}

#[test]
fn fresh_names_what_is_in_the_way() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        let error = plan(&*engine(&source), &fresh(&dumped)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(
            told(&error).contains("customers") && told(&error).contains("--mode replace"),
            "{}",
            told(&error)
        );
        let only_large = server.database();
        only_large.psql("SELECT lo_create(1)");
        assert_eq!(plan(&*engine(&only_large), &fresh(&dumped)).err().unwrap().kind(), ErrorKind::Conflict);
        let prepared = server.database();
        prepared.psql("CREATE SCHEMA app");
        assert!(plan(&*engine(&prepared), &fresh(&dumped)).is_ok());
    }
}

#[test]
fn a_table_is_restored_beside_others() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        source.psql("CREATE TABLE public.mine AS SELECT 1 AS a; DROP MATERIALIZED VIEW public.frozen; DROP VIEW public.totals;
                     DROP TABLE \"we;ird \"\"one\"\"\".\"or.ders\"");
        let request = LoadRequest { selection: tables(&["customers"]), ..fresh(&dumped) };
        let error = plan(&*engine(&source), &request).err().unwrap();
        assert!(
            error.kind() == ErrorKind::Conflict && told(&error).contains("customers"),
            "{}",
            told(&error)
        );
        let request = LoadRequest { selection: tables(&["or.ders"]), ..fresh(&dumped) };
        load(&*engine(&source), &dumped, &request).unwrap();
        let names: Vec<_> = table_names(&*engine(&source)).into_iter().map(|name| name.name).collect();
        assert_eq!(names, ["customers", "mine", "nothing", "or.ders"]);
        assert_eq!(source.psql("SELECT count(*) FROM \"we;ird \"\"one\"\"\".\"or.ders\""), "4000\n");
    }
}

#[test]
fn replace_takes_over_what_the_database_has() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = Absent::new(&server, "Old \"one\"");
        let quoted = format!("\"{}\"", target.name.replace('"', "\"\""));
        server.psql(
            "postgres",
            &format!(
                "CREATE DATABASE {quoted} TEMPLATE template0; COMMENT ON DATABASE {quoted} IS 'ours';
             ALTER DATABASE {quoted} SET search_path TO \"$user\", public, 'a b';
             ALTER DATABASE {quoted} SET application_name TO '100%';
             ALTER DATABASE {quoted} CONNECTION LIMIT 50; GRANT CREATE ON DATABASE {quoted} TO pg_monitor"
            ),
        );
        target.psql("CREATE TABLE precious AS SELECT 1 AS a");
        let facts = format!("SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), datconnlimit, datallowconn, datdba, shobj_description(oid, 'pg_database'),
               (SELECT array_agg(c ORDER BY c) FROM pg_db_role_setting, unnest(setconfig) c WHERE setdatabase = d.oid)
             FROM pg_database d WHERE datname = '{}'", target.name);
        let before = server.psql("postgres", &facts);
        // A session that would be in the way.
        let mut other = server.tool("psql", &target.name);
        let mut sleeper =
            other.args(["-c", "SELECT pg_sleep(120)"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        let request = dumped.request(LoadMode::Replace);
        let planned = plan(&*target.engine(), &request).unwrap();
        assert!(planned.destructive && planned.present.unwrap().contains("1 table"));
        let (_, notes) = load(&*target.engine(), &dumped, &request).unwrap();
        assert!(!sleeper.wait().unwrap().success());
        assert!(notes.iter().any(|note| note.contains("_before_2026")), "{notes:?}");
        assert_eq!(server.psql("postgres", &facts), before);
        assert_eq!(target.psql("SELECT count(*) FROM customers"), "1000\n");
        let kept = leftovers(&*target.engine());
        assert_eq!(kept.len(), 1);
        assert_eq!(server.psql(&kept[0].location, "SELECT a FROM precious"), "1\n");
        target.engine().discard(&kept[0]).unwrap();
        assert_eq!(target.family(), std::slice::from_ref(&target.name));
        let foreign = cadangkan_core::Leftover { location: target.name.clone(), ..kept[0].clone() };
        assert_eq!(target.engine().discard(&foreign).unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn recreate_drops_first() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = Absent::new(&server, "again_");
        server.psql(
            "postgres",
            &format!(
                "CREATE DATABASE {0} TEMPLATE template0; ALTER DATABASE {0} SET work_mem TO '5MB'",
                target.name
            ),
        );
        target.psql("CREATE TABLE gone (a int)");
        let request = dumped.request(LoadMode::Recreate);
        assert!(plan(&*target.engine(), &request).unwrap().destructive);
        load(&*target.engine(), &dumped, &request).unwrap();
        assert_eq!(table_names(&*target.engine()).len(), 3);
        assert_eq!(target.psql("SHOW work_mem"), "5MB\n");
        assert_eq!(target.family(), std::slice::from_ref(&target.name));
    }
}

#[test]
fn clean_drops_what_the_backup_defines_and_nothing_else() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        let (rows, schema) = (fingerprints(&*engine(&source)), source.schema());
        source.psql("DELETE FROM \"we;ird \"\"one\"\"\".\"or.ders\"; DROP VIEW totals CASCADE");
        load(&*engine(&source), &dumped, &dumped.request(LoadMode::Clean)).unwrap();
        assert_eq!((fingerprints(&*engine(&source)), source.schema()), (rows.clone(), schema));
        // One table of several, which another refers to: nothing is dropped.
        let request = LoadRequest { selection: tables(&["customers"]), ..dumped.request(LoadMode::Clean) };
        let error = load(&*engine(&source), &dumped, &request).unwrap_err();
        assert!(
            told(&error).contains("nothing was done") && told(&error).contains("depend"),
            "{}",
            told(&error)
        );
        assert_eq!(fingerprints(&*engine(&source)), rows);
        source.psql(
            "CREATE TABLE mine (m public.mood); DROP MATERIALIZED VIEW frozen; DROP VIEW totals;
                     UPDATE \"we;ird \"\"one\"\"\".\"or.ders\" SET note = 'x'",
        );
        let request = LoadRequest { selection: tables(&["or.ders"]), ..dumped.request(LoadMode::Clean) };
        load(&*engine(&source), &dumped, &request).unwrap();
        let found: Vec<_> =
            fingerprints(&*engine(&source)).into_iter().filter(|table| table.name.name != "mine").collect();
        assert_eq!(found, rows);
    }
}

#[test]
fn one_table_is_put_back_with_its_sequence() {
    for server in postgres() {
        let source = server.database();
        source.psql("CREATE TABLE t (id serial PRIMARY KEY, a int); INSERT INTO t (a) VALUES (1), (2); CREATE TABLE u (b int)");
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        source.psql("DELETE FROM t; SELECT setval('t_id_seq', 100); INSERT INTO u VALUES (7)");
        let request = LoadRequest { selection: tables(&["t"]), ..dumped.request(LoadMode::Clean) };
        load(&*engine(&source), &dumped, &request).unwrap();
        assert_eq!(source.psql("INSERT INTO t (a) VALUES (3); SELECT id, a FROM t"), "1|1\n2|2\n3|3\n");
        assert_eq!(source.psql("SELECT b FROM u"), "7\n");
    }
}

#[test]
fn tablespaces_are_made_with_the_globals() {
    for server in postgres() {
        let source = server.database();
        // A folder as the server sees it, which may be in a root of its own.
        let (name, folder) = (format!("{}_space", source.name), format!("/tmp/{}", source.name));
        let run = |command: &str| {
            // What does not read to the end may be gone before the server has written.
            let program = format!("cat >/dev/null && {command} {folder}");
            server.psql("postgres", &format!("COPY (SELECT 1) TO PROGRAM '{program}'"));
        };
        run("mkdir -m 700");
        let role = Role::new(&server, "");
        let details = format!(
            "GRANT CREATE ON TABLESPACE {name} TO PUBLIC; COMMENT ON TABLESPACE {name} IS 'it''s fast';
             GRANT CREATE ON TABLESPACE {name} TO {} WITH GRANT OPTION;
             ALTER TABLESPACE {name} SET (random_page_cost = 1.5)",
            role.name
        );
        server.psql("postgres", &format!("CREATE TABLESPACE {name} LOCATION '{folder}'; {details}"));
        let described = format!(
            "SELECT pg_get_userbyid(spcowner), spcoptions, shobj_description(oid, 'pg_tablespace'),
               (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(spcacl) a)
             FROM pg_tablespace WHERE spcname = '{name}'"
        );
        let before = server.psql("postgres", &described);
        assert!(before.contains("it's fast") && before.contains(&role.name), "{before}");
        source.psql(&format!("CREATE TABLE t (a int) TABLESPACE {name}; INSERT INTO t VALUES (1)"));
        let options = DumpOptions { globals: true, ..DumpOptions::default() };
        let mut dumped = dump(&*engine(&source), &DumpRequest { options, ..DumpRequest::default() }).unwrap();
        // Roles of other tests stay out of it.
        dumped.frames.retain(|frame| frame.object.name != "globals");
        source.psql("DROP TABLE t");
        server.psql("postgres", &format!("DROP TABLESPACE {name}"));
        let target = server.database();
        let options = LoadOptions { globals: true, ..LoadOptions::default() };
        load(&*engine(&target), &dumped, &LoadRequest { options, ..fresh(&dumped) }).unwrap();
        assert_eq!(
            target.psql("SELECT tablespace FROM pg_tables WHERE tablename = 't'"),
            format!("{name}\n")
        );
        assert_eq!(server.psql("postgres", &described), before);
        target.psql("DROP TABLE t");
        server.psql("postgres", &format!("DROP TABLESPACE {name}"));
        // Without the folder the table goes to the database's own tablespace.
        run("rmdir");
        let options = LoadOptions { globals: true, ..LoadOptions::default() };
        load(&*engine(&target), &dumped, &LoadRequest { options, ..fresh(&dumped) }).unwrap();
        assert_eq!(target.psql("SELECT tablespace IS NULL FROM pg_tables WHERE tablename = 't'"), "t\n");
    }
}

#[test]
fn data_adds_rows_in_one_piece() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        let request = dumped.request(LoadMode::Data);
        assert!(!plan(&*engine(&source), &request).unwrap().destructive);
        // Keys are taken: all or nothing.
        let before = fingerprints(&*engine(&source));
        let error = load(&*engine(&source), &dumped, &request).unwrap_err();
        assert!(
            told(&error).contains("rolled back") && told(&error).contains("duplicate key"),
            "{}",
            told(&error)
        );
        assert_eq!(fingerprints(&*engine(&source)), before);
        source.psql("TRUNCATE \"we;ird \"\"one\"\"\".\"or.ders\", customers, nothing RESTART IDENTITY");
        let (report, _) = load(&*engine(&source), &dumped, &request).unwrap();
        assert_eq!(report.objects.iter().map(|object| object.rows.unwrap()).sum::<u64>(), 5001);
        assert_eq!(fingerprints(&*engine(&source)), before);
        assert_eq!(source.psql("SELECT nextval('customers_id_seq')"), "1001\n");
        let absent = Absent::new(&server, "nowhere_");
        assert_eq!(plan(&*absent.engine(), &request).err().unwrap().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn schemas_get_another_name() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = server.database();
        let rename =
            vec![("we;ird \"one\"".to_owned(), "Plain".to_owned()), ("public".to_owned(), "p2".to_owned())];
        let options = LoadOptions { rename_schemas: rename, no_owner: true, ..LoadOptions::default() };
        load(&*engine(&target), &dumped, &LoadRequest { options, ..fresh(&dumped) }).unwrap();
        assert_eq!(
            target.psql(
                "SELECT count(*) FROM \"Plain\".\"or.ders\" JOIN p2.customers c ON c.id = \"cust; omer\""
            ),
            "4000\n"
        );
        assert_eq!(target.psql("SELECT nextval('p2.customers_id_seq')"), "1001\n");
    }
}

#[test]
fn one_transaction_that_fails_leaves_nothing() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = server.database();
        // In the way of a table's type, found halfway.
        target.psql("CREATE SCHEMA x");
        let options = LoadOptions { single_transaction: true, ..LoadOptions::default() };
        let request = LoadRequest { options, ..fresh(&dumped) };
        controlled(|control| {
            let engine = engine(&target);
            let planned = engine.plan_load(&request, control).unwrap();
            let load = engine.begin_load(&planned, control).unwrap();
            feed(&*load, &dumped, &planned, control).unwrap();
            drop(load);
        });
        assert!(plan(&*engine(&target), &request).is_ok());
        load(&*engine(&target), &dumped, &request).unwrap();
        assert_eq!(table_names(&*engine(&target)).len(), 3);
    }
}

#[test]
fn clean_and_replace_give_everything_back() {
    for server in postgres() {
        let source = server.database();
        load_postgres(&source);
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let (rows, schema) = (fingerprints(&*engine(&source)), source.schema());
        for mode in [LoadMode::Clean, LoadMode::Replace] {
            let request = LoadRequest { drop_old: true, ..dumped.request(mode) };
            load(&*engine(&source), &dumped, &request).unwrap();
            assert_eq!(fingerprints(&*engine(&source)), rows, "{mode:?}");
            // What is made again inside the target gets the target's default privileges, as a warning says.
            if mode == LoadMode::Replace {
                assert_eq!(difference(&source.schema(), &schema), Vec::<String>::new());
            } else {
                let warnings = plan(&*engine(&source), &request).unwrap().warnings;
                assert!(
                    warnings.iter().any(|warning| warning.contains("default privileges")),
                    "{warnings:?}"
                );
            }
        }
        assert!(leftovers(&*engine(&source)).is_empty());
    }
}

#[test]
fn roles_are_made_when_asked_for() {
    for server in postgres() {
        let source = server.database();
        let role = Role::new(&server, "CREATEDB CONNECTION LIMIT 7");
        source.psql(&format!("CREATE TABLE t (a int); ALTER TABLE t OWNER TO {}", role.name));
        let options = DumpOptions { globals: true, ..DumpOptions::default() };
        let mut dumped = dump(&*engine(&source), &DumpRequest { options, ..DumpRequest::default() }).unwrap();
        for frame in dumped.frames.iter_mut().filter(|frame| frame.object.name == "globals") {
            // Roles of other tests stay out of it.
            let text = String::from_utf8(frame.data.clone()).unwrap();
            let is_ours = |line: &&str| line.starts_with("--") || line.contains(&role.name);
            frame.data =
                text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        }
        source.psql("DROP TABLE t");
        server.psql("postgres", &format!("DROP ROLE {}", role.name));
        let request = fresh(&dumped);
        let error = plan(&*engine(&source), &request).err().unwrap();
        assert!(told(&error).contains("--globals") && told(&error).contains(&role.name), "{}", told(&error));
        let options = LoadOptions { globals: true, ..LoadOptions::default() };
        load(&*engine(&source), &dumped, &LoadRequest { options, ..request }).unwrap();
        let facts = format!(
            "SELECT tableowner, (SELECT rolconnlimit FROM pg_roles WHERE rolname = tableowner) FROM pg_tables WHERE tablename = 't' AND tableowner = '{}'",
            role.name
        );
        assert_eq!(source.psql(&facts), format!("{}|7\n", role.name));
        source.psql("DROP TABLE t");
    }
}

/// The lines of two scripts that are not the same.
fn difference(found: &str, expected: &str) -> Vec<String> {
    let pairs = found.lines().zip(expected.lines()).filter(|(found, expected)| found != expected);
    let mut lines: Vec<_> =
        pairs.take(10).map(|(found, expected)| format!("{found} <> {expected}")).collect();
    if found.len() != expected.len() && lines.is_empty() {
        lines.push(format!("{} bytes <> {} bytes", found.len(), expected.len()));
    }
    lines
}
