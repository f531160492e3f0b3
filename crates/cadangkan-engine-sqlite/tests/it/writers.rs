//! Dumps while others write, checkpoint and hold locks.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cadangkan_engine::DumpRequest;
use rusqlite::Connection;

use crate::support::*;

const ACCOUNTS: i64 = 2000;
const SUM: &str = "SELECT sum(balance) FROM accounts";

/// Accounts whose balances always add up to 0, on many pages.
fn bank(path: &Path, mode: &str) -> Connection {
    let sql = format!(
        "PRAGMA journal_mode = {mode};
         CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER NOT NULL, filler TEXT);
         CREATE TABLE log(id INTEGER PRIMARY KEY, what TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ACCOUNTS})
         INSERT INTO accounts SELECT i, 0, hex(randomblob(600)) FROM n;"
    );
    make(path, &sql)
}

/// Moves money until told to stop; checkpoints in all ways meanwhile. Counts its transactions.
fn transfer(path: &Path, stop: &AtomicBool, done: &AtomicU64, seed: i64) {
    let mut connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 50").unwrap();
    let mut number = seed;
    while !stop.load(Ordering::SeqCst) {
        number = (number * 1_103_515_245 + 12_345) % 2_147_483_648;
        let (from, to) = (1 + number % ACCOUNTS, 1 + number / 7 % ACCOUNTS);
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        let update =
            "UPDATE accounts SET balance = balance + ?2, filler = hex(randomblob(600)) WHERE id = ?1";
        transaction.execute(update, [from, -5]).unwrap();
        transaction.execute(update, [to, 5]).unwrap();
        transaction.execute("INSERT INTO log(what) VALUES (hex(randomblob(200)))", []).unwrap();
        if number % 11 == 0 {
            transaction.execute("DELETE FROM log WHERE id % 3 = 0", []).unwrap();
        }
        transaction.commit().unwrap();
        done.fetch_add(1, Ordering::SeqCst);
        if number % 13 == 0 {
            let kind = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][usize::try_from(number / 13 % 4).unwrap()];
            let sql = format!(
                "PRAGMA busy_timeout = 5; PRAGMA wal_checkpoint({kind}); PRAGMA busy_timeout = 20000"
            );
            connection.execute_batch(&sql).unwrap();
        }
    }
}

/// Stops the writers also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn wait_for_more(done: &AtomicU64, count: u64) {
    let goal = done.load(Ordering::SeqCst) + count;
    while done.load(Ordering::SeqCst) < goal {
        std::thread::yield_now();
    }
}

#[test]
fn every_dump_under_full_writing_is_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.db");
    drop(bank(&path, "wal"));
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for seed in [1, 77] {
            let (path, stop, done) = (&path, &stop, &done);
            scope.spawn(move || transfer(path, stop, done, seed));
        }
        for round in 0..8 {
            wait_for_more(&done, 30);
            let request = DumpRequest { check: true, ..DumpRequest::default() };
            // Writers go on between the beginning of the snapshot and the first page that is read.
            let dumped = dump_with(&path, &request, || wait_for_more(&done, 100)).unwrap();
            let copy = dumped.write(&folder.path().join(format!("copy{round}.db")));
            assert_eq!(integrity(&copy), "ok");
            assert_eq!(number(&copy, SUM), 0);
            assert_eq!(number(&copy, "SELECT count(*) FROM accounts"), ACCOUNTS);
        }
    });
}

#[test]
fn what_is_committed_later_is_not_in_the_dump() {
    for mode in ["wal", "delete"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bank.db");
        let writer = bank(&path, mode);
        writer.execute_batch("INSERT INTO log(what) VALUES ('before')").unwrap();
        let request = DumpRequest { fingerprints: true, ..DumpRequest::default() };
        let dumped = dump_with(&path, &request, || {
            let written = writer.execute_batch(
                "PRAGMA busy_timeout = 1; UPDATE accounts SET balance = 9; INSERT INTO log(what) VALUES ('after')",
            );
            assert_eq!(written.is_ok(), mode == "wal");
            let _ = writer.execute_batch("PRAGMA wal_checkpoint(FULL)");
            let _ = writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        })
        .unwrap();
        let copy = dumped.write(&folder.path().join("copy.db"));
        assert_eq!(number(&copy, SUM), 0);
        assert_eq!(number(&copy, "SELECT count(*) FROM log"), 1);
        assert_eq!(dumped.end.objects.iter().find(|object| object.name.name == "log").unwrap().rows, Some(1));
    }
}

#[test]
fn a_snapshot_of_an_empty_log_stands_while_the_log_fills_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.db");
    let writer = bank(&path, "wal");
    writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fingerprints(&path);
    let dumped = dump_with(&path, &DumpRequest::default(), || {
        for _ in 0..20 {
            writer
                .execute_batch("UPDATE accounts SET balance = balance + 1; PRAGMA wal_checkpoint(PASSIVE)")
                .unwrap();
        }
    })
    .unwrap();
    let copy = dumped.write(&folder.path().join("copy.db"));
    assert_eq!(fingerprints(&copy), before);
    assert_eq!(integrity(&copy), "ok");
}

#[test]
fn a_dump_does_not_take_locks_from_other_connections() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.db");
    let holder = bank(&path, "delete");
    holder.execute_batch("BEGIN IMMEDIATE; UPDATE accounts SET balance = 1 WHERE id = 1").unwrap();
    dump(&path).unwrap();
    // Were the file opened and closed a second time in this process, the lock would be gone here.
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["writers::another_process_finds_the_lock", "--exact", "--ignored"])
        .env("CADANGKAN_TEST_PATH", &path)
        .status()
        .unwrap();
    assert!(other.success());
    holder.execute_batch("ROLLBACK").unwrap();
}

#[test]
#[ignore = "the other process of a_dump_does_not_take_locks_from_other_connections"]
#[allow(clippy::disallowed_methods, reason = "how the parent process tells the path")]
fn another_process_finds_the_lock() {
    let Some(path) = std::env::var_os("CADANGKAN_TEST_PATH") else { return };
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::ZERO).unwrap();
    assert!(connection.execute_batch("BEGIN IMMEDIATE").is_err());
}
