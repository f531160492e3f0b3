use std::time::{Duration, Instant};

use cadangkan_core::{Cancel, ErrorKind};
use cadangkan_pgwire::Connection;

use crate::support::{encrypted, one, open, plain, run, server, target, url, with_cancel};

/// Runs `work` and cancels it once the server shows that it waits in `pg_sleep` or a client.
fn cancelled_during(url: &str, state: &str, work: impl FnOnce(&Cancel, &mut Connection) -> ErrorKind + Send) {
    let (mut connection, mut watcher) = (open(url), open(url));
    let process = connection.backend_pid();
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let kind = work(&cancel, &mut connection);
            (kind, connection)
        });
        let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {process} AND {state}");
        while one(&mut watcher, &sql) == "0" {}
        cancel.cancel();
        let (kind, mut connection) = worker.join().unwrap();
        assert_eq!(kind, ErrorKind::Cancelled);
        assert!(!connection.is_broken());
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
    });
}

#[test]
fn statements_stop_on_request() {
    let Some(server) = server() else { return };
    for url in [plain(&server), encrypted(&server)] {
        cancelled_during(&url, "wait_event = 'PgSleep'", |cancel, connection| {
            with_cancel(cancel, |control| connection.execute("SELECT pg_sleep(600)", control))
                .unwrap_err()
                .kind()
        });
    }
}

#[test]
fn copies_stop_on_request() {
    let Some(server) = server() else { return };
    cancelled_during(&plain(&server), "state = 'active' AND query LIKE 'COPY%'", |cancel, connection| {
        let sql = "COPY (SELECT generate_series(1, 10000000000)) TO STDOUT";
        with_cancel(cancel, |control| connection.copy_out(sql, control, |_| Ok(()))).unwrap_err().kind()
    });
    cancelled_during(&plain(&server), "state = 'active' AND query LIKE 'COPY%'", |cancel, connection| {
        run(connection, "CREATE TEMP TABLE t (i int)");
        with_cancel(cancel, |control| {
            let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
            let block = b"7\n".repeat(1 << 16);
            loop {
                if let Err(error) = copy.write(&block) {
                    return error.kind();
                }
            }
        })
    });
}

#[test]
fn connecting_stops_on_request() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let target = target(&url!("u@127.0.0.1:{port}/d?connect_timeout=600"));
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
