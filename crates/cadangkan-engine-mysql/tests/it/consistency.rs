//! Backups of a bank while money moves and definitions change: every one restores to a state that was true once.

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpRequest, LoadMode};
use cadangkan_testkit::mysql::{TestDatabase, main_server, servers};
use serde_json::json;

use crate::load_support::told;
use crate::support::{dump, dump_while, engine, engine_with, load};

/// All balances together, at all times.
const MONEY: u64 = 1_000 * 1_000;

const BANK: &str = "
SET @a = 0;
CREATE TABLE ten (x int); INSERT INTO ten VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, filler text);
CREATE TABLE counters (slot int PRIMARY KEY, transfers bigint NOT NULL);
CREATE TABLE history (id bigint AUTO_INCREMENT PRIMARY KEY, slot int NOT NULL, amount int NOT NULL, KEY (slot));
CREATE TABLE side (n int NOT NULL);
INSERT INTO accounts SELECT (@a := @a + 1), 1000, REPEAT('x', 900) FROM ten a, ten b, ten c;
INSERT INTO counters SELECT a.x * 5 + b.x, 0 FROM ten a, ten b WHERE b.x < 5;
INSERT INTO side SELECT a.x FROM ten a, ten b;
DROP TABLE ten;
DELIMITER ;;
CREATE PROCEDURE transfer(IN rounds int)
BEGIN
  DECLARE giver int; DECLARE taker int; DECLARE place int; DECLARE much int;
  DECLARE EXIT HANDLER FOR 1213, 1205, 1020 ROLLBACK;
  WHILE rounds > 0 DO
    SET giver = 1 + FLOOR(RAND() * 1000), taker = 1 + FLOOR(RAND() * 1000), place = FLOOR(RAND() * 50), much = FLOOR(RAND() * 100);
    START TRANSACTION;
    UPDATE counters SET transfers = transfers + 1 WHERE slot = place;
    UPDATE accounts SET balance = balance - much WHERE id = LEAST(giver, taker);
    UPDATE accounts SET balance = balance + much WHERE id = GREATEST(giver, taker);
    INSERT INTO history (slot, amount) VALUES (place, much);
    COMMIT;
    SET rounds = rounds - 1;
  END WHILE;
END;;
DELIMITER ;
";

const CHANGES: &str = "
CREATE TABLE passing (id int AUTO_INCREMENT PRIMARY KEY, note text); INSERT INTO passing (note) VALUES ('x');
ALTER TABLE side ADD COLUMN more varchar(10) DEFAULT 'more';
ALTER TABLE accounts ADD COLUMN more varchar(10) DEFAULT 'more';
CREATE INDEX side_n ON side (n);
DROP TABLE passing;
ALTER TABLE side DROP COLUMN more;
ALTER TABLE accounts DROP COLUMN more;
DROP INDEX side_n ON side;
CREATE TABLE side_new LIKE side; INSERT INTO side_new SELECT * FROM side;
RENAME TABLE side TO side_old, side_new TO side;
DROP TABLE side_old;
DO SLEEP(0.4);
";

#[test]
fn backups_of_a_busy_bank_are_states_that_were_true() {
    for server in servers() {
        let bank = server.database();
        bank.run(BANK);
        let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
        scope(|scope| {
            let _stopped = Stop(&stop);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        bank.run("CALL transfer(50)");
                    }
                });
            }
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    bank.run(CHANGES);
                    rounds.fetch_add(1, Ordering::SeqCst);
                }
            });
            for number in 0..5 {
                let dumped = dump(&*engine(&bank), &DumpRequest::default())
                    .unwrap_or_else(|error| panic!("{server}: backup {number}: {}", told(&error)));
                assert!(dumped.start.position.contains_key("locked_ms"), "{:?}", dumped.start.position);
                let target = server.database();
                load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
                check(&target);
            }
        });
        check(&bank);
        let transfers: usize = bank.run("SELECT SUM(transfers) FROM counters").trim().parse().unwrap();
        assert!(transfers > 100 && rounds.into_inner() > 1, "{transfers} transfers: nothing went on");
    }
}

/// What is true after every transaction.
fn check(bank: &TestDatabase) {
    let facts = "SELECT (SELECT SUM(balance) FROM accounts), (SELECT COUNT(*) FROM accounts),
      (SELECT SUM(transfers) FROM counters) = (SELECT COUNT(*) FROM history),
      (SELECT COUNT(*) FROM counters c WHERE transfers <> (SELECT COUNT(*) FROM history h WHERE h.slot = c.slot)),
      (SELECT COUNT(*) FROM side)";
    assert_eq!(bank.run(facts), format!("{MONEY}\t1000\t1\t0\t100\n"), "{}", bank.server);
}

