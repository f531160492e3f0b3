use std::net::TcpListener;

use cadangkan_core::ErrorKind;
use cadangkan_mywire::{Connection, Flavor, server_error};
use cadangkan_testkit::mysql;

use crate::liar::{Liar, welcome};
use crate::support::{User, calmly, one, open, plain, refused, target, url};

#[test]
fn says_who_it_is_and_what_the_server_is() {
    for server in mysql::servers() {
        let mut connection = open(&plain(&server));
        let version = connection.version().clone();
        assert_eq!(version.flavor == Flavor::MariaDb, server.is_mariadb(), "{version}");
        let number = (u32::from(version.number.0), u32::from(version.number.1));
        assert_eq!(number, server.number(), "{version:?}");
        assert_eq!(one(&mut connection, "SELECT VERSION()"), version.text);
        assert_eq!(one(&mut connection, "SELECT CONNECTION_ID()"), connection.connection_id().to_string());
        assert_eq!(one(&mut connection, "SELECT @@character_set_client"), "utf8mb4");
        assert_eq!(one(&mut connection, "SELECT @@character_set_results"), "utf8mb4");
        assert!(!connection.in_transaction() && !connection.is_broken() && !connection.is_encrypted());
        if !server.is_mariadb() {
            let sql = "SELECT attr_value FROM performance_schema.session_connect_attrs
                WHERE attr_name = 'program_name' AND processlist_id = CONNECTION_ID()";
            assert_eq!(one(&mut connection, sql), "cadangkan");
        }
    }
}

#[test]
fn unix_sockets_and_tunnels_work() {
    for server in mysql::servers() {
        let socket = server.socket.display();
        for mode in ["preferred", "required"] {
            let mut local = open(&url!("root:pw@/mysql?socket={socket}&ssl-mode={mode}"));
            assert_eq!(one(&mut local, "SELECT SUBSTRING_INDEX(USER(), '@', -1)"), "localhost");
            assert_eq!(local.is_encrypted(), mode == "required");
            assert_eq!(one(&mut local, "SELECT DATABASE()"), "mysql");
        }
        let elsewhere = target(&url!("root:pw@db.invalid:1/"));
        let tunnel = elsewhere.through(([127, 0, 0, 1], server.port).into());
        let mut connection = calmly(|control| Connection::open(&tunnel, control)).unwrap();
        assert!(connection.is_encrypted());
        assert_eq!(one(&mut connection, "SELECT 1"), "1");
    }
}

#[test]
fn each_refusal_has_its_own_message() {
    for server in mysql::servers() {
        let full = User::new(&server, "full", "IDENTIFIED BY 'hunter2' WITH MAX_USER_CONNECTIONS 1");
        let locked = User::new(&server, "locked", "IDENTIFIED BY 'hunter2' ACCOUNT LOCK");
        let at = format!("127.0.0.1:{}", server.port);
        let first = open(&full.url("hunter2", ""));
        let full_name = &full.name;
        let locked_name = &locked.name;
        let cases = [
            (format!("root:hunter2@{at}/"), ErrorKind::Denied, "does not let this user in"),
            (format!("mywire_none:hunter2@{at}/"), ErrorKind::Denied, "does not let this user in"),
            (format!("root@{at}/"), ErrorKind::Denied, "none is given"),
            (format!("root:pw@{at}/od%60d%20%C3%BC"), ErrorKind::NotFound, "database does not exist"),
            (format!("{full_name}:hunter2@{at}/"), ErrorKind::Unreachable, "used up"),
            (format!("{locked_name}:hunter2@{at}/"), ErrorKind::Denied, "locked"),
            ("u:hunter2@127.0.0.1:1/d".into(), ErrorKind::Unreachable, "nothing takes connections"),
            ("u:hunter2@no-such-host.invalid/d".into(), ErrorKind::Unreachable, "cannot be resolved"),
            ("u:hunter2@/d?socket=/nowhere".into(), ErrorKind::Unreachable, "socket is not there"),
        ];
        for (url, kind, part) in cases {
            let error = refused(&format!("mysql://{url}"));
            assert_eq!(error.kind(), kind, "{server}: {url}: {error:?}");
            assert!(error.message().contains(part), "{server}: {url}: {error:?}");
            assert!(error.facts().iter().any(|(key, _)| ["host", "socket"].contains(key)), "{url}");
        }
        drop(first);
        server.try_run("", &format!("GRANT SELECT ON mysql.* TO {full_name}@'%'")).unwrap();
        let error = refused(&locked.url("hunter2", "mysql"));
        assert_eq!(error.kind(), ErrorKind::Denied);
        let error = refused(&url!("root:wrong@{at}/"));
        assert_eq!(
            (server_error(&error).unwrap().code, server_error(&error).unwrap().state.as_str()),
            (1045, "28000")
        );
    }
}

#[test]
fn a_user_without_rights_on_a_database_is_told_so() {
    for server in mysql::servers() {
        let user = User::new(&server, "poor", "IDENTIFIED BY 'hunter2'");
        let error = refused(&user.url("hunter2", "mysql"));
        assert!(
            error.kind() == ErrorKind::Denied && error.message().contains("may not use this database"),
            "{error:?}"
        );
        let mut connection = open(&user.url("hunter2", ""));
        let error = calmly(|control| connection.execute("SELECT * FROM mysql.user", control)).unwrap_err();
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("not allowed"), "{error:?}");
        let error = calmly(|control| connection.execute("FLUSH TABLES WITH READ LOCK", control)).unwrap_err();
        assert_eq!((error.kind(), server_error(&error).unwrap().code), (ErrorKind::Denied, 1227));
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let error = refused(&url!("u:hunter2@127.0.0.1:{port}/d?connect-timeout=1"));
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
}

#[test]
fn dropping_says_goodbye() {
    let liar = Liar::new();
    let (_, heard) =
        liar.tell(&welcome(), || drop(open(&url!("u@127.0.0.1:{}/?ssl-mode=disabled", liar.port()))));
    assert_eq!(heard, [1, 0, 0, 0, 1]);
}
