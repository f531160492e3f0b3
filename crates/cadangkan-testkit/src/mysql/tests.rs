use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;

#[test]
fn databases_come_and_go_on_every_server() {
    for server in servers() {
        let database = server.database();
        assert!(database.run("SELECT VERSION()").starts_with(&server.version));
        let sum = database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); SELECT SUM(a) FROM t");
        assert_eq!(sum, "3\n");
        assert!(database.definitions().contains("CREATE TABLE `t` ("));
        assert!(database.contents().starts_with("t\t2\t"));
        let mut hold = server.client();
        let hold = hold.args(["--execute", "SELECT SLEEP(600)", &database.name]).stderr(Stdio::null());
        let mut hold = hold.stdout(Stdio::null()).spawn().unwrap();
        let sleeps = format!(
            "SELECT COUNT(*) FROM {} WHERE db = DATABASE() AND info LIKE 'SELECT SLEEP%'",
            server.processlist()
        );
        while database.run(&sleeps) != "1\n" {}
        let name = database.name.clone();
        drop(database);
        assert!(!hold.wait().unwrap().success());
        let left = format!("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = '{name}'");
        assert_eq!(server.run("", &left), "0\n");
    }
}

#[test]
fn servers_are_set_up_as_promised() {
    for server in servers() {
        let settings = "SELECT @@log_bin, @@local_infile, @@max_allowed_packet, @@binlog_row_metadata,
            @@binlog_format, @@event_scheduler";
        assert_eq!(server.run("", settings), "1\t1\t67108864\tFULL\tROW\tOFF\n", "{server}");
        let gtid =
            if server.is_mariadb() { "SELECT @@gtid_strict_mode" } else { "SELECT @@gtid_mode = 'ON'" };
        assert_eq!(server.run("", gtid), "1\n", "{server}");
        let mut command = server.client();
        let socket = format!("--socket={}", server.socket.display());
        command.args(["--protocol=socket", "--host=localhost", &socket]);
        command.args(["-N", "--execute", "SELECT CURRENT_USER()"]);
        assert_eq!(command.output().unwrap().stdout, b"root@localhost\n", "{server}");
    }
}

/// A server that starts removes every temporary table that it finds in its folder for them, those of others too.
#[test]
fn temporary_tables_stay_when_another_server_starts() {
    for server in servers() {
        let database = server.database();
        let mut session = server.client().arg(&database.name).stdin(Stdio::piped()).spawn().unwrap();
        let mut statements = session.stdin.take().unwrap();
        let make = "CREATE TABLE made (a int); CREATE TEMPORARY TABLE t (a int) ENGINE = MyISAM; INSERT INTO made VALUES (1);\n";
        statements.write_all(make.as_bytes()).unwrap();
        let begun = Instant::now();
        while database.try_run("SELECT * FROM made").as_deref() != Ok("1\n") {
            assert!(begun.elapsed() < Duration::from_secs(60), "{server}: {:?}", session.try_wait());
        }
        let another = server.another();
        statements.write_all(b"FLUSH TABLES; INSERT INTO t VALUES (1); DROP TABLE t;\n").unwrap();
        drop(statements);
        assert!(session.wait().unwrap().success(), "{server}");
        drop(another);
    }
}

#[test]
fn a_certificate_opens_the_door_for_its_user_only() {
    for server in servers() {
        let login = |certificate: bool| {
            let mut command = server.client();
            command.arg(format!("--ssl-ca={}", server.root_cert.display()));
            let verify =
                if server.is_mariadb() { "--ssl-verify-server-cert" } else { "--ssl-mode=VERIFY_IDENTITY" };
            command.args([verify, "--user=certuser"]).env_remove("MYSQL_PWD");
            if certificate {
                command.arg(format!("--ssl-cert={}", server.client_cert.display()));
                command.arg(format!("--ssl-key={}", server.client_key.display()));
            }
            command.args(["--execute", "SELECT 1"]).output().unwrap().status.success()
        };
        assert!(login(true), "{server}");
        assert!(!login(false), "{server}");
    }
}

#[test]
fn names_and_errors_pass_whole() {
    let Some(server) = main_server() else { return };
    let name = "a `b` '$c'; \\d {e} %f";
    server.run("", &format!("CREATE DATABASE `{}`", name.replace('`', "``")));
    assert_eq!(server.run(name, "SELECT DATABASE() = 'a `b` ''$c''; \\\\d {e} %f'"), "1\n");
    server.drop_database(name).unwrap();
    let error = server.try_run("", "SELECT 1;\nSELECT nothing").unwrap_err();
    assert!(error.contains("'nothing'"), "{error}");
    assert!(server.url_of(name).ends_with("/a%20%60b%60%20%27%24c%27%3B%20%5Cd%20%7Be%7D%20%25f"));
}

#[test]
fn a_plain_user_has_what_it_was_given() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (7)");
        let user = database.plain_user(&["SELECT", "PROCESS ON *.*"]);
        let try_it = |sql: &str| {
            let mut command = server.client();
            command.env("MYSQL_PWD", PlainUser::PASSWORD).arg(format!("--user={}", user.name));
            command.args(["-N", "--execute", sql, &database.name]).output().unwrap()
        };
        assert_eq!(try_it("SELECT a FROM t").stdout, b"7\n");
        assert!(!try_it("DELETE FROM t").status.success());
    }
}