/// Sets a flag when it is dropped, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A client that runs statements meanwhile; ended when it is dropped.
struct Session(Child);

impl Session {
    /// Starts one, and returns once the server shows a statement of it that contains `shown`.
    fn start(database: &TestDatabase, sql: &str, shown: &str) -> Session {
        let mut command = database.server.client();
        command.args(["--database", &database.name, "--execute", sql]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for(database, shown, true);
        Session(child)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until a statement runs in a database, or none does.
fn wait_for(database: &TestDatabase, statement: &str, there: bool) {
    let sql = format!(
        "SELECT COUNT(*) > 0 FROM {} WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND INFO LIKE '%{statement}%'",
        database.server.processlist()
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    while database.run(&sql) != format!("{}\n", u8::from(there)) {
        assert!(Instant::now() < deadline, "{statement}");
    }
}

#[test]
fn who_waits_to_alter_a_table_does_not_stop_a_dump_under_way() {
    for server in servers() {
        let database = server.database();
        database.run(BANK);
        let mut sessions = Vec::new();
        let began = Instant::now();
        let dumped = dump_while(&*engine(&database), &DumpRequest::default(), || {
            for sql in ["ALTER TABLE accounts ADD COLUMN late int", "DROP TABLE counters", "TRUNCATE side"] {
                sessions.push(Session::start(&database, sql, sql));
            }
        })
        .unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
        assert!(began.elapsed() < Duration::from_secs(50), "{server}: somebody waited for a timeout");
        wait_for(&database, "ALTER TABLE", false);
        let target = server.database();
        load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        check(&target);
    }
}

#[test]
fn a_long_statement_holds_nobody_up_for_long() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        // Somebody writes for very long, and keeps its locks.
        let slow = Session::start(&database, "UPDATE t SET a = SLEEP(30)", "SLEEP(30)");
        let impatient = engine_with(&database.url, json!({ "lock_timeout": "1s" }));
        let error = dump(&*impatient, &DumpRequest::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{server}: {}", told(&error));
        assert!(told(&error).contains("lock_timeout"), "{server}: {}", told(&error));
        let sessions = server.processlist();
        let id =
            database.run(&format!("SELECT ID FROM {sessions} WHERE INFO LIKE 'UPDATE t SET a = SLEEP%'"));
        database.run(&format!("KILL {}", id.trim()));
        drop(slow);
        assert!(dump(&*engine(&database), &DumpRequest::default()).is_ok());
    }
}

#[test]
fn tables_without_transactions_are_locked_until_they_are_read() {
    for server in servers() {
        let database = server.database();
        database.run(
            "CREATE TABLE m (a int PRIMARY KEY) ENGINE = MyISAM; INSERT INTO m VALUES (1), (2);
             CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2);",
        );
        for (sql, shown) in [
            ("UPDATE m SET a = a + 10; INSERT INTO t VALUES (3)", "UPDATE m"),
            ("INSERT INTO m VALUES (3); INSERT INTO t VALUES (4)", "INTO m"),
        ] {
            let before = database.contents();
            let mut session = None;
            let dumped = dump_while(&*engine(&database), &DumpRequest::default(), || {
                session = Some(Session::start(&database, sql, shown));
            })
            .unwrap_or_else(|error| panic!("{server}, {shown}: {error}"));
            wait_for(&database, "INSERT INTO", false);
            drop(session);
            let copy = server.database();
            load(&*engine(&copy), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
            assert_eq!(copy.contents(), before, "{server}, {shown}");
            assert!(dumped.start.warnings.iter().any(|text| text.contains("locked") && text.contains('m')));
        }
    }
}

#[test]
fn the_position_is_that_of_the_rows() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
        let dumped = dump(&*engine(&database), &DumpRequest::default()).unwrap();
        let position = &dumped.start.position;
        assert!(
            position.contains_key("binlog_file") && position.contains_key("binlog_offset"),
            "{position:?}"
        );
        let gtid = if server.is_mariadb() { "gtid_binlog_pos" } else { "gtid_executed" };
        assert!(position.contains_key(gtid), "{position:?}");
    }
}

/// What was written after the position, applied to the restored copy, gives what the server has now.
#[test]
fn the_binary_log_from_the_position_on_makes_the_copy_equal() {
    for server in servers() {
        let (bank, copy) = (server.database(), server.database());
        bank.run(BANK);
        // Rows, since statements would name no other database.
        let rows = if server.is_mariadb() { "SET SESSION binlog_format = ROW; " } else { "" };
        let stop = AtomicBool::new(false);
        let dumped = scope(|scope| {
            let _stopped = Stop(&stop);
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst) {
                        bank.run(&format!("{rows}CALL transfer(50)"));
                    }
                });
            }
            bank.run("DO SLEEP(0.3)");
            let dumped = dump(&*engine(&bank), &DumpRequest::default()).unwrap();
            bank.run("DO SLEEP(0.3)");
            dumped
        });
        let log = log_since(&dumped.start.position, &bank, &copy);
        load(&*engine(&copy), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        assert_ne!(copy.contents(), bank.contents(), "{server}: nothing was written after the dump");
        server.feed("", &log).unwrap_or_else(|said| panic!("{server}: {said}"));
        assert_eq!(copy.contents(), bank.contents(), "{server}");
    }
}

