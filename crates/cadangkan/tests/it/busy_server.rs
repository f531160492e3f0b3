//! Runs that wait while the database's own server is busy.

use std::process::{Child, Command, Stdio};

use cadangkan_testkit::mysql::{self, MysqlServer};
use cadangkan_testkit::servers::{PostgresServer, postgres_main};

use crate::scheduler::{LEAP_DAY, make_due, state_of, until};
use crate::support::{Daemon, Home};

/// Sessions that are kept at work; others use the server too, but hardly so many of them at once.
const BUSY: u64 = 24;
const MOST: u64 = 18;

/// Sessions that sleep in a statement, until they are ended.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn begin(mut one: impl FnMut() -> Command) -> Self {
        let quiet = |mut command: Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        Sleepers((0..BUSY).map(|_| quiet(one())).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A run that is due begins once its server has room, and not before.
fn waits(engine: &str, at_work: impl Fn() -> u64, begin: impl FnOnce() -> Sleepers, end: impl FnOnce()) {
    let home = Home::configured(&format!(
        "databases:\n  shop:\n    {engine}\n    schedule: {{ cron: \"{LEAP_DAY}\", max_sessions: {MOST} }}\n"
    ));
    Daemon::start(&home).end();
    make_due(&home);
    let sleepers = begin();
    until("the server is busy", || at_work() >= BUSY);
    let daemon = Daemon::start(&home);
    let log = || std::fs::read_to_string(home.path(".cadangkan/logs/cadangkan.log")).unwrap();
    until("the run waits", || log().contains("sessions are at work on its server, more than 18"));
    assert_eq!(state_of(&home, "shop"), "queued");
    assert!(!log().contains("backup of shop begins"));
    end();
    drop(sleepers);
    until("it was made", || state_of(&home, "shop") == "completed");
    daemon.end();
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_run_waits_for_a_busy_postgresql() {
    let Some(server) = postgres_main() else { return };
    let database = server.database();
    database.psql("CREATE TABLE t (id int)");
    let of_it =
        format!("datname = '{}' AND state = 'active' AND query LIKE 'SELECT pg_sleep%'", database.name);
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE {of_it}");
    let end = format!("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {of_it}");
    let engine = format!(
        "postgres: {{ host: 127.0.0.1, port: {}, user: {}, password: {}, database: {}, pg_bin: {} }}",
        server.port,
        PostgresServer::USER,
        PostgresServer::PASSWORD,
        database.name,
        server.bin.as_ref().unwrap().display()
    );
    let sleep = || {
        let mut command = server.tool("psql", &database.name);
        command.args(["-c", "SELECT pg_sleep(250)"]);
        command
    };
    let at_work = || server.psql("postgres", &count).trim().parse().unwrap();
    waits(&engine, at_work, || Sleepers::begin(sleep), || drop(server.psql("postgres", &end)));
}

#[test]
fn a_run_waits_for_a_busy_mariadb() {
    let Some(server) = mysql::main_server() else { return };
    let database = server.database();
    database.run("CREATE TABLE t (id int)");
    let engine = format!(
        "mysql: {{ host: 127.0.0.1, port: {}, user: {}, password: {}, database: {} }}",
        server.port,
        MysqlServer::USER,
        MysqlServer::PASSWORD,
        database.name
    );
    let sleep = || {
        let mut command = server.client();
        command.args(["-e", "SELECT SLEEP(250)", &database.name]);
        command
    };
    let sleeping = || {
        let sessions = server.run("", "SHOW PROCESSLIST");
        let ids =
            sessions.lines().filter(|line| line.contains(&database.name) && line.contains("SELECT SLEEP"));
        ids.map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let end = || sleeping().iter().for_each(|id| drop(server.try_run("", &format!("KILL {id}"))));
    waits(&engine, || sleeping().len() as u64, || Sleepers::begin(sleep), end);
}

#[test]
fn a_server_that_cannot_be_asked_is_not_waited_for() {
    let home = Home::configured(&format!(
        "databases:\n  shop:\n    postgres: {{ host: 127.0.0.1, port: 1, user: u, password: p, database: d }}\n    schedule: {{ cron: \"{LEAP_DAY}\", max_sessions: 1, retry: {{ attempts: 1 }} }}\n"
    ));
    Daemon::start(&home).end();
    make_due(&home);
    let daemon = Daemon::start(&home);
    until("the run failed for its own reason", || state_of(&home, "shop") == "failed");
    let said = daemon.end();
    assert!(said.contains("how busy its server is cannot be told, so it is not waited for: "), "{said}");
    assert!(said.contains("backup of shop begins"), "{said}");
}

#[test]
fn a_database_without_a_server_is_refused() {
    let home = Home::configured(
        "databases:\n  shop:\n    sqlite: { path: shop.db }\n    schedules: { often: { every: hourly, max_sessions: 5 } }\n",
    );
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("`max_sessions`: SQLite has no server with sessions"), "{}", ran.stderr);
    let home = Home::with_shop();
    let ran = home.run(&["schedule", "set", "shop", "--daily", "--max-sessions", "5"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("SQLite has no server with sessions"), "{}", ran.stderr);
}
