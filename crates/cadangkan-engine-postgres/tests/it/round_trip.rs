//! What was dumped is restored: the same rows, and the same definitions.

use std::io::Write as _;
use std::process::Stdio;

use cadangkan_engine::{DumpRequest, LoadMode, LoadOptions};
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres};
use cadangkan_testkit::torture::load_postgres;

use crate::support::{Dump, dump, engine, fingerprints, load};

fn tortured(server: &PostgresServer) -> (TestDatabase, Dump) {
    let source = server.database();
    load_postgres(&source);
    let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
    (source, dumped)
}

#[test]
fn the_torture_schema_comes_back_equal() {
    for server in postgres() {
        let (source, dumped) = tortured(&server);
        let target = server.database();
        load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        assert_equal(&source, &target, &dumped);
    }
}

#[test]
fn psql_restores_the_archive_as_it_stands() {
    for server in postgres() {
        let (source, dumped) = tortured(&server);
        let target = server.database();
        let mut psql = server.tool("psql", &target.name);
        psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
        let mut child =
            psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let script = dumped.script();
        // psql stops reading at an error, which its status tells.
        std::thread::scope(|scope| {
            scope.spawn(move || input.write_all(&script).is_ok());
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success(),
                "PostgreSQL {}: {}",
                server.version,
                String::from_utf8_lossy(&output.stderr)
            );
        });
        assert_equal(&source, &target, &dumped);
    }
}

#[test]
fn one_transaction_gives_the_same() {
    for server in postgres() {
        let (source, dumped) = tortured(&server);
        let target = server.database();
        let mut request = dumped.request(LoadMode::Fresh);
        request.options = LoadOptions { single_transaction: true, ..LoadOptions::default() };
        load(&*engine(&target), &dumped, &request).unwrap();
        assert_equal(&source, &target, &dumped);
    }
}

/// Content by fingerprints, three ways; definitions by pg_dump's own words; large objects and sequences by query.
fn assert_equal(source: &TestDatabase, target: &TestDatabase, dumped: &Dump) {
    let version = source.server.version;
    let (expected, found) = (fingerprints(&*engine(source)), fingerprints(&*engine(target)));
    assert_eq!(expected, found, "rows on PostgreSQL {version}");
    for table in &expected {
        let of_dump = dumped.objects.iter().find(|object| object.name == table.name);
        let of_dump = of_dump.unwrap_or_else(|| panic!("{} is not in the dump", table.name));
        assert_eq!((of_dump.rows, of_dump.fingerprint), (table.rows, table.fingerprint), "{}", table.name);
    }
    assert_eq!(source.schema(), target.schema(), "definitions on PostgreSQL {version}");
    for query in [SEQUENCES, LARGE_OBJECTS, VIEWS, SETTINGS, EXTRAS] {
        assert_eq!(source.psql(query), target.psql(query), "PostgreSQL {version}: {query}");
    }
}

const SEQUENCES: &str = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2";

const LARGE_OBJECTS: &str = "SELECT oid, pg_get_userbyid(lomowner), lomacl, md5(lo_get(oid)),
  obj_description(oid, 'pg_largeobject') FROM pg_largeobject_metadata ORDER BY 1";

const VIEWS: &str = "SELECT schemaname, matviewname, ispopulated,
  md5(query_to_xml(format('SELECT * FROM %I.%I m ORDER BY m::text', schemaname, matviewname), true, false, '')::text)
  FROM pg_matviews WHERE ispopulated ORDER BY 1, 2";

const SETTINGS: &str =
    "SELECT r.rolname, s.setconfig FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = setrole
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1";

const EXTRAS: &str =
    "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()";