/// What a database's binary log holds from a position on, as a script for a copy of it.
fn log_since(
    position: &serde_json::Map<String, serde_json::Value>,
    from: &TestDatabase,
    to: &TestDatabase,
) -> Vec<u8> {
    let server = &from.server;
    let first = position["binlog_file"].as_str().unwrap();
    let logs = server.run("", "SHOW BINARY LOGS");
    let names = logs.lines().filter_map(|line| line.split('\t').next()).filter(|name| *name >= first);
    let mut command = server.binlog_tool();
    command
        .args(["--no-defaults", "--disable-log-bin"])
        .arg(format!("--start-position={}", position["binlog_offset"]));
    command.arg(format!("--rewrite-db={}->{}", from.name, to.name));
    if server.is_mariadb() {
        command.arg(format!("--database={}", from.name));
    } else {
        command.arg(format!("--database={}", to.name)).arg("--skip-gtids");
    }
    // The server's folder is as it is seen on this machine.
    command.args(names.map(|name| server.data_dir.join(name)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{server}: {}", String::from_utf8_lossy(&output.stderr));
    // MariaDB takes no number of a transaction twice, not even in a session without a log.
    let lines = output.stdout.split_inclusive(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.starts_with(b"/*M!100001 SET @@session.gtid_seq_no"))
        .flatten()
        .copied()
        .collect()
}

#[test]
fn without_the_right_to_hold_writers_up_one_connection_reads() {
    for server in servers() {
        let database = server.database();
        database.run(BANK);
        let user = database.plain_user(&["SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE, LOCK TABLES"]);
        database.run("DROP PROCEDURE transfer");
        let engine_of = engine_with(&user.url, json!({}));
        let dumped = dump_while(&*engine_of, &DumpRequest::default(), || {
            database.run("DELETE FROM counters; UPDATE accounts SET balance = 0");
        })
        .unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
        assert!(dumped.start.warnings.iter().any(|text| text.contains("RELOAD")), "{server}");
        let target = server.database();
        load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
        check(&target);
    }
}

#[test]
fn rows_of_a_big_table_come_once_each_by_ranges() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    database.run(
        "SET @a = 0;
         CREATE TABLE ten (x int); INSERT INTO ten VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
         CREATE TABLE big (id bigint unsigned PRIMARY KEY, filler longtext);
         INSERT INTO big SELECT (@a := @a + 1) * 1000, REPEAT(SHA2(@a, 256), 175) FROM ten a, ten b, ten c, ten d, ten e WHERE e.x < 2;
         INSERT INTO big VALUES (0, 'first'), (18446744073709551615, 'last');
         ANALYZE TABLE big;",
    );
    let dumped = dump(&*engine(&database), &DumpRequest::default()).unwrap();
    assert_eq!(dumped.rows("big"), Some(20_002));
    let starts: std::collections::BTreeSet<u64> = dumped
        .frames
        .iter()
        .filter(|frame| frame.object.name == "big" && frame.rows > 0)
        .map(|frame| frame.part >> 24)
        .collect();
    assert!(starts.len() >= 2, "it was not read in ranges: {starts:?}");
    let target = server.database();
    server.feed(&target.name, &dumped.script()).unwrap();
    assert_eq!(target.contents(), database.contents());
}
