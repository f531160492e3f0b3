use std::net::TcpListener;

use cadangkan_core::ErrorKind;
use cadangkan_pgwire::{Connection, server_error};

use cadangkan_testkit::servers;

use crate::support::{calmly, encrypted, one, open, plain, refused, run, server, target, try_open, url};

#[test]
fn says_who_it_is_and_what_the_server_is() {
    let Some(server) = server() else { return };
    let mut connection = open(&plain(&server));
    assert!(connection.server_version() >= 120_000, "{}", connection.server_version());
    assert_eq!(connection.parameter("client_encoding"), Some("UTF8"));
    assert_eq!(one(&mut connection, "SELECT current_setting('application_name')"), "cadangkan");
    assert_eq!(one(&mut connection, "SELECT pg_backend_pid()"), connection.backend_pid().to_string());
    assert!(!connection.in_transaction() && !connection.is_broken());
    let mut options = open(&format!("{}&options=-c%20geqo%3Doff", plain(&server)));
    assert_eq!(one(&mut options, "SHOW geqo"), "off");
}

#[test]
fn unix_sockets_and_tunnels_work() {
    let Some(server) = server() else { return };
    if let Some(folder) = &server.socket_dir {
        let place = format!("host={}&port={}", folder.display(), server.port);
        let mut local = open(&url!("postgres:pw@/postgres?{place}&sslmode=verify-full"));
        assert_eq!(one(&mut local, "SELECT inet_client_addr() IS NULL"), "t");
    }
    let elsewhere = target(&url!("postgres:pw@db.invalid:1/postgres"));
    let tunnel = elsewhere.through(([127, 0, 0, 1], server.port).into());
    let mut connection = calmly(|control| Connection::open(&tunnel, control)).unwrap();
    assert_eq!(one(&mut connection, "SELECT 1"), "1");
}

#[test]
fn every_version_is_spoken() {
    for server in servers::postgres() {
        let mut connection = open(&server.url);
        assert_eq!(connection.server_version() / 10_000, server.version);
        run(&mut connection, "CREATE TEMP TABLE t (a text)");
        let count = calmly(|control| {
            let mut copy = connection.copy_in("COPY t FROM STDIN", control).unwrap();
            copy.write(b"one\ntwo\n").unwrap();
            copy.finish()
        });
        let mut rows = Vec::new();
        let again = calmly(|control| {
            connection.copy_out("COPY t TO STDOUT", control, |row| {
                rows.push(row.to_vec());
                Ok(())
            })
        });
        assert_eq!((count.unwrap(), again.unwrap()), (2, 2));
        assert_eq!(rows, [b"one\n", b"two\n"]);
    }
}

#[test]
fn other_encodings_are_asked_for() {
    let Some(server) = server() else { return };
    let target = target(&plain(&server)).with_client_encoding("LATIN1");
    let mut connection = calmly(|control| Connection::open(&target, control)).unwrap();
    assert_eq!(connection.parameter("client_encoding"), Some("LATIN1"));
    let error = calmly(|control| connection.query("SELECT 'gr' || chr(252) || 'n'", control)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DamagedSource);
    assert!(error.message().contains("UTF-8"));
    assert_eq!(one(&mut connection, "SELECT 'still there'"), "still there");
}

#[test]
fn each_refusal_has_its_own_message() {
    let Some(server) = server() else { return };
    let mut admin = open(&plain(&server));
    run(&mut admin, "DROP ROLE IF EXISTS pgwire_none; DROP ROLE IF EXISTS pgwire_full");
    run(&mut admin, "CREATE ROLE pgwire_full LOGIN PASSWORD 'hunter2' CONNECTION LIMIT 0");
    let at = format!("127.0.0.1:{}", server.port);
    let cases = [
        (format!("postgres:hunter2@{at}/postgres"), ErrorKind::Denied, "does not take the password"),
        (format!("pgwire_none:hunter2@{at}/postgres"), ErrorKind::Denied, "password"),
        (format!("postgres@{at}/postgres"), ErrorKind::Denied, "none is given"),
        (format!("postgres:pw@{at}/od%22d%20%F0%9F%98%80"), ErrorKind::NotFound, "database does not exist"),
        (format!("pgwire_full:hunter2@{at}/postgres"), ErrorKind::Unreachable, "too many connections"),
        ("u:hunter2@127.0.0.1:1/d".into(), ErrorKind::Unreachable, "nothing takes connections"),
        ("u:hunter2@no-such-host.invalid/d".into(), ErrorKind::Unreachable, "cannot be resolved"),
        ("u:hunter2@/d?host=/nowhere".into(), ErrorKind::Unreachable, "socket is not there"),
    ];
    for (url, kind, part) in cases {
        let error = refused(&format!("postgres://{url}"));
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
        assert!(error.message().contains(part), "{url}: {error:?}");
        assert!(error.facts().iter().any(|(key, _)| *key == "host"), "{url}");
    }
    let full = refused(&url!("pgwire_full:hunter2@{at}/postgres"));
    assert!(full.is_retryable() && server_error(&full).unwrap().code == "53300");
    run(&mut admin, "DROP ROLE pgwire_full");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for mode in ["disable", "prefer"] {
        let error = refused(&url!("u:hunter2@127.0.0.1:{port}/d?connect_timeout=1&sslmode={mode}"));
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    }
}

