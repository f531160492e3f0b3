//! Dumps while others lock, drop, alter and empty tables.

use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};
use std::thread::scope;
use std::time::{Duration, Instant};

use cadangkan_core::ErrorKind;
use cadangkan_engine::DumpRequest;
use cadangkan_testkit::servers::{TestDatabase, postgres_main};
use serde_json::json;

use crate::load_support::{fresh, shop, told};
use crate::support::{controlled, dump, dump_while, engine, engine_with, load, pg_bin};

/// A session that goes on; ended when it is dropped.
struct Session(Child, ChildStdin);

impl Session {
    /// Starts one, and returns when its first statements are done.
    fn begin(database: &TestDatabase, sql: &str) -> Session {
        let mut session = Session::start(database);
        session.say(&format!("SET application_name = 'other'; {sql}; SET application_name = 'ready';"));
        wait_for(
            database,
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ready'
                             AND datname = current_database()",
            "1",
        );
        session
    }

    fn start(database: &TestDatabase) -> Session {
        let mut command = database.server.tool("psql", &database.name);
        command.args(["-X", "-q"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        Session(child, input)
    }

    fn say(&mut self, sql: &str) {
        writeln!(self.1, "{sql}").unwrap();
        self.1.flush().unwrap();
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(database: &TestDatabase, sql: &str, expected: &str) {
    let began = Instant::now();
    while database.psql(sql).trim() != expected {
        assert!(began.elapsed() < Duration::from_secs(60), "{sql}");
    }
}

/// Sessions that wait for a lock.
const WAITING: &str = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn a_table_that_is_dropped_or_altered_while_its_lock_is_waited_for() {
    let Some(server) = postgres_main() else { return };
    for (change, there) in [
        ("DROP TABLE changing", false),
        ("ALTER TABLE changing ADD COLUMN more int DEFAULT 7", true),
        ("ALTER TABLE changing RENAME TO changed", true),
        (
            "DROP TABLE changing; CREATE TABLE changing (a int, b int, more int); INSERT INTO changing VALUES (1, 1, 7)",
            true,
        ),
        (
            "ALTER TABLE changing ALTER COLUMN a TYPE text, ADD COLUMN more int DEFAULT 7; TRUNCATE changing; INSERT INTO changing VALUES ('x')",
            true,
        ),
    ] {
        let database = server.database();
        database.psql("CREATE TABLE changing (a int, b int); INSERT INTO changing VALUES (1); CREATE TABLE calm (a int)");
        let mut session = Session::begin(&database, &format!("BEGIN; {change}"));
        let dumped = scope(|scope| {
            let dumping = scope.spawn(|| dump(&*engine(&database), &DumpRequest::default()));
            wait_for(&database, WAITING, "1");
            session.say("COMMIT;");
            dumping.join().unwrap()
        });
        let dumped = dumped.unwrap_or_else(|error| panic!("{change}: {}", told(&error)));
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
        assert_eq!(target.schema(), database.schema(), "{change}");
        assert_eq!(
            dumped.objects.iter().any(|object| object.name.name.starts_with("chang")),
            there,
            "{change}"
        );
        if change.contains("7") {
            assert_eq!(target.psql("SELECT count(*) FROM changing"), "1\n", "{change}");
        }
    }
}

#[test]
fn a_lock_that_is_not_given_is_named() {
    let Some(server) = postgres_main() else { return };
    let (database, _) = shop(&server);
    let session = Session::begin(&database, "BEGIN; LOCK TABLE customers IN ACCESS EXCLUSIVE MODE");
    let settings = json!({ "lock_timeout": "1s", "pg_bin": pg_bin(&server) });
    let impatient = engine_with(&database.url, settings);
    let error = dump(&*impatient, &DumpRequest::default()).err().unwrap();
    let text = format!("{error:?} {}", told(&error));
    assert_eq!(error.kind(), ErrorKind::Timeout, "{text}");
    assert!(text.contains("public.customers by process") && text.contains("lock_timeout"), "{text}");
    assert!(!text.contains("nothing"), "{text}");
    drop(session);
    dump(&*impatient, &DumpRequest::default()).unwrap();
}

#[test]
fn who_waits_to_alter_a_table_does_not_stop_a_dump_under_way() {
    let Some(server) = postgres_main() else { return };
    let (database, _) = shop(&server);
    let mut sessions = Vec::new();
    let began = Instant::now();
    let dumped = dump_while(&*engine(&database), &DumpRequest::default(), || {
        for (number, sql) in [
            "ALTER TABLE customers ADD COLUMN more int",
            "TRUNCATE nothing",
            "DROP TABLE \"we;ird \"\"one\"\"\".\"or.ders\" CASCADE",
        ]
        .iter()
        .enumerate()
        {
            let mut session = Session::start(&database);
            session.say(&format!("{sql};"));
            sessions.push(session);
            wait_for(&database, WAITING, &(number + 1).to_string());
        }
    })
    .unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(began.elapsed() < Duration::from_secs(50), "somebody waited for a timeout");
    wait_for(&database, WAITING, "0");
    let target = server.database();
    load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
    assert_eq!(target.psql("SELECT count(*) FROM customers"), "1000\n");
    assert_eq!(target.psql("SELECT count(*) FROM nothing"), "1\n");
    assert_eq!(target.psql("SELECT count(*) FROM \"we;ird \"\"one\"\"\".\"or.ders\""), "4000\n");
}

#[test]
fn rows_that_are_truncated_after_the_snapshot_are_in_it() {
    let Some(server) = postgres_main() else { return };
    let (database, _) = shop(&server);
    let engine_of = engine(&database);
    // Before the snapshot: the dump has none of them.
    controlled(|control| engine_of.plan_dump(&DumpRequest::default(), control)).unwrap();
    database.psql("TRUNCATE nothing");
    let dumped = dump(&*engine_of, &DumpRequest::default()).unwrap();
    let nothing = dumped.objects.iter().find(|object| object.name.name == "nothing").unwrap();
    assert_eq!(nothing.rows, Some(0));
    let dumped = dump_while(&*engine_of, &DumpRequest::default(), || {
        database.psql("DELETE FROM \"we;ird \"\"one\"\"\".\"or.ders\"; INSERT INTO nothing DEFAULT VALUES");
    })
    .unwrap();
    let rows = |name| dumped.objects.iter().find(|object| object.name.name == name).unwrap().rows;
    assert_eq!((rows("or.ders"), rows("nothing")), (Some(4000), Some(0)));
}
