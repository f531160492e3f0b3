//! Several databases of one server from one snapshot: all of one moment, whatever happens to one of them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use cadangkan_core::{Control, ErrorKind, Result};
use cadangkan_engine::{DumpRequest, Engine, LoadMode, ServerSnapshot};
use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, servers};
use serde_json::json;

use crate::load_support::told;
use crate::support::{Dump, controlled, dump_snapshot, engine, engine_with, load};

/// All money of all branches.
const MONEY: i64 = 3 * 100 * 1000;

const BRANCH: &str = "
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO accounts WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT i, 1000 FROM n;
CREATE TABLE done (id bigint AUTO_INCREMENT PRIMARY KEY, amount int NOT NULL);
CREATE VIEW rich AS SELECT id FROM accounts WHERE balance > 1000;
CREATE PROCEDURE total() SELECT SUM(balance) FROM accounts;
";

/// Databases of one server, as the server that is configured.
struct Bank {
    branches: [TestDatabase; 3],
    engine: Box<dyn Engine>,
}

impl Bank {
    fn new(server: &MysqlServer) -> Self {
        let mut branches = [(); 3].map(|()| server.database());
        branches.sort_by(|a, b| a.name.cmp(&b.name));
        branches.iter().for_each(|branch| _ = branch.run(BRANCH));
        let names: Vec<_> = branches.iter().map(|branch| branch.name.clone()).collect();
        let engine = engine_with(&server.url_of(""), json!({ "databases": names, "jobs": 3 }));
        Bank { branches, engine }
    }

    fn begin(&self, control: &Control<'_>) -> Result<Box<dyn ServerSnapshot>> {
        let server = self.engine.server().unwrap();
        let names = server.databases(control)?;
        let wanted: Vec<_> = names.into_iter().map(|name| (name, DumpRequest::default())).collect();
        Ok(server.begin_snapshot(&wanted, control)?.unwrap())
    }

    /// Moves money from the first branch to the second, from there to the third, and from there to the first.
    fn move_money(&self, rounds: u32) {
        let name = |number: usize| &self.branches[number % 3].name;
        let moves: String = (0..3)
            .map(|from| {
                let (giver, taker) = (name(from), name(from + 1));
                format!(
                    "START TRANSACTION;
                     UPDATE {giver}.accounts SET balance = balance - 7 WHERE id = {from} + 5;
                     UPDATE {taker}.accounts SET balance = balance + 7 WHERE id = {from} + 50;
                     INSERT INTO {taker}.done (amount) VALUES (7); COMMIT;\n"
                )
            })
            .collect();
        self.branches[0].run(&moves.repeat(rounds as usize));
    }

    /// Restores all, and adds the money up.
    fn restored_money(&self, dumps: &[Dump]) -> i64 {
        let sum = |dump: &Dump| -> i64 {
            let copy = self.branches[0].server.database();
            load(&*engine(&copy), dump, &dump.request(LoadMode::Fresh)).unwrap();
            copy.run("SELECT SUM(balance) FROM accounts").trim().parse().unwrap()
        };
        dumps.iter().map(sum).sum()
    }
}

/// Sets a flag when it is dropped, also by a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn all_databases_are_of_one_moment() {
    for server in servers() {
        let bank = Bank::new(&server);
        let stop = AtomicBool::new(false);
        let dumps = scope(|scope| {
            let _stopped = Stop(&stop);
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    bank.move_money(20);
                }
            });
            bank.move_money(20);
            controlled(|control| -> Result<Vec<Dump>> {
                let snapshot = bank.begin(control)?;
                let names = snapshot.databases();
                let each = names.iter().map(|name| {
                    bank.move_money(20);
                    dump_snapshot(snapshot.open(name, control)?, control)
                });
                each.collect()
            })
            .unwrap_or_else(|error| panic!("{server}: {}", told(&error)))
        });
        let position = &dumps[0].start.position;
        assert!(position.contains_key("binlog_file") && position.contains_key("locked_ms"), "{position:?}");
        assert!(dumps.iter().all(|dump| dump.start.position == *position), "{server}");
        assert_eq!(bank.restored_money(&dumps), MONEY, "{server}");
        let moved = |dump: &Dump| dump.rows("done").unwrap();
        assert!(moved(&dumps[0]) > 0 && moved(&dumps[2]) > 0, "{server}: nothing was moved before");
    }
}

