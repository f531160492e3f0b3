//! Backups of a bank while money moves and definitions change: every one restores to a state that was true once.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use cadangkan_engine::DumpRequest;
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres_main};

use crate::load_support::fresh;
use crate::support::{dump, engine, load};

/// All balances together, at all times.
const MONEY: u64 = 2_000 * 1_000;

const BANK: &str = "
    CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL, filler text);
    CREATE TABLE counters (slot int PRIMARY KEY, transfers bigint NOT NULL);
    CREATE TABLE history (id bigserial PRIMARY KEY, slot int NOT NULL REFERENCES counters, amount int NOT NULL,
      giver int NOT NULL REFERENCES accounts, taker int NOT NULL REFERENCES accounts);
    CREATE TABLE side (n int NOT NULL);
    INSERT INTO accounts SELECT i, 1000, repeat(md5(i::text), 30) FROM generate_series(1, 2000) i;
    INSERT INTO counters SELECT i, 0 FROM generate_series(1, 50) i;
    INSERT INTO side SELECT generate_series(1, 100);";

const TRANSFER: &str = r"\set giver random(1, 2000)
\set taker random(1, 2000)
\set slot random(1, 50)
\set amount random(1, 100)
BEGIN;
UPDATE counters SET transfers = transfers + 1 WHERE slot = :slot;
UPDATE accounts SET balance = balance - :amount WHERE id = least(:giver, :taker);
UPDATE accounts SET balance = balance + :amount WHERE id = greatest(:giver, :taker);
INSERT INTO history (slot, amount, giver, taker) VALUES (:slot, :amount, :giver, :taker);
COMMIT;
";

/// One round of changes of definitions, each a transaction of its own. Without the rest at the end there would always
/// be one that waits for its lock, and `pg_dump` would never get its own.
const CHANGES: &str = "
    CREATE TABLE passing (id serial PRIMARY KEY, note text); INSERT INTO passing (note) VALUES ('x');
    ALTER TABLE side ADD COLUMN more text DEFAULT 'more';
    BEGIN; TRUNCATE side; INSERT INTO side SELECT generate_series(1, 100); COMMIT;
    CREATE INDEX side_n ON side (n);
    DROP TABLE passing;
    ALTER TABLE side DROP COLUMN more;
    DROP INDEX side_n;
    BEGIN; DROP TABLE side; CREATE TABLE side (n int NOT NULL); INSERT INTO side SELECT generate_series(1, 100); COMMIT;
    SELECT pg_sleep(0.5) IS NULL;";

#[test]
fn backups_of_a_busy_bank_are_states_that_were_true() {
    busy_bank(8);
}

#[test]
#[ignore = "takes minutes"]
fn fifty_backups_of_a_busy_bank() {
    busy_bank(50);
}

fn busy_bank(backups: usize) {
    let Some(server) = postgres_main() else { return };
    let bank = server.database();
    bank.psql(BANK);
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("transfer.sql");
    std::fs::write(&script, TRANSFER).unwrap();
    let (stop, rounds) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut longest = Duration::ZERO;
    scope(|scope| {
        let _stopped = Stop(&stop);
        let _transfers = Transfers::start(&bank, &script);
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                bank.psql(CHANGES);
                rounds.fetch_add(1, Ordering::SeqCst);
            }
        });
        for number in 0..backups {
            let began = Instant::now();
            let dumped = dump(&*engine(&bank), &DumpRequest::default())
                .unwrap_or_else(|error| panic!("backup {number}: {error:?}"));
            longest = longest.max(began.elapsed());
            let target = server.database();
            load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
            check(&target);
        }
    });
    check(&bank);
    let transfers: usize = bank.psql("SELECT sum(transfers) FROM counters").trim().parse().unwrap();
    let rounds = rounds.into_inner();
    assert!(
        transfers > 100 && rounds > 1,
        "{transfers} transfers, {rounds} rounds in {longest:?}: nothing went on"
    );
}

/// What is true after every transaction.
fn check(bank: &TestDatabase) {
    let facts = "SELECT (SELECT sum(balance) FROM accounts), (SELECT count(*) FROM accounts),
      (SELECT sum(transfers) FROM counters) = (SELECT count(*) FROM history),
      (SELECT count(*) FROM counters c WHERE transfers <> (SELECT count(*) FROM history h WHERE h.slot = c.slot)),
      (SELECT count(*) FROM side), (SELECT coalesce(max(id), 0) FROM history) <= (SELECT last_value FROM history_id_seq),
      (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated AND connamespace = 'public'::regnamespace)";
    assert_eq!(bank.psql(facts), format!("{MONEY}|2000|t|0|100|t|3\n"));
}

/// Sets a flag when it is dropped, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Transfers that go on until this is dropped.
struct Transfers(Child);

impl Transfers {
    fn start(bank: &TestDatabase, script: &std::path::Path) -> Transfers {
        let server = &bank.server;
        let mut command = Command::new(server.bin.as_ref().unwrap().join("pgbench"));
        command
            .args(["--no-vacuum", "--client=4", "--time=3600", "--host=127.0.0.1", "--file"])
            .arg(script)
            .arg(format!("--port={}", server.port))
            .arg(format!("--username={}", PostgresServer::USER))
            .arg(&bank.name)
            .env("PGPASSWORD", PostgresServer::PASSWORD);
        Transfers(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
