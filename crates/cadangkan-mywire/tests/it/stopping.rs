use std::time::{Duration, Instant};

use cadangkan_core::{Cancel, ErrorKind};
use cadangkan_mywire::Connection;
use cadangkan_testkit::mysql::{self, MysqlServer};

use crate::support::{encrypted, one, open, plain, run, target, url, with_cancel};

/// Runs `work` and cancels it once the server shows that it is at it.
fn cancelled_during(
    server: &MysqlServer,
    url: &str,
    state: &str,
    work: impl FnOnce(&Cancel, &mut Connection) -> ErrorKind + Send,
) {
    let (mut connection, mut watcher) = (open(url), open(url));
    let id = connection.connection_id();
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let kind = work(&cancel, &mut connection);
            (kind, connection)
        });
        let sql = format!("SELECT COUNT(*) FROM {} WHERE id = {id} AND {state}", server.processlist());
        while one(&mut watcher, &sql) == "0" {}
        cancel.cancel();
        let (kind, mut connection) = worker.join().unwrap();
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(!connection.is_broken());
        assert_eq!(one(&mut connection, "SELECT SLEEP(0.01)"), "0");
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
    });
}

#[test]
fn statements_stop_on_request() {
    for server in mysql::servers() {
        let socket = url!("root:pw@/?socket={}", server.socket.display());
        for url in [plain(&server), encrypted(&server), socket] {
            cancelled_during(&server, &url, "info LIKE '%SLEEP(600)%'", |cancel, connection| {
                with_cancel(cancel, |control| connection.execute("SELECT SLEEP(600)", control))
                    .unwrap_err()
                    .kind()
            });
        }
    }
}

#[test]
fn rows_stop_on_request() {
    for server in mysql::servers() {
        let database = server.database();
        let mut filler = open(&database.url);
        run(&mut filler, "CREATE TABLE t (a char(200))");
        run(&mut filler, "INSERT INTO t VALUES (REPEAT('x', 200))");
        for _ in 0..12 {
            run(&mut filler, "INSERT INTO t SELECT * FROM t");
        }
        cancelled_during(&server, &database.url, "info LIKE '%FROM t, t AS u%'", |cancel, connection| {
            let sql = "SELECT t.a FROM t, t AS u";
            with_cancel(cancel, |control| connection.rows(sql, control, |_, _| Ok(()))).unwrap_err().kind()
        });
    }
}

#[test]
fn waits_for_locks_stop_on_request() {
    for server in mysql::servers() {
        let database = server.database();
        let mut holder = open(&database.url);
        run(&mut holder, "CREATE TABLE t (a int)");
        run(&mut holder, "LOCK TABLES t WRITE");
        cancelled_during(&server, &database.url, "state LIKE '%lock%'", |cancel, connection| {
            with_cancel(cancel, |control| connection.execute("INSERT INTO t VALUES (1)", control))
                .unwrap_err()
                .kind()
        });
    }
}

#[test]
fn statements_that_others_kill_are_no_request_of_ours() {
    for server in mysql::servers() {
        let (mut victim, mut killer) = (open(&plain(&server)), open(&plain(&server)));
        let id = victim.connection_id();
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let sql = "SELECT SLEEP(600) FROM information_schema.tables";
                with_cancel(&Cancel::default(), |control| victim.execute(sql, control)).unwrap_err()
            });
            let sql = format!(
                "SELECT COUNT(*) FROM {} WHERE id = {id} AND info LIKE 'SELECT SLEEP%'",
                server.processlist()
            );
            while one(&mut killer, &sql) == "0" {}
            run(&mut killer, &format!("KILL QUERY {id}"));
            let error = worker.join().unwrap();
            assert!(error.kind() == ErrorKind::Timeout && error.message().contains("killed"), "{error:?}");
        });
    }
}

#[test]
fn connecting_stops_on_request() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = target(&url!("u@127.0.0.1:{port}/d?connect-timeout=600"));
    let cancel = Cancel::default();
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            with_cancel(&cancel, |control| Connection::open(&target, control)).err().unwrap().kind()
        });
        let _accepted = silent.accept().unwrap();
        cancel.cancel();
        assert_eq!(worker.join().unwrap(), ErrorKind::Cancelled);
    });
    assert!(begin.elapsed() < Duration::from_secs(60));
}
