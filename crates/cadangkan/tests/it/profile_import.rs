//! Connections taken over from option files of MySQL's and MariaDB's programs.

use std::os::unix::fs::PermissionsExt;

use cadangkan_testkit::mysql::{MysqlServer, PlainUser, TestDatabase, main_server};
use serde_json::json;

use crate::pty::Terminal;
use crate::support::Home;

struct World {
    server: MysqlServer,
    database: TestDatabase,
    user: PlainUser,
    home: Home,
}

impl World {
    fn new() -> Option<World> {
        let server = main_server()?;
        let database = server.database();
        database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
        let user = database.plain_user(&["ALL PRIVILEGES", "RELOAD ON *.*"]);
        Some(World { server, database, user, home: Home::empty() })
    }

    /// Writes an option file whose password needs its quotes.
    fn write(&self, name: &str, more: &str) {
        let (user, password, port) = (&self.user.name, PlainUser::PASSWORD, self.server.port);
        let text = format!(
            "[mysqld]\nport = 1\n[client]\nhost = 127.0.0.1\nport = {port} # ours\nuser = {user}\npassword = \"{password}\"\n{more}\n"
        );
        let path = self.home.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn files_with_password(&self) -> Vec<String> {
        let holds = |path: &std::path::PathBuf| {
            let bytes = std::fs::read(path).unwrap();
            bytes.windows(PlainUser::PASSWORD.len()).any(|part| part == PlainUser::PASSWORD.as_bytes())
        };
        let files = self.home.files("").into_iter().filter(holds);
        files.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn an_option_file_becomes_a_database_and_is_needed_no_more() {
    let Some(world) = World::new() else { return };
    let (home, database) = (&world.home, &world.database.name);
    world.write(
        "shop.cnf",
        &format!("quick\ndefault-character-set = utf8mb4\n[mysql]\ndatabase = {database}"),
    );
    let dry = home.json(&["profile", "import", "shop.cnf", "--dry-run"]);
    assert_eq!((&dry["saved"], &dry["name"]), (&json!(false), &json!("shop")));
    assert_eq!(home.json(&["list"]), json!([]));
    let imported = home.json(&["profile", "import", "shop.cnf"]);
    let expected = json!({ "host": "127.0.0.1", "port": world.server.port, "database": database, "user": world.user.name });
    assert_eq!(imported["settings"], expected);
    assert_eq!(imported["left_out"], json!(["default-character-set", "quick", "[mysqld]"]));
    assert_eq!(world.files_with_password(), ["shop.cnf"], "the password is sealed");
    std::fs::remove_file(home.path("shop.cnf")).unwrap();
    let made = home.json(&["backup", "shop"]);
    assert_eq!((&made["database"], &made["tables_count"]), (&json!(database), &json!(1)));
    assert!(!home.good(&["info", "shop"]).contains(PlainUser::PASSWORD));
}

#[test]
fn a_file_without_a_database_is_a_whole_server() {
    let Some(world) = World::new() else { return };
    let (home, database) = (&world.home, &world.database.name);
    world.write(".my.cnf", "");
    let text = home.good(&["profile", "import", ".my.cnf"]);
    assert!(text.contains("Added my") && text.contains("Left out: [mysqld]"), "{text}");
    assert_eq!(home.json(&["scan", "my"])["meant"], json!([database]), "what this user sees");
    home.good(&["profile", "import", ".my.cnf", "--name", "one", "--database", database]);
    home.good(&["backup", "one"]);
    home.good(&["profile", "import", ".my.cnf", "--name", "some", "--databases", &format!("{database},x_*")]);
    assert_eq!(home.json(&["backup", "some"])["databases"][0]["database"], json!(database));
}

#[test]
fn groups_count_when_they_are_named() {
    let Some(world) = World::new() else { return };
    let (home, database) = (&world.home, &world.database.name);
    world.write("shop.cnf", &format!("[nightly]\ndatabase = {database}\nssl-mode = disabled"));
    let imported = home.json(&["profile", "import", "shop.cnf", "--group", "nightly"]);
    assert_eq!(
        (&imported["settings"]["database"], &imported["settings"]["ssl_mode"]),
        (&json!(database), &json!("disabled"))
    );
    let ran = home.run(&["profile", "import", "shop.cnf", "--group", "daily", "--name", "x"]);
    assert!(ran.code == 4 && ran.stderr.contains("there is: mysqld, nightly"), "{}", ran.stderr);
}

#[test]
fn another_is_replaced_only_after_a_yes_and_keeps_its_options() {
    let Some(world) = World::new() else { return };
    let (home, database) = (&world.home, &world.database.name);
    world.write("shop.cnf", &format!("database = {database}"));
    let url = world.server.url_of(database);
    home.good(&["add", "mysql", "shop", "--url", &url, "--tag", "kept", "--production"]);
    let before = home.json(&["info", "shop"]);
    let ran = home.run(&["profile", "import", "shop.cnf"]);
    assert!(ran.code == 2 && ran.stderr.contains("--yes"), "{}", ran.stderr);
    let mut terminal = Terminal::start(home, &["profile", "import", "shop.cnf"], &[]);
    terminal.answer("Replace shop? [y/N] ", "n");
    assert_eq!(terminal.end().0, 130);
    assert_eq!(home.json(&["info", "shop"]), before);
    let text = home.good(&["profile", "import", "shop.cnf", "--yes"]);
    assert!(text.contains("Replaced shop"), "{text}");
    let info = home.json(&["info", "shop"]);
    assert_eq!((&info["tags"], &info["production"]), (&json!(["kept"]), &json!(true)));
    home.good(&["test", "shop"]);
    // What the file declares, and what is of another kind, stays.
    home.good(&["remove", "shop", "--yes"]);
    home.configure(&format!("databases: {{ shop: {{ mysql: {{ database: {database} }} }} }}\n"));
    let ran = home.run(&["profile", "import", "shop.cnf", "--yes"]);
    assert!(ran.code == 5 && ran.stderr.contains("config.yaml:1"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_taken_over_says_so() {
    let Some(world) = World::new() else { return };
    let home = &world.home;
    std::fs::write(home.path("shop.cnf.enc"), b"Salted__\x01\x02\x03\x04\x05\x06\x07\x08garbage").unwrap();
    std::fs::write(home.path("empty.cnf"), "# nothing\n").unwrap();
    std::fs::write(home.path("wrong.cnf"), "[client]\nport=many\npassword=hunter2\n").unwrap();
    std::fs::write(home.path("ä b.cnf"), "[client]\nuser=x\n").unwrap();
    world.write("denied.cnf", "password = hunter2\ndatabase = x");
    for (file, code, part) in [
        ("shop.cnf.enc", 12, "is encrypted"),
        ("empty.cnf", 4, "no such group"),
        ("wrong.cnf", 3, "line: 2"),
        ("none.cnf", 4, "cannot read the option file"),
        ("ä b.cnf", 2, "--name"),
        ("denied.cnf", 8, "not saved"),
    ] {
        let ran = home.run(&["profile", "import", file]);
        assert_eq!((ran.code, &*ran.stdout), (code, ""), "{file}: {}", ran.stderr);
        assert!(ran.stderr.contains(part) && !ran.stderr.contains("hunter2"), "{file}: {}", ran.stderr);
    }
    assert_eq!(home.json(&["list"]), json!([]));
}
