//! The one statement that moves all tables: what fails in its middle leaves all old ones or all new ones.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use cadangkan_core::Result;
use cadangkan_engine::{DumpRequest, Engine, LoadMode};
use cadangkan_mywire::{Connection, Settings, SystemEnvironment, Target};
use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, servers};
use cadangkan_testkit::runs::Dump;
use serde_json::json;

use crate::load_support::{drop_family, family, told};
use crate::support::{controlled, dump, engine, engine_with};

const TABLES: usize = 30;

/// Two databases with the same names in them and other content, and a dump of the second.
fn old_and_new(server: &MysqlServer) -> (TestDatabase, TestDatabase, Dump) {
    let fill = |word: &str| {
        let database = server.database();
        let mut sql = String::new();
        for number in 0..TABLES {
            sql +=
                &format!("CREATE TABLE t{number} (a varchar(9)); INSERT INTO t{number} VALUES ('{word}');");
        }
        sql += &format!("CREATE VIEW v AS SELECT '{word}' AS word, a FROM t1;");
        sql += &format!("CREATE TRIGGER g BEFORE INSERT ON t0 FOR EACH ROW SET NEW.a = '{word}'");
        database.run(&sql);
        database
    };
    let (old, new) = (fill("old"), fill("new"));
    let dumped = dump(&*engine(&new), &DumpRequest::default()).unwrap();
    (old, new, dumped)
}

/// Loads a dump beside a target, and swaps when `before_swap` was called.
fn replace(engine: &dyn Engine, dumped: &Dump, before_swap: impl FnOnce()) -> Result<Vec<String>> {
    controlled(|control| {
        let plan = engine.plan_load(&dumped.request(LoadMode::Replace), control)?;
        let mut load = engine.begin_load(&plan, control)?;
        for piece in dumped.pieces(&plan) {
            load.load(&piece, control)?;
        }
        load.finish(control)?;
        before_swap();
        load.commit()
    })
}

fn state(database: &TestDatabase) -> (String, String) {
    (format!("{:?}", database.definitions()), format!("{:?}", database.contents()))
}

/// A session that has read a table in a transaction: nobody may move it.
fn reader(database: &TestDatabase, table: &str) -> Connection {
    let settings = Settings::from_url(&format!("{}?no-defaults=1", database.url)).unwrap();
    let target = Target::resolve(&settings, &SystemEnvironment).unwrap();
    controlled(|control| {
        let mut connection = Connection::open(&target, control).unwrap();
        connection.execute("BEGIN", control).unwrap();
        connection.query(&format!("SELECT * FROM {table}"), control).unwrap();
        connection
    })
}

#[test]
fn tables_that_cannot_be_moved_stay_all() {
    for server in servers() {
        let (old, _, dumped) = old_and_new(&server);
        let before = state(&old);
        let engine = engine_with(&old.url, json!({ "lock_timeout": "1s" }));
        let mut holder = None;
        let error = replace(&*engine, &dumped, || holder = Some(reader(&old, "t29"))).unwrap_err();
        assert!(
            told(&error).contains("RENAME TABLE") && told(&error).contains("as it was"),
            "{}",
            told(&error)
        );
        drop(holder);
        assert_eq!(state(&old), before, "{server}");
        assert_eq!(family(&server, &old.name).len(), 1);
    }
}

#[test]
fn a_swap_whose_session_is_killed_leaves_the_old_tables() {
    for server in servers() {
        let (old, _, dumped) = old_and_new(&server);
        let before = state(&old);
        let engine = engine_with(&old.url, json!({ "lock_timeout": "60s" }));
        let holder = reader(&old, "t29");
        let error = scope(|scope| {
            let killer = || {
                let begin = format!("RENAME TABLE `{}`", old.name);
                loop {
                    let all = server.run("", "SHOW FULL PROCESSLIST");
                    if let Some(line) = all.lines().find(|line| line.contains(&begin)) {
                        server.run("", &format!("KILL {}", line.split('\t').next().unwrap()));
                        return;
                    }
                }
            };
            let swapping = replace(&*engine, &dumped, || drop(scope.spawn(killer)));
            swapping.unwrap_err()
        });
        drop(holder);
        assert!(told(&error).contains("as it was"), "{}", told(&error));
        assert_eq!(state(&old), before, "{server}");
        assert_eq!(family(&server, &old.name).len(), 1);
    }
}

#[test]
fn a_swap_whose_answer_is_lost_is_completed() {
    for server in servers() {
        let (old, new, dumped) = old_and_new(&server);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = old.url.replace(&format!(":{}/", server.port), &format!(":{port}/"));
        assert_ne!(url, old.url);
        let engine = engine_with(&url, json!({ "ssl_mode": "disabled", "jobs": 1 }));
        let (is_cut, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
        let replaced = scope(|scope| {
            let (is_cut, is_over, upstream) = (&is_cut, &is_over, server.port);
            scope.spawn(move || {
                for client in listener.incoming() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    let client = client.unwrap();
                    scope.spawn(move || pass(client, upstream, is_cut));
                }
            });
            let replaced = replace(&*engine, &dumped, || {});
            is_over.store(true, Ordering::SeqCst);
            TcpStream::connect(("127.0.0.1", port)).unwrap();
            replaced
        });
        assert!(is_cut.load(Ordering::SeqCst), "the answer was not lost");
        replaced.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(state(&old), state(&new), "{server}");
        let family = family(&server, &old.name);
        let [_, kept] = family.as_slice() else { panic!("{family:?}") };
        assert_eq!(server.run(kept, "SELECT * FROM t29; SELECT * FROM v"), "old\nold\told\n");
        drop_family(&old);
    }
}

/// Passes a connection on; cuts the first one that moves tables as soon as the server answers to that.
fn pass(client: TcpStream, upstream: u16, is_cut: &AtomicBool) {
    let server = TcpStream::connect(("127.0.0.1", upstream)).unwrap();
    let is_moving = AtomicBool::new(false);
    let end = || {
        // Either may be gone already.
        let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
    };
    scope(|scope| {
        scope.spawn(|| {
            copy(&client, &server, |bytes| {
                let moves = bytes.windows(12).any(|part| part == b"RENAME TABLE");
                is_moving.fetch_or(moves, Ordering::SeqCst);
                true
            });
            end();
        });
        copy(&server, &client, |_| !is_moving.load(Ordering::SeqCst) || is_cut.swap(true, Ordering::SeqCst));
        end();
    });
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, mut is_passed: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !is_passed(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}
