//! Which databases of a whole server a backup takes: flags, files, a choice on the terminal.

use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, main_server};
use serde_json::Value;

use crate::pty::Terminal;
use crate::support::{Home, make_shop};

/// A server whose configured databases begin with one name.
struct World {
    home: Home,
    base: TestDatabase,
    _others: Vec<TestDatabase>,
}

impl World {
    fn new(server: &MysqlServer) -> Self {
        let base = server.database();
        let table = "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)";
        base.run(table);
        let other = |ending: &str| {
            let name = format!("{}{ending}", base.name);
            server.run("", &format!("CREATE DATABASE {name}"));
            let other = TestDatabase { url: server.url_of(&name), name, server: server.clone() };
            if ending != "_void" {
                other.run(table);
            }
            other
        };
        let others = ["_archive", "_secondary", "_secondary_dmart", "_void"].map(other).into();
        let home = Home::empty();
        let file = home.path("password");
        std::fs::write(&file, MysqlServer::PASSWORD).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (port, names) = (server.port.to_string(), format!("{}*", base.name));
        let place =
            ["--host", "127.0.0.1", "--port", &port, "--user", MysqlServer::USER, "--databases", &names];
        home.good(&[&["add", "mysql", "prod", "--password-file", "password"][..], &place].concat());
        World { home, base, _others: others }
    }

    /// The endings of the names of what is backed up, with the manifests.
    fn backed_up(&self, flags: &[&str]) -> (Vec<String>, Vec<Value>) {
        let made = self.home.json(&[&["backup", "prod"], flags].concat());
        let made = made["databases"].as_array().unwrap().clone();
        let ending =
            |one: &Value| one["database"].as_str().unwrap().strip_prefix(&self.base.name).unwrap().to_owned();
        (made.iter().map(ending).collect(), made)
    }

    fn taken(&self, flags: &[&str]) -> String {
        self.backed_up(flags).0.join(" ")
    }
}

#[test]
fn flags_and_files_choose_among_the_databases_of_a_server() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let (base, home) = (world.base.name.as_str(), &world.home);
    let (all, made) = world.backed_up(&[]);
    assert_eq!(all.join(" "), " _archive _secondary _secondary_dmart _void");
    assert!(made[0]["position"]["binlog_file"].is_string(), "{}", made[0]);
    assert!(made.iter().all(|one| one["position"] == made[0]["position"]), "not of one moment: {made:?}");
    assert_eq!(world.taken(&["--primary"]), " _archive _void");
    assert_eq!(world.taken(&["--secondary", "--exclude-system"]), "_secondary _secondary_dmart");
    assert_eq!(world.taken(&["--databases", base]), " _archive");
    assert_eq!(world.taken(&["--databases", base, "--no-companions"]), "");
    let two = format!("{base},{base}_v*");
    assert_eq!(world.taken(&["--databases", &two]), " _void");
    assert_eq!(world.taken(&["--exclude-empty", "--exclude-db", "*_secondary*"]), " _archive");
    std::fs::write(home.path("list"), format!("# what is big\n{base}_arch*\n{base}_secondary # too\n"))
        .unwrap();
    assert_eq!(world.taken(&["--databases-file", "list"]), "_archive _secondary");
    assert_eq!(world.taken(&["--exclude-db-file", "list"]), " _secondary_dmart _void");

    let archive = format!("{base}_archive");
    let (_, made) = world.backed_up(&["--databases", base, "--schema-only-db", &archive]);
    let rows =
        |one: &Value| one["objects"].as_array().unwrap().iter().map(|o| o["rows"].as_u64().unwrap()).sum();
    let rows: Vec<u64> = made.iter().map(rows).collect();
    assert_eq!((rows, made[1]["selection"]["schema_only"].as_bool()), (vec![2, 0], Some(true)));
    let (_, made) = world.backed_up(&["--databases", base, "--no-companions", "--exclude-data"]);
    assert_eq!(made[0]["objects"][1]["rows"], 0, "{}", made[0]);
}

#[test]
fn what_is_wrong_with_a_choice_is_said_and_a_dry_run_shows_it() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let (base, home) = (world.base.name.as_str(), &world.home);
    let before = home.json(&["backups", "list"]);
    let shown = home.good(&["backup", "prod", "--exclude-db", "*_secondary*", "--dry-run"]);
    for part in [
        &format!("{base}_archive"),
        "everything",
        "prod/",
        "Storages:     home",
        "3 databases",
        "zstd level 3",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("_secondary"), "{shown}");
    assert_eq!(home.json(&["backups", "list"]), before, "a dry run makes nothing");
    for (flags, code, word) in [
        (&["--all", "--exclude-db", "*"][..], 4, "--exclude-db"),
        (&["--databases", "nobody_has_this"], 4, "nobody_has_this"),
        (&["--databases", "mysql"], 4, "never meant"),
        (&["--databases-file", "gone"], 4, "gone"),
        (&["--primary", "--secondary"], 2, "--secondary"),
        (&["--choose"], 2, "terminal"),
    ] {
        let ran = home.run(&[&["backup", "prod"], flags].concat());
        assert!(ran.code == code && ran.stderr.contains(word), "{flags:?}: {ran:?}");
    }
    make_shop(&home.path("one.db"));
    home.good(&["add", "sqlite", "one", "--path", "one.db"]);
    let ran = home.run(&["backup", "one", "--all"]);
    assert!(ran.code == 2 && ran.stderr.contains("one database"), "{ran:?}");
}

#[test]
fn a_person_chooses_on_the_terminal_and_confirms() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let mut terminal = Terminal::start(&world.home, &["backup", "prod", "--choose"], &[]);
    terminal.expect(&format!("2) {}_archive", world.base.name));
    terminal.expect("Which databases");
    terminal.press("1, *_void\n");
    terminal.expect("Total: 2 of 2 databases");
    terminal.expect("Back this up? [y/N]");
    terminal.press("y\n");
    terminal.expect("Total: 2 of 2 databases");
    assert_eq!(terminal.end().0, 0);
}
