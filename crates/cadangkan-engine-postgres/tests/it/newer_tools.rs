//! Definitions by a pg_dump that is newer than the server.

use cadangkan_engine::{DumpRequest, LoadRequest};
use cadangkan_testkit::servers::{PostgresServer, postgres};
use serde_json::json;

use crate::load_support::{Absent, fresh, restore_stream};
use crate::support::{dump, engine, engine_with, fingerprints, load};

const TABLES: &str = "CREATE TABLE plain (a int, b text);
    ALTER TABLE plain ALTER a SET (n_distinct = -0.5, n_distinct_inherited = 7), ALTER b SET (n_distinct = 3);
    INSERT INTO plain VALUES (1, 'one'), (2, NULL);
    CREATE MATERIALIZED VIEW kept AS SELECT a FROM plain;
    CREATE VIEW seen AS SELECT a, b AS \"SET (pg_attver=1)\" FROM plain;
    CREATE TABLE parts (a int) PARTITION BY LIST (a);
    CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);
    INSERT INTO parts VALUES (1);";

#[test]
fn older_and_newer_servers_take_what_it_writes() {
    let servers = postgres();
    for server in &servers {
        let newer: Vec<_> =
            servers.iter().filter(|other| other.version > server.version && other.bin.is_some()).collect();
        for tools in newer {
            let source = server.database();
            source.psql(TABLES);
            let by_newer = engine_with(&source.url, json!({ "pg_bin": tools.bin }));
            let dumped = dump(&*by_newer, &DumpRequest::default()).unwrap();
            let said = &dumped.start.tool_versions[0].1;
            assert!(said.starts_with(&tools.version.to_string()), "{said}");
            for target in [server, tools] {
                let target = target.database();
                load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
                assert_eq!(fingerprints(&*engine(&target)), fingerprints(&*engine(&source)));
                assert_eq!(
                    target.psql(OPTIONS),
                    source.psql(OPTIONS),
                    "{} by {}",
                    server.version,
                    tools.version
                );
            }
            foreign(server, tools, &source.name);
        }
    }
}

/// A script of pg_dump itself, run statement by statement.
fn foreign(server: &PostgresServer, tools: &PostgresServer, name: &str) {
    let script = std::process::Command::new(tools.bin.as_ref().unwrap().join("pg_dump"))
        .env("PGPASSWORD", PostgresServer::PASSWORD)
        .arg(format!("--dbname={}", server.url_of(name)))
        .output()
        .unwrap();
    assert!(script.status.success());
    let target = Absent::new(tools, "newer_");
    restore_stream(&*target.engine(), &LoadRequest::default(), &script.stdout, 1 << 20).unwrap();
    assert_eq!(target.psql(OPTIONS), server.psql(name, OPTIONS));
}

/// What a person set; some builds keep a number of their own beside it.
const OPTIONS: &str = "SELECT a.attrelid::regclass, a.attname, o FROM pg_attribute a, unnest(a.attoptions) o
  WHERE a.attrelid::regclass::text = 'plain' AND o !~ '^pg_attver=' ORDER BY 1, 2, 3";
