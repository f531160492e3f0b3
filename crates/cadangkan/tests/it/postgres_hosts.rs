//! Several servers of which one is meant.

use crate::postgres_server::Server;
use crate::support::Home;

/// Two servers with one database each, which says on which it is.
fn servers() -> Option<(Server, Server)> {
    let (primary, mut standby) = (Server::start()?, Server::start()?);
    for (server, name) in [(&primary, "primary"), (&standby, "standby")] {
        server.psql("postgres", "CREATE DATABASE shop");
        server.psql("shop", &format!("CREATE TABLE who AS SELECT '{name}' AS name"));
    }
    standby.become_standby();
    Some((primary, standby))
}

#[test]
fn a_backup_is_of_the_server_that_is_meant() {
    let Some((primary, standby)) = servers() else { return };
    let home = Home::empty();
    // Nobody listens at port 1.
    let hosts = format!("127.0.0.1:1,127.0.0.1:{},127.0.0.1:{}", standby.port(), primary.port());
    let bin = primary.bin().to_str().unwrap().to_owned();
    for (attributes, expected) in [
        ("any", "standby"),
        ("primary", "primary"),
        ("read-write", "primary"),
        ("standby", "standby"),
        ("read-only", "standby"),
        ("prefer-standby", "standby"),
    ] {
        let url =
            format!("postgres://postgres@{hosts}/shop?sslmode=disable&target_session_attrs={attributes}");
        home.good(&["add", "postgres", attributes, "--url", &url, "--pg-bin", &bin]);
        home.good(&["test", attributes]);
        home.good(&["backup", attributes]);
        let to = format!("postgres://postgres@127.0.0.1:{}/of_{expected}?sslmode=disable", primary.port());
        home.good(&["restore", attributes, "--to", &to, "--mode", "recreate", "--yes"]);
        let who = primary.psql(&format!("of_{expected}"), "SELECT name FROM who");
        assert_eq!(who, format!("{expected}\n"), "{attributes}");
    }
    let shown = home.good(&["info", "primary"]);
    assert!(shown.contains("127.0.0.1,127.0.0.1,127.0.0.1"), "{shown}");
    // A restore goes to the server that can be written to, whichever is named first.
    primary.psql("shop", "UPDATE who SET name = 'changed'");
    home.good(&["restore", "primary", "--yes"]);
    assert_eq!(primary.psql("shop", "SELECT name FROM who"), "primary\n");
    let ran = home.run(&["restore", "standby", "--yes"]);
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(ran.stderr.contains("standby"), "{}", ran.stderr);
}

#[test]
fn mistakes_in_a_list_of_servers_are_named() {
    let home = Home::empty();
    for (url, part) in [
        ("postgres://host:1,b:2,c:x/shop", "port"),
        ("postgres://host,b/shop?port=1,2,3", "3 ports for 2 hosts"),
        ("postgres://host,b/shop?hostaddr=192.0.2.1", "1 addresses for 2 hosts"),
        ("postgres://host,b/shop?target_session_attrs=some", "prefer-standby"),
        ("postgres://host,b/shop?load_balance_hosts=random", "load_balance_hosts"),
    ] {
        let ran = home.run(&["backup", "--url", url, "--to-dir", "out"]);
        assert!(ran.code != 0 && ran.stderr.contains(part), "{url}: {ran:?}");
    }
    let home =
        Home::configured("databases:\n  x: { postgres: { host: 'a,b', database: shop, ssh: me@bastion } }\n");
    let ran = home.run(&["test", "x"]);
    assert!(ran.code != 0 && ran.stdout.contains("leads to one server"), "{ran:?}");
}
