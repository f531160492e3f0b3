//! Connections that are cut, servers that stop statements, and runs that are stopped.

use std::sync::atomic::{AtomicUsize, Ordering};

use cadangkan_core::{Cancel, Control, ErrorKind, Frame, NoReporter, Result, Section};
use cadangkan_engine::{DumpRequest, Engine, FrameSink};
use cadangkan_testkit::FakeClock;
use cadangkan_testkit::mysql::{TestDatabase, servers};

use crate::load_support::told;
use crate::support::{Frames, controlled, dump, engine};

const ROWS: &str = "SET @a = 0;
CREATE TABLE ten (x int); INSERT INTO ten VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE t (id int PRIMARY KEY, filler text);
INSERT INTO t SELECT (@a := @a + 1), REPEAT(SHA2(@a, 256), 30) FROM ten a, ten b, ten c, ten d;
DROP TABLE ten";

/// Does something as the first frame of rows comes.
struct Meanwhile<F>(AtomicUsize, F);

impl<F: Fn() + Send + Sync> FrameSink for Meanwhile<F> {
    fn buffer(&self, capacity: usize) -> Result<Vec<u8>> {
        Ok(Vec::with_capacity(capacity.min(1 << 16)))
    }

    fn send(&self, frame: Frame) -> Result<()> {
        if frame.section == Section::Data && self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            (self.1)();
        }
        Ok(())
    }
}

fn dump_rows(engine: &dyn Engine, sink: &dyn FrameSink, control: &Control<'_>) -> Result<()> {
    let snapshot = engine.begin_snapshot(&DumpRequest::default(), control)?;
    for unit in snapshot.units() {
        snapshot.dump(unit, sink, control)?;
    }
    snapshot.end(control).map(drop)
}

/// The numbers of all other connections to a database.
fn others(database: &TestDatabase) -> Vec<String> {
    let sessions = database.server.processlist();
    let sql = format!("SELECT ID FROM {sessions} WHERE DB = DATABASE() AND ID <> CONNECTION_ID()");
    database.run(&sql).lines().map(str::to_owned).collect()
}

#[test]
fn a_connection_that_is_killed_fails_the_dump() {
    for server in servers() {
        let database = server.database();
        database.run(ROWS);
        let sink = Meanwhile(AtomicUsize::new(0), || {
            for id in others(&database) {
                database.run(&format!("KILL {id}"));
            }
        });
        let error = controlled(|control| dump_rows(&*engine(&database), &sink, control)).unwrap_err();
        assert!(sink.0.load(Ordering::SeqCst) > 0, "{server}: nothing was killed");
        let kind = error.kind();
        assert!(matches!(kind, ErrorKind::Unreachable | ErrorKind::Timeout), "{server}: {}", told(&error));
    }
}

#[test]
fn idle_connections_that_are_killed_fail_the_end() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        let engine = engine(&database);
        let error = controlled(|control| {
            let snapshot = engine.begin_snapshot(&DumpRequest::default(), control)?;
            for id in others(&database) {
                database.run(&format!("KILL {id}"));
            }
            snapshot.end(control).map(drop)
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Unreachable, "{server}");
    }
}

#[test]
fn a_run_that_is_stopped_ends_its_statement_on_the_server() {
    for server in servers() {
        let database = server.database();
        database.run(ROWS);
        let (cancel, clock) = (Cancel::default(), FakeClock::default());
        let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
        let sink = Meanwhile(AtomicUsize::new(0), || cancel.cancel());
        let error = dump_rows(&*engine(&database), &sink, &control).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{server}: {}", told(&error));
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !others(&database).is_empty() {
            assert!(std::time::Instant::now() < deadline, "{server}: a connection stayed");
        }
    }
}

#[test]
fn a_server_that_ends_long_statements_is_told_not_to() {
    for server in servers() {
        let database = server.database();
        database.run(ROWS);
        let dumped = dump(&*engine(&database), &DumpRequest::default()).unwrap();
        assert_eq!(dumped.rows("t"), Some(10_000), "{server}");
        let frames = Frames::default();
        controlled(|control| dump_rows(&*engine(&database), &frames, control)).unwrap();
        assert!(!frames.0.lock().unwrap().is_empty());
    }
}