#[test]
fn passwords_come_from_every_kind_of_login() {
    let Some(server) = server() else { return };
    let mut admin = open(&plain(&server));
    run(
        &mut admin,
        "DROP ROLE IF EXISTS pgwire_scram; CREATE ROLE pgwire_scram LOGIN PASSWORD 'h\u{fc}n ter:2@'",
    );
    let mut connection = open(&url!("pgwire_scram:h%C3%BCn%20ter%3A2%40@127.0.0.1:{}/postgres", server.port));
    assert_eq!(one(&mut connection, "SELECT current_user"), "pgwire_scram");
    drop(connection);
    run(&mut admin, "DROP ROLE pgwire_scram");
    assert!(try_open(&plain(&server)).is_ok());
}

#[test]
fn programs_of_libpq_reach_the_same() {
    let Some(server) = server() else { return };
    let Some(bin) = &server.bin else { return };
    for url in [plain(&server), encrypted(&server)] {
        let mut command = std::process::Command::new(bin.join("psql"));
        command.args([
            "-XAtwc",
            "SELECT current_user || ' ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        ]);
        command
            .env("PGHOSTADDR", "192.0.2.1")
            .env("PGSERVICE", "none")
            .env("PGTARGETSESSIONATTRS", "standby")
            .env("PGLOADBALANCEHOSTS", "random");
        for (name, value) in target(&url).libpq_environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("postgres {}\n", url.ends_with("require"));
        assert_eq!(said, expected, "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn of_several_servers_the_first_that_fits_is_taken() {
    for server in servers::postgres() {
        let at = |hosts: &str, attributes: &str| {
            let hosts = hosts.replace('+', &format!("127.0.0.1:{}", server.port));
            target(&url!("postgres:pw@{hosts}/postgres?sslmode=disable&target_session_attrs={attributes}"))
        };
        let open = |hosts: &str, attributes: &str| {
            let target = at(hosts, attributes);
            calmly(|control| Connection::open(&target, control)).map(|connection| (connection, target))
        };
        // Nobody listens at port 1; the second, third and further connections go where the first one went.
        for hosts in ["127.0.0.1:1,+", "+,127.0.0.1:1", "no-such-host.invalid,127.0.0.1:1,+"] {
            for attributes in ["any", "read-write", "primary", "prefer-standby"] {
                let (mut connection, target) = open(hosts, attributes).unwrap();
                assert_eq!(one(&mut connection, "SELECT inet_server_port()"), server.port.to_string());
                let port = target.libpq_environment().into_iter().find(|(name, _)| *name == "PGPORT");
                assert_eq!(port.unwrap().1.unwrap(), server.port.to_string().as_str());
                let again = calmly(|control| Connection::open(&target.with_database("template1"), control));
                assert_eq!(one(&mut again.unwrap(), "SELECT current_database()"), "template1");
            }
        }
        for attributes in ["standby", "read-only"] {
            let error = open("127.0.0.1:1,+", attributes).err().unwrap();
            let text = format!("{error:?}");
            assert_eq!(error.kind(), ErrorKind::Unreachable, "{text}");
            assert!(
                text.contains("127.0.0.1:1: nothing takes connections")
                    && text.contains("not the one that is meant"),
                "{text}"
            );
            assert!(error.advice().is_some());
            let error = open("+", attributes).err().unwrap();
            assert!(error.message().contains(attributes), "{error:?}");
        }
        // A session that may not write is not what read-write means.
        let read_only = format!("127.0.0.1:{}", server.port);
        let options = |attributes: &str| {
            let url = url!(
                "postgres:pw@{read_only}/postgres?sslmode=disable&options=-c%20default_transaction_read_only%3Don&target_session_attrs={attributes}"
            );
            let target = target(&url);
            calmly(|control| Connection::open(&target, control))
        };
        assert!(options("read-only").is_ok() && options("primary").is_ok() && options("read-write").is_err());
        // A password that is refused is not tried elsewhere.
        let wrong = target(&url!("postgres:wrong@{read_only},127.0.0.1:1/postgres?sslmode=disable"));
        let error = calmly(|control| Connection::open(&wrong, control)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    }
}
