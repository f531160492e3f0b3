use cadangkan_core::ErrorKind;
use cadangkan_testkit::mysql::{self, MysqlServer};

use crate::support::{User, one, open, refused, url};

/// A password that is long, has an accent and every kind of quote.
const PASSWORD: &str = "h\u{fc}n ter:2@/%'\\\"012345678901234567890123456789012345678901234567890123456789";

fn escaped() -> String {
    PASSWORD.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn quoted() -> String {
    format!("'{}'", PASSWORD.replace('\\', "\\\\").replace('\'', "''"))
}

/// Logs in by TLS, the socket, and in the open, as `open` says.
fn logs_in(server: &MysqlServer, user: &User<'_>, password: &str) {
    for mode in ["required", "disabled"] {
        let mut connection = open(&user.url(password, &format!("?ssl-mode={mode}")));
        let expected = format!("{}@%", user.name);
        assert_eq!(one(&mut connection, "SELECT CURRENT_USER()"), expected, "{server} {mode}");
    }
    let mut local = open(&url!("{}:{password}@/?socket={}", user.name, server.socket.display()));
    assert_eq!(one(&mut local, "SELECT 1"), "1");
    let error = refused(&user.url("hunter2", ""));
    assert_eq!(error.kind(), ErrorKind::Denied, "{server}: {error:?}");
}

#[test]
fn native_passwords() {
    for server in mysql::servers().into_iter().filter(MysqlServer::is_mariadb) {
        let login = format!("IDENTIFIED VIA mysql_native_password USING PASSWORD({})", quoted());
        logs_in(&server, &User::new(&server, "native", &login), &escaped());
        logs_in(&server, &User::new(&server, "empty", ""), "");
    }
}

#[test]
fn ed25519_of_mariadb() {
    for server in mysql::servers().into_iter().filter(MysqlServer::is_mariadb) {
        for (name, password, url) in [("edlong", quoted(), escaped()), ("edshort", "'x'".into(), "x".into())]
        {
            let login = format!("IDENTIFIED VIA ed25519 USING PASSWORD({password})");
            logs_in(&server, &User::new(&server, name, &login), &url);
        }
    }
}

#[test]
fn parsec_of_mariadb() {
    for server in
        mysql::servers().into_iter().filter(|server| server.is_mariadb() && server.number() >= (11, 6))
    {
        // It is there already after the first time.
        let _ = server.try_run("", "INSTALL SONAME 'auth_parsec'");
        let login = format!("IDENTIFIED VIA parsec USING PASSWORD({})", quoted());
        logs_in(&server, &User::new(&server, "parsec", &login), &escaped());
    }
}

#[test]
fn caching_sha2_of_mysql() {
    for server in mysql::servers().into_iter().filter(|server| !server.is_mariadb()) {
        let login = format!("IDENTIFIED WITH caching_sha2_password BY {}", quoted());
        let user = User::new(&server, "sha2", &login);
        let open_only = user.url(&escaped(), "?ssl-mode=disabled");
        // The server has no hash at hand yet, and would have to be told the password in the clear.
        let error = refused(&open_only);
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.message().contains("in the clear") && error.advice().unwrap().contains("ssl-mode"));
        logs_in(&server, &user, &escaped());
        drop(open(&open_only));
        logs_in(&server, &User::new(&server, "sha2empty", "IDENTIFIED WITH caching_sha2_password"), "");
    }
}

#[test]
fn sha256_of_mysql_within_tls() {
    for server in mysql::servers().into_iter().filter(|server| !server.is_mariadb()) {
        let login = "IDENTIFIED WITH sha256_password BY 'x'";
        if server
            .try_run("", &format!("CREATE USER mywire_probe@'%' {login}; DROP USER mywire_probe@'%'"))
            .is_err()
        {
            continue;
        }
        let user = User::new(&server, "sha256", login);
        assert_eq!(one(&mut open(&user.url("x", "?ssl-mode=required")), "SELECT 1"), "1");
        assert_eq!(refused(&user.url("x", "?ssl-mode=disabled")).kind(), ErrorKind::Denied);
    }
}

#[test]
fn what_the_server_insists_on_is_said() {
    for server in mysql::servers() {
        let user = User::new(&server, "tls", "IDENTIFIED BY 'hunter2' REQUIRE SSL");
        drop(open(&user.url("hunter2", "?ssl-mode=preferred")));
        let error = refused(&user.url("hunter2", "?ssl-mode=disabled"));
        assert!(error.kind() == ErrorKind::Denied && error.advice().unwrap().contains("TLS"), "{error:?}");
    }
}
