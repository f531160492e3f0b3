//! What a look at a whole server shows: databases with their engines, and the server's part in replication.

use std::process::Stdio;
use std::time::{Duration, Instant};

use cadangkan_engine::Scan;
use cadangkan_testkit::mysql::{MysqlServer, servers};

use crate::support::{controlled, engine, engine_with};

fn scan(server: &MysqlServer) -> Scan {
    let engine = engine_with(&server.url, serde_json::json!({}));
    controlled(|control| engine.scan(control)).unwrap()
}

fn role(scan: &Scan) -> String {
    scan.replication["role"].as_str().unwrap().to_owned()
}

#[test]
fn databases_are_shown_with_sizes_and_engines() {
    for server in servers() {
        let database = server.database();
        database.run(
            "CREATE TABLE a (a int PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE b LIKE a;
             CREATE TABLE z_log (a int) ENGINE=MyISAM; CREATE TABLE cache (a int) ENGINE=MEMORY;
             CREATE VIEW v AS SELECT a FROM a; INSERT INTO a VALUES (1)",
        );
        let empty = server.database();
        let found = scan(&server);
        let of = |name: &str| found.databases.iter().find(|database| database.name == name).unwrap();
        let full = of(&database.name);
        let engines: Vec<_> = full.engines.iter().map(|(name, tables)| (name.as_str(), *tables)).collect();
        assert_eq!(engines, [("InnoDB", 2), ("MEMORY", 1), ("MyISAM", 1)], "{server}");
        assert_eq!(full.without_transactions, ["cache", "z_log"], "{server}");
        assert!(full.tables == Some(4) && full.size_bytes.unwrap() > 0, "{full:?}");
        let none = of(&empty.name);
        assert_eq!((none.tables, none.size_bytes, none.engines.len()), (Some(0), Some(0), 0));
        assert!(found.databases.is_sorted_by(|a, b| a.name < b.name));
        assert!(!found.databases.iter().any(|database| database.name == "mysql"));
    }
}

#[test]
fn what_a_user_may_not_see_is_left_out() {
    for server in servers() {
        let (mine, other) = (server.database(), server.database());
        let user = mine.plain_user(&["SELECT"]);
        let engine = engine_with(&user.url, serde_json::json!({}));
        let found = controlled(|control| engine.scan(control)).unwrap();
        let names: Vec<_> = found.databases.iter().map(|database| database.name.as_str()).collect();
        assert!(names.contains(&mine.name.as_str()) && !names.contains(&other.name.as_str()), "{names:?}");
        assert_eq!(role(&found), "unknown: this user may not see it", "{server}");
        assert_eq!(found.replication["binary_log"], "on");
    }
}

/// A second source without a running thread, taken away at the end.
struct Followed<'a>(&'a MysqlServer);

impl<'a> Followed<'a> {
    fn new(server: &'a MysqlServer) -> Self {
        server.run(
            "",
            match server.is_mariadb() {
                true => {
                    "CHANGE MASTER 'cadangkan_scan' TO MASTER_HOST='source.example.com', MASTER_PORT=3310, MASTER_USER='x'"
                }
                false => {
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST='source.example.com', SOURCE_PORT=3310, SOURCE_USER='x' FOR CHANNEL 'cadangkan_scan'"
                }
            },
        );
        Followed(server)
    }
}

impl Drop for Followed<'_> {
    fn drop(&mut self) {
        let sql = match self.0.is_mariadb() {
            true => "RESET SLAVE 'cadangkan_scan' ALL",
            false => "RESET REPLICA ALL FOR CHANNEL 'cadangkan_scan'",
        };
        // What cannot be taken away goes with the server.
        let _ = self.0.try_run("", sql);
    }
}

#[test]
fn the_part_in_replication_is_told() {
    for server in servers() {
        let before = scan(&server);
        assert!(["alone", "source"].contains(&role(&before).as_str()), "{:?}", before.replication);
        let known = &before.replication;
        assert_eq!((&known["binary_log"], &known["binlog_format"]), (&"on".into(), &"row".into()));
        assert_eq!(known["read_only"].as_str().unwrap().to_lowercase(), "off");
        let gtid = if server.is_mariadb() { ("gtid_domain_id", "0") } else { ("gtid_mode", "on") };
        assert_eq!(known[gtid.0], gtid.1, "{server}");
        let followed = Followed::new(&server);
        let replica = scan(&server);
        assert!(role(&replica).starts_with("replica"), "{:?}", replica.replication);
        assert_eq!(replica.replication["source"], "source.example.com:3310 (stopped)");
        drop(followed);
        assert!(!scan(&server).replication.contains_key("source"));
    }
}

#[test]
fn who_reads_the_binary_log_is_a_replica() {
    for server in servers() {
        let logs = server.run("", "SHOW BINARY LOGS");
        let last = logs.lines().last().unwrap().split('\t').next().unwrap();
        let mut reader = server.binlog_tool();
        reader.args(["--no-defaults", "--read-from-remote-server", "--stop-never", "--host=127.0.0.1"]);
        reader.args([&format!("--port={}", server.port), &format!("--user={}", MysqlServer::USER)]);
        match server.is_mariadb() {
            true => reader.args(["--skip-ssl", "--stop-never-slave-server-id=4711", last]),
            false => reader.args(["--connection-server-id=4711", last]),
        };
        reader.env("MYSQL_PWD", MysqlServer::PASSWORD);
        let mut child = reader.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        let mut seen = scan(&server);
        while !seen.replication.contains_key("replicas") && began.elapsed() < Duration::from_secs(20) {
            std::thread::yield_now();
            seen = scan(&server);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(role(&seen).ends_with("source"), "{server}: {:?}", seen.replication);
        assert!(seen.replication["replicas"].as_u64().unwrap() >= 1);
    }
}

#[test]
fn a_single_database_can_be_asked_for_its_server() {
    for server in servers() {
        let database = server.database();
        let found = controlled(|control| engine(&database).scan(control)).unwrap();
        assert!(found.databases.iter().any(|one| one.name == database.name));
        assert!(!found.server.version.is_empty());
    }
}
