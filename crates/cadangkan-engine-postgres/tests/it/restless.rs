//! Definitions that change all the time while a backup begins.

use std::process::{Child, Command, Stdio};

use cadangkan_engine::DumpRequest;
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres};

use crate::load_support::{fresh, told};
use crate::support::{dump, engine, fingerprints, load};

/// What others are told, and what they have done.
const COUNTS: &str = "CREATE TABLE counts (who text PRIMARY KEY, rounds bigint NOT NULL DEFAULT 0);
    CREATE TABLE still (a int PRIMARY KEY); INSERT INTO still SELECT generate_series(1, 100);
    INSERT INTO counts (who) VALUES ('pairs 1'), ('pairs 2'), ('more');";

/// A session in which the server runs statements again and again, until the database is dropped.
struct Loop(Child);

impl Loop {
    fn start(database: &TestDatabase, who: &str, round: &str) -> Loop {
        let server = &database.server;
        let sql = format!(
            "DO $loop$ BEGIN FOR i IN 1..1000000000 LOOP {round} UPDATE counts SET rounds = i WHERE who = '{who}'; COMMIT; END LOOP; END $loop$"
        );
        let mut command = Command::new(server.bin.as_ref().unwrap().join("psql"));
        command.args(["-XqAt", "-c", &sql]).arg(server.url_of(&database.name));
        command.env("PGPASSWORD", PostgresServer::PASSWORD);
        Loop(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rounds(database: &TestDatabase, who: &str) -> u64 {
    database.psql(&format!("SELECT rounds FROM counts WHERE who = '{who}'")).trim().parse().unwrap()
}

/// Waits until a loop is at work.
fn until_busy(database: &TestDatabase, who: &str) {
    let from = rounds(database, who);
    while rounds(database, who) < from + 3 {}
}

/// Two tables that are there together or not at all, with one row each, at all times.
///
/// Without the rest there would always be one that waits for its lock, and `pg_dump` would never get its own.
fn pairs(who: &str) -> String {
    let mark = who.replace(' ', "_");
    format!(
        "EXECUTE 'CREATE TABLE {mark}_a (n int); CREATE TABLE {mark}_b (n int PRIMARY KEY); INSERT INTO {mark}_a VALUES (' || i || '); INSERT INTO {mark}_b VALUES (' || i || ')'; COMMIT;
         EXECUTE 'TRUNCATE {mark}_a, {mark}_b; INSERT INTO {mark}_a VALUES (' || i || '); INSERT INTO {mark}_b VALUES (' || i || ')'; COMMIT;
         EXECUTE 'ALTER TABLE {mark}_a ALTER n TYPE bigint; DROP TABLE IF EXISTS {mark}_c'; COMMIT;
         EXECUTE 'DROP TABLE {mark}_a, {mark}_b'; COMMIT; PERFORM pg_sleep(0.7);"
    )
}

#[test]
fn tables_that_come_and_go() {
    for server in postgres().into_iter().filter(|server| server.bin.is_some()) {
        let source = server.database();
        source.psql(COUNTS);
        let names = ["pairs 1", "pairs 2"];
        let _loops = names.map(|who| Loop::start(&source, who, &pairs(who)));
        names.iter().for_each(|who| until_busy(&source, who));
        for number in 0..3 {
            let dumped = dump(&*engine(&source), &DumpRequest::default())
                .unwrap_or_else(|error| panic!("{} {number}: {}", server.version, told(&error)));
            let target = server.database();
            load(&*engine(&target), &dumped, &fresh(&dumped))
                .unwrap_or_else(|error| panic!("{}", told(&error)));
            for who in names {
                let mark = who.replace(' ', "_");
                let there = format!(
                    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname ~ '^{mark}_[ab]$'"
                );
                let there = target.psql(&there);
                assert!(there == "0\n" || there == "2\n", "{there} of {who}");
                if there == "2\n" {
                    let same = format!("SELECT (SELECT n FROM {mark}_a) = (SELECT n FROM {mark}_b)");
                    assert_eq!(target.psql(&same), "t\n", "{who}");
                }
            }
            assert_eq!(target.psql("SELECT count(*), sum(a) FROM still"), "100|5050\n");
            names.iter().for_each(|who| until_busy(&source, who));
        }
    }
}

#[test]
fn tables_that_are_made_without_a_pause() {
    for server in postgres().into_iter().filter(|server| server.bin.is_some()) {
        let source = server.database();
        source.psql(COUNTS);
        let more = Loop::start(
            &source,
            "more",
            "EXECUTE 'CREATE TABLE more_' || i || ' AS SELECT ' || i || ' AS n'; COMMIT;",
        );
        until_busy(&source, "more");
        let dumped = dump(&*engine(&source), &DumpRequest::default())
            .unwrap_or_else(|error| panic!("{}: {}", server.version, told(&error)));
        drop(more);
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap_or_else(|error| panic!("{}", told(&error)));
        let tables = fingerprints(&*engine(&target));
        let more: Vec<_> = tables.iter().filter(|table| table.name.name.starts_with("more_")).collect();
        assert!(more.len() >= 3 && more.iter().all(|table| table.rows == Some(1)), "{} tables", more.len());
        // All that were counted are there, and at most the one whose count was still to come.
        let counted: usize =
            target.psql("SELECT rounds FROM counts WHERE who = 'more'").trim().parse().unwrap();
        assert!(more.len() == counted || more.len() == counted + 1, "{} of {counted}", more.len());
    }
}