/// How many connections there are to all of these databases, and to none.
fn connections(bank: &Bank) -> usize {
    let sessions = bank.branches[0].server.processlist();
    let sql = format!("SELECT COUNT(*) FROM {sessions} WHERE ID <> CONNECTION_ID() AND DB IN");
    let names: Vec<_> = bank.branches.iter().map(|branch| format!("'{}'", branch.name)).collect();
    bank.branches[0].run(&format!("{sql} ({})", names.join(", "))).trim().parse().unwrap()
}

#[test]
fn definitions_are_held_until_their_database_is_done_and_no_longer() {
    for server in servers() {
        let bank = Bank::new(&server);
        let [first, second, third] = &bank.branches;
        let alter = "SET lock_wait_timeout = 1; ALTER TABLE accounts ADD COLUMN late int";
        let done = controlled(|control| -> Result<()> {
            let snapshot = bank.begin(control)?;
            assert!(third.try_run(alter).is_err(), "{server}: one that waits for its turn is not held");
            dump_snapshot(snapshot.open(&first.name, control)?, control)?;
            assert_eq!(connections(&bank), 4, "{server}");
            first.run(alter);
            assert!(second.try_run(alter).is_err(), "{server}");
            // Passed over.
            dump_snapshot(snapshot.open(&third.name, control)?, control)?;
            second.run(alter);
            third.run(alter);
            let error = snapshot.open(&second.name, control).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Internal, "{server}: {}", told(&error));
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    }
}

#[test]
fn what_goes_wrong_with_one_database_leaves_the_others() {
    for server in servers() {
        let bank = Bank::new(&server);
        let [first, second, third] = &bank.branches;
        first.run("CREATE PROCEDURE later() SELECT 1");
        let dumps = controlled(|control| -> Result<Vec<Dump>> {
            let snapshot = bank.begin(control)?;
            bank.move_money(5);
            // Definitions that nobody can hold were changed, or one has not shown its rows to the end.
            first.run("DROP PROCEDURE later");
            let error = snapshot.open(&first.name, control).err().unwrap();
            assert!(
                error.kind() == ErrorKind::Conflict && told(&error).contains("later"),
                "{}",
                told(&error)
            );
            drop(snapshot.open(&second.name, control)?);
            Ok(vec![dump_snapshot(snapshot.open(&third.name, control)?, control)?])
        })
        .unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
        assert_eq!(bank.restored_money(&dumps), MONEY / 3, "{server}");
        assert_eq!(third.run("SELECT COUNT(*) FROM done"), "5\n", "{server}: nothing happened meanwhile");
    }
}

/// The numbers of the connections that a snapshot has, in the order in which they were opened.
fn sessions(branch: &TestDatabase) -> Vec<u64> {
    let sessions = branch.server.processlist();
    let sql =
        format!("SELECT ID FROM {sessions} WHERE DB = DATABASE() AND ID <> CONNECTION_ID() ORDER BY ID");
    branch.run(&sql).lines().map(|line| line.parse().unwrap()).collect()
}

#[test]
fn a_connection_that_is_lost_fails_its_database_and_the_one_that_holds_all_the_rest() {
    for server in servers() {
        let bank = Bank::new(&server);
        let [first, second, third] = &bank.branches;
        let done = controlled(|control| -> Result<()> {
            let snapshot = bank.begin(control)?;
            let view = snapshot.open(&first.name, control)?;
            let ids = sessions(first);
            assert_eq!((ids.len(), view.connections()), (4, 3), "{server}");
            first.run(&format!("KILL {}", ids[2]));
            let error = dump_snapshot(view, control).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{server}: {}", told(&error));
            // The others read on.
            let view = snapshot.open(&second.name, control)?;
            assert_eq!(view.connections(), 2, "{server}");
            dump_snapshot(view, control)?;
            second.run(&format!("KILL {}", ids[0]));
            let error = snapshot.open(&third.name, control).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{server}: {}", told(&error));
            assert!(told(&error).contains("held the snapshot is lost"), "{server}: {}", told(&error));
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    }
}

#[test]
fn tables_without_transactions_are_of_the_moment_too_and_come_first() {
    for server in servers() {
        let bank = Bank::new(&server);
        let [first, second, third] = &bank.branches;
        for branch in [second, third] {
            branch.run("CREATE TABLE flat (a int) ENGINE = MyISAM; INSERT INTO flat VALUES (1)");
        }
        let write = "SET lock_wait_timeout = 1; INSERT INTO flat VALUES (2)";
        let done = controlled(|control| -> Result<()> {
            let snapshot = bank.begin(control)?;
            assert_eq!(snapshot.databases(), [&second.name, &third.name, &first.name].map(String::clone));
            assert!(second.try_run(write).is_err() && third.try_run(write).is_err(), "{server}");
            let dumped = dump_snapshot(snapshot.open(&second.name, control)?, control)?;
            assert_eq!(dumped.rows("flat"), Some(1), "{server}");
            assert!(dumped.end.measured["tables_locked_ms"].is_u64(), "{server}: {:?}", dumped.end);
            assert!(third.try_run(write).is_err(), "{server}: it is not locked any more");
            // Also one that fails lets go of them.
            drop(snapshot.open(&third.name, control)?);
            second.run(write);
            third.run(write);
            let dumped = dump_snapshot(snapshot.open(&first.name, control)?, control)?;
            assert!(dumped.end.measured.is_empty(), "{server}: {:?}", dumped.end);
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    }
}

#[test]
fn who_flushes_all_tables_does_not_stop_a_dump_of_locked_ones() {
    for server in servers() {
        let bank = Bank::new(&server);
        let [first, second, _] = &bank.branches;
        first.run("CREATE TABLE flat (a int) ENGINE = MyISAM; INSERT INTO flat VALUES (1)");
        // It has no rows of its own, so that nobody locks it, and cannot be opened either while another one is flushed.
        first.run("CREATE TABLE over_it (a int) ENGINE = MERGE UNION = (flat)");
        let dumped = controlled(|control| {
            let snapshot = bank.begin(control)?;
            // It waits for the locked table to be closed, and gives up; whoever opens that one waits nevertheless.
            let flush = "SET lock_wait_timeout = 1; FLUSH TABLES WITH READ LOCK";
            let _ = second.try_run(flush);
            dump_snapshot(snapshot.open(&first.name, control)?, control)
        })
        .unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
        assert_eq!(dumped.rows("flat"), Some(1), "{server}");
        let script = String::from_utf8_lossy(&dumped.script()).into_owned();
        assert!(script.contains("`over_it`"), "{server}");
    }
}

/// What is done to a table after the snapshot, and what is named then: not all of it would show itself in the rows.
const CHANGES: [(&str, &str); 8] = [
    ("ALTER TABLE a0 DROP COLUMN v", "a0"),
    ("RENAME TABLE a1 TO a9, a2 TO a1, a9 TO a2", "a1"),
    ("ALTER TABLE a3 COMMENT = 'another'", "a3"),
    ("CREATE UNIQUE INDEX i ON a4 (v)", "a4"),
    ("TRUNCATE TABLE a5", "a5"),
    ("DROP TABLE a6", "a6"),
    ("CREATE TABLE a7 (id int PRIMARY KEY)", "a7"),
    ("CREATE TRIGGER late BEFORE INSERT ON a8 FOR EACH ROW SET NEW.v = 1", "late"),
];

#[test]
fn of_very_many_tables_a_change_is_noticed_at_the_turn_of_its_database() {
    for server in servers().into_iter().filter(MysqlServer::is_mariadb) {
        let bank = Bank::new(&server);
        let [first, second, third] = &bank.branches;
        let table = |name: usize| {
            format!("CREATE TABLE a{name} (id int PRIMARY KEY, v int); INSERT INTO a{name} VALUES (1, 2);")
        };
        second.run(&[0, 1, 2, 3, 4, 5, 6, 8].map(table).concat());
        second.run("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (9), PARTITION q VALUES LESS THAN (99))");
        let crowd = |number: usize| format!("CREATE TABLE m{number} (a int) ENGINE = MRG_MyISAM UNION = ();");
        third.run(&(0..1000).map(crowd).collect::<String>());
        // What is as young as the snapshot is held, as its changes might not show.
        server.run("", "DO SLEEP(2)");
        let within = |seconds: u32, sql: &str| format!("SET lock_wait_timeout = {seconds}; {sql}");
        let done = controlled(|control| -> Result<()> {
            for (change, named) in CHANGES {
                let snapshot = bank.begin(control)?;
                second.run(&within(60, change));
                let error = snapshot.open(&second.name, control).err().expect(change);
                assert_eq!(error.kind(), ErrorKind::Conflict, "{server}, {change}: {}", told(&error));
                assert!(told(&error).contains(named), "{server}, {change}: {}", told(&error));
            }
            first.run("CREATE TABLE young (id int PRIMARY KEY)");
            let snapshot = bank.begin(control)?;
            let in_parts = second.try_run(&within(1, "ALTER TABLE parts DROP PARTITION q"));
            assert!(in_parts.is_err(), "{server}: a table in partitions is not held");
            bank.move_money(5);
            // Where the server is slow it is not that young any more, and the change is noticed.
            match first.try_run(&within(1, "ALTER TABLE young COMMENT = 'x'")) {
                Err(_) => drop(dump_snapshot(snapshot.open(&first.name, control)?, control)?),
                Ok(_) => assert!(snapshot.open(&first.name, control).is_err(), "{server}: young"),
            }
            let view = snapshot.open(&second.name, control)?;
            assert!(second.try_run(&within(1, "ALTER TABLE accounts COMMENT = 'x'")).is_err(), "{server}");
            let dumped = dump_snapshot(view, control)?;
            let rows = ["accounts", "done", "a3"].map(|name| dumped.rows(name).unwrap());
            assert_eq!(rows, [100, 0, 1], "{server}");
            Ok(())
        });
        done.unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    }
}

/// Databases, and tables in each.
const MANY: (usize, usize) = (60, 20);

/// Dumps many small databases of a server that counts what a user does; the number of connections and of statements.
fn counted(server: &MysqlServer, user: &str, engine: &dyn Engine, base: &str) -> (u64, u64) {
    controlled(|control| -> Result<()> {
        let of = engine.server().unwrap();
        let wanted: Vec<_> =
            of.databases(control)?.into_iter().map(|name| (name, DumpRequest::default())).collect();
        assert_eq!(wanted.len(), MANY.0, "{base}");
        let snapshot = of.begin_snapshot(&wanted, control)?.unwrap();
        for (name, _) in &wanted {
            let dumped = dump_snapshot(snapshot.open(name, control)?, control)?;
            assert_eq!(dumped.objects.iter().filter(|object| object.rows == Some(1)).count(), MANY.1);
        }
        Ok(())
    })
    .unwrap_or_else(|error| panic!("{server}: {}", told(&error)));
    let number = |sql: String| server.run("", &sql).trim().parse().unwrap();
    (
        number(format!("SELECT TOTAL_CONNECTIONS FROM performance_schema.users WHERE USER = '{user}'")),
        number(format!(
            "SELECT SUM(COUNT_STAR) FROM performance_schema.events_statements_summary_by_user_by_event_name
              WHERE USER = '{user}' AND EVENT_NAME LIKE 'statement/sql/%'"
        )),
    )
}

#[test]
fn many_small_databases_take_few_connections_and_statements() {
    // Of the others none counts by user as it comes.
    let Some(server) = servers().into_iter().find(|server| !server.is_mariadb()) else { return };
    let base = server.database();
    let name = |number: usize| format!("{}_{number:02}", base.name);
    let tables: String = (0..MANY.1)
        .map(|table| format!("CREATE TABLE t{table} (a int PRIMARY KEY); INSERT INTO t{table} VALUES (1);"))
        .collect();
    let make = |number| format!("CREATE DATABASE {0}; USE {0}; {tables}", name(number));
    let many: Vec<_> = (0..MANY.0)
        .map(|number| {
            server.run("", &make(number));
            TestDatabase { url: server.url_of(&name(number)), name: name(number), server: server.clone() }
        })
        .collect();
    let all = format!("`{}\\_%`.*", base.name.replace('_', "\\_"));
    let user = base.plain_user(&[
        &format!("ALL ON {all}"),
        "RELOAD, REPLICATION CLIENT, SHOW_ROUTINE, BACKUP_ADMIN ON *.*",
        "SELECT ON mysql.*",
    ]);
    let settings = json!({ "databases": format!("{}_*", base.name), "jobs": 3 });
    let (connections, statements) =
        counted(&server, &user.name, &*engine_with(&user.url, settings), &base.name);
    assert_eq!(connections, 1 + 3 + 3, "for the list, to read, to coordinate, to watch, and for accounts");
    // To hold a table, for its definition, to use it where it is read, and to read it.
    let tables = (MANY.0 * MANY.1 * 4) as u64;
    let more = statements.saturating_sub(tables) / MANY.0 as u64;
    assert!(more < 58, "{statements} statements, {more} for each database besides those for its tables");
    drop(many);
}
