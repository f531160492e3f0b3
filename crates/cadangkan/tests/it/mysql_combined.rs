//! A whole server in one archive: what is in it, for the stock client and for restores of all or of one.

use std::time::{Duration, Instant};

use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, main_server, servers};
use serde_json::Value;

use crate::support::Home;

/// Tables of one name everywhere, with rows of each one's own, and what reads other databases: `{0}` to `{2}`.
const FIRST: &str = "
    CREATE TABLE t (id int PRIMARY KEY, word varchar(50)) CHARACTER SET utf8mb4;
    INSERT INTO t VALUES (1, 'first'), (2, 'zwölf 😀');
    CREATE FUNCTION twice(x int) RETURNS int DETERMINISTIC RETURN x * 2;
    CREATE TRIGGER t_trim BEFORE INSERT ON t FOR EACH ROW SET NEW.word = TRIM(NEW.word);
    CREATE EVENT sleeps ON SCHEDULE EVERY 1 DAY STARTS '2037-01-01' DISABLE DO DELETE FROM t WHERE id = -1;";
const SECOND: &str = "
    CREATE TABLE t (id int PRIMARY KEY, other varchar(50), CONSTRAINT far FOREIGN KEY (id) REFERENCES {0}.t (id));
    INSERT INTO t VALUES (2, 'second');
    CREATE VIEW doubled AS SELECT {0}.twice(id) AS id, other FROM t;";
const THIRD: &str = "
    CREATE TABLE t (id int PRIMARY KEY);
    INSERT INTO t VALUES (30), (31), (32);
    CREATE VIEW all_of_them AS SELECT id FROM {0}.both_of_them UNION ALL SELECT id FROM t;";
/// What the first one reads of the second, which reads the first, and of the third, which reads that.
const BACK: &str = "
    CREATE VIEW both_of_them AS SELECT id FROM t UNION ALL SELECT id FROM {1}.doubled;";
const BACK_AGAIN: &str = "CREATE VIEW a_last AS SELECT COUNT(*) AS n FROM {2}.all_of_them;";

struct World {
    home: Home,
    databases: Vec<TestDatabase>,
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn filled(sql: &str, databases: &[TestDatabase]) -> String {
    databases.iter().enumerate().fold(sql.to_owned(), |sql, (number, database)| {
        sql.replace(&format!("{{{number}}}"), &quoted(&database.name))
    })
}

impl World {
    fn new(server: &MysqlServer) -> World {
        let first = server.database_with("CHARACTER SET latin1 COLLATE latin1_german2_ci");
        let other = |ending: &str| {
            let name = format!("{}{ending}", first.name);
            server.run("", &format!("CREATE DATABASE {} CHARACTER SET utf8mb4", quoted(&name)));
            TestDatabase { url: server.url_of(&name), name, server: server.clone() }
        };
        let others: Vec<_> = [".b", "`'\" é", "_void"].map(other).into();
        let databases: Vec<_> = std::iter::once(first).chain(others).collect();
        let [first, second, third, _] = databases.as_slice() else { panic!() };
        for (database, sql) in
            [(first, FIRST), (second, SECOND), (first, BACK), (third, THIRD), (first, BACK_AGAIN)]
        {
            database.run(&filled(sql, &databases));
        }
        let home = Home::empty();
        let world = World { home, databases };
        world.add("prod", server, &format!("{}*", world.databases[0].name));
        world
    }

    fn add(&self, name: &str, server: &MysqlServer, databases: &str) {
        let file = self.home.path("password");
        std::fs::write(&file, MysqlServer::PASSWORD).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let port = server.port.to_string();
        let place =
            ["--host", "127.0.0.1", "--port", &port, "--user", MysqlServer::USER, "--databases", databases];
        self.home.good(&[&["add", "mysql", name, "--password-file", "password"][..], &place].concat());
    }

    fn server(&self) -> &MysqlServer {
        &self.databases[0].server
    }

    /// Definitions and content of all, and what a view sees that reads through all of them.
    fn all(&self) -> Vec<String> {
        let of = |database: &TestDatabase| database.definitions() + &database.contents();
        let seen = self.databases[0].run("SELECT n FROM a_last");
        self.databases.iter().map(of).chain([seen]).collect()
    }

    fn drop_all(&self) {
        let last_first = self.databases.iter().rev();
        last_first.for_each(|database| self.server().drop_database(&database.name).unwrap());
    }

    fn back_up(&self) -> Value {
        self.home.json(&["backup", "prod", "--combined"])
    }
}

/// Foreign keys lead from the later ones to the first, also from what restores kept.
impl Drop for World {
    fn drop(&mut self) {
        self.home.run(&["cleanup", "prod", "--yes"]);
        while self.databases.pop().is_some() {}
    }
}

/// A table of so many thousand rows.
fn big(thousands: u32) -> String {
    format!(
        "CREATE TABLE big AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
         SELECT a.i * 1000 + b.i AS i, SHA2(a.i * 1000 + b.i, 512) AS hash FROM n a JOIN n b ON a.i <= {thousands}"
    )
}

#[test]
fn the_stock_client_restores_all_of_it() {
    for server in servers() {
        let world = World::new(&server);
        let before = world.all();
        let made = world.back_up();
        let id = made["backup_id"].as_str().unwrap();
        let names: Vec<_> =
            made["databases"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), 4, "{made}");
        assert!(world.databases.iter().all(|database| names.contains(&database.name.as_str())), "{names:?}");
        assert_eq!(made["tables_count"], 3);
        world.home.good(&["backups", "export", "prod", id, "--to", "all.sql"]);
        let script = std::fs::read(world.home.path("all.sql")).unwrap();
        world.drop_all();
        server.feed("", &script).unwrap_or_else(|said| panic!("{server}: {said}"));
        assert_eq!(world.all(), before, "{server}");
        let archive = world.home.archive();
        let file = archive.file_name().unwrap().to_str().unwrap();
        assert!(file.starts_with("prod_combined_manual_"), "{file}");
        // Accounts once, for all.
        assert_eq!(made["side_files"].as_array().unwrap().len(), 1, "{made}");
    }
}

#[test]
fn all_of_it_is_restored_and_proved() {
    for server in servers() {
        let world = World::new(&server);
        let before = world.all();
        world.back_up();
        world.drop_all();
        let dry = world.home.json(&["restore", "prod", "--dry-run"]);
        assert_eq!(dry["databases"].as_array().unwrap().len(), 4, "{dry}");
        let done = world.home.json(&["restore", "prod", "--yes"]);
        assert_eq!(world.all(), before, "{server}");
        let proofs = done["databases"].to_string();
        assert_eq!(proofs.matches("read back equal (fingerprints)").count(), 3, "{server}: {done}");
        // Over what is there, and has changed.
        world.databases[0].run("DELETE FROM t WHERE id = 1; DROP VIEW a_last");
        world.databases[2].run("INSERT INTO t VALUES (99)");
        for mode in [&[][..], &["--mode", "clean"], &["--mode", "recreate", "--no-backup-first"]] {
            world.databases[2].run("INSERT INTO t VALUES (100)");
            world.home.good(&[&["restore", "prod", "--yes"], mode].concat());
            assert_eq!(world.all(), before, "{server}: {mode:?}");
            world.home.good(&["cleanup", "prod", "--yes"]);
        }
    }
}

#[test]
fn one_database_or_one_table_comes_out_of_it() {
    for server in servers() {
        let world = World::new(&server);
        let id = world.back_up()["backup_id"].as_str().unwrap().to_owned();
        let before = world.all();
        let [_, second, third, _] = world.databases.as_slice() else { panic!() };
        second.run("DELETE FROM t");
        let done = world.home.json(&["restore", "prod", "--database", &second.name, "--yes"]);
        assert!(done["proofs"].to_string().contains("BLAKE3"), "{done}");
        assert_eq!(world.all(), before, "{server}");
        // Into another one, by its id.
        let copy = server.database();
        world.home.good(&["restore", "prod", "--from", &id, "--database", &third.name, "--to", &copy.url]);
        assert_eq!(copy.contents(), third.contents(), "{server}");
        // One table, where others have tables of the same name.
        let table = server.database();
        let of_one = ["restore", "prod", "--database", &third.name, "--tables", "t", "--to", &table.url];
        world.home.good(&of_one);
        assert_eq!(table.run("SELECT GROUP_CONCAT(id) FROM t"), "30,31,32\n", "{server}");
        // Some of them.
        third.run("DELETE FROM t");
        second.run("DELETE FROM t");
        let names = format!("*é,{}_void", world.databases[0].name);
        world.home.good(&["restore", "prod", "--databases", &names, "--yes"]);
        assert_eq!(
            (third.run("SELECT COUNT(*) FROM t"), second.run("SELECT COUNT(*) FROM t")),
            ("3\n".into(), "0\n".into())
        );
        for (flags, says) in [
            (&["--databases", "nobody"][..], "no such database"),
            (&["--database", "nobody"], "has no backup of its database nobody"),
            (&["--tables", "t"], "out of one database"),
        ] {
            let ran = world.home.run(&[&["restore", "prod", "--yes"], flags].concat());
            assert!(ran.code != 0 && ran.stderr.contains(says), "{server}: {flags:?}: {}", ran.stderr);
        }
    }
}

#[test]
fn lists_and_plans_say_what_is_in_it() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let plan = world.home.good(&["backup", "prod", "--combined", "--dry-run"]);
    assert_eq!(plan.matches("prod_combined_manual_").count(), 1, "{plan}");
    assert!(plan.contains("Total: 4 of 4 databases"), "{plan}");
    let one = &world.databases[1].name;
    world.home.good(&["backup", "prod", "--databases", one]);
    let id = world.back_up()["backup_id"].as_str().unwrap().to_owned();
    let list = world.home.good(&["backups", "list", "prod"]);
    assert!(
        list.contains("4 databases") && list.contains("combined") && list.contains(one.as_str()),
        "{list}"
    );
    let of_one = world.home.json(&["backups", "list", "prod", "--database", one]);
    assert_eq!(of_one.as_array().unwrap().len(), 2, "{of_one}");
    let info = world.home.good(&["backups", "info", "prod", &id]);
    assert!(info.contains(&format!("{one}.t")), "{info}");
    assert!(world.home.good(&["verify", "prod"]).contains(&id));
    assert!(world.home.good(&["verify", "prod", "--database", one]).contains(&id));
    // The catalog is an index over storages.
    std::fs::remove_file(world.home.path(".cadangkan/catalog.db")).ok();
    world.home.good(&["adopt", "home"]);
    assert_eq!(world.home.json(&["backups", "list", "prod", "--database", one]), of_one);
    // One that is configured alone has nothing to combine.
    let shop = Home::with_shop();
    let ran = shop.run(&["backup", "shop", "--combined"]);
    assert!(ran.code == 2 && ran.stderr.contains("not a server with several"), "{}", ran.stderr);
}

#[test]
fn accounts_and_position_are_kept_once_for_all() {
    for server in servers() {
        let world = World::new(&server);
        let [first, second, third, _] = world.databases.as_slice() else { panic!() };
        let on = |database: &TestDatabase| format!("SELECT ON {}.t", quoted(&database.name));
        let user = first.plain_user(&["SELECT", &on(second), &on(third)]);
        let made = world.home.json(&["backup", "prod", "--combined", "--capture-gtid"]);
        let kinds: Vec<_> = made["side_files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|side| side["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["users", "position"], "{server}");
        let grants = || {
            let shown = server.try_run("", &format!("SHOW GRANTS FOR '{}'@'127.0.0.1'", user.name));
            shown.map(|shown| shown.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>())
        };
        let before = grants().unwrap();
        let drop_user = format!("DROP USER '{0}'@'127.0.0.1', '{0}'@'localhost'", user.name);
        server.run("", &drop_user);
        world.drop_all();
        world.home.good(&["restore", "prod", "--yes", "--users"]);
        assert_eq!(grants().unwrap(), before, "{server}");
        // With one database comes what is allowed there.
        server.run("", &drop_user);
        world.home.good(&[
            "restore",
            "prod",
            "--yes",
            "--users",
            "--database",
            &second.name,
            "--mode",
            "clean",
        ]);
        let of_one = grants().unwrap();
        assert!(of_one.is_subset(&before) && of_one.len() == before.len() - 2, "{server}: {of_one:?}");
    }
}

#[test]
fn another_server_goes_on_from_there() {
    for server in servers() {
        let Some(own) = server.another() else { return };
        let world = World::new(&server);
        let made = world.back_up();
        // A new server has nothing yet, and is added nevertheless.
        let new = own.server.url_of("");
        world.home.good(&["add", "mysql", "new", "--url", &new, "--databases", "shop_*,crm"]);
        let ran = world.home.run(&["backup", "new"]);
        assert!(ran.code == 4 && ran.stderr.contains("crm"), "{ran:?}");
        let done = world.home.json(&["restore", "prod", "--to", &new, "--gtid-purged"]);
        assert_eq!(done.to_string().matches("the server goes on from").count(), 1, "{done}");
        let (kept, taken) = match server.is_mariadb() {
            true => ("gtid_current_pos", ["gtid_slave_pos", "gtid_current_pos"]),
            false => ("gtid_executed", ["gtid_purged", "gtid_executed"]),
        };
        let expected = format!("{}\n", made["position"][kept].as_str().unwrap());
        for name in taken {
            // Nothing of the restore is in the log: there are no transactions but the source's.
            let sql = format!("SELECT REPLACE(@@GLOBAL.{name}, '\\n', '')");
            assert_eq!(own.server.run("", &sql), expected, "{server}: {name}");
        }
        let (first, third) = (&world.databases[0].name, &world.databases[2].name);
        assert_eq!(
            own.server.run(first, "SELECT n FROM a_last"),
            world.databases[0].run("SELECT n FROM a_last")
        );
        assert_eq!(own.server.run(third, "SELECT COUNT(*) FROM t"), "3\n", "{server}");
        // By the URL of the server itself it is that server.
        let ran = world.home.run(&["restore", "prod", "--to", &server.url_of("")]);
        assert!(ran.code != 0 && ran.stderr.contains("drops the target with all it holds"), "{}", ran.stderr);
    }
}

#[test]
fn an_archive_without_its_index_is_for_the_stock_client() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let before = world.all();
    world.back_up();
    let archive = world.home.archive();
    let stands_alone = world.home.path("alone.sql.zst");
    std::fs::copy(&archive, &stands_alone).unwrap();
    let copy = server.database();
    let ran = world.home.run(&["restore", "--file", "alone.sql.zst", "--to", &copy.url]);
    assert!(ran.code != 0 && ran.stderr.contains("own client"), "{}", ran.stderr);
    assert_eq!(copy.contents(), "", "what was begun is gone");
    let index = std::path::PathBuf::from(format!("{}.index", archive.display()));
    std::fs::remove_file(index).unwrap();
    let ran = world.home.run(&["restore", "prod", "--yes"]);
    assert!(ran.code != 0 && ran.stderr.contains("the index is gone"), "{}", ran.stderr);
    assert_eq!(world.all(), before);
}

#[test]
fn postgres_says_why_it_cannot() {
    let Some(server) = cadangkan_testkit::servers::postgres_main() else { return };
    let home = Home::empty();
    home.good(&["add", "postgres", "prod", "--url", &server.url_of("postgres"), "--databases", "post*"]);
    for flags in [&[][..], &["--dry-run"]] {
        let ran = home.run(&[&["backup", "prod", "--combined"], flags].concat());
        assert!(ran.code != 0 && ran.stderr.contains("is a script for one database"), "{}", ran.stderr);
    }
}

#[test]
fn the_configuration_says_it_too() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    world.home.configure(&format!(
        "databases:\n  other:\n    mysql: {{ host: 127.0.0.1, port: {}, user: root, password_file: ../password, databases: '{}*' }}\n    backup: {{ combined: true }}\n",
        server.port, world.databases[0].name
    ));
    let made = world.home.json(&["backup", "other"]);
    assert_eq!(made["databases"].as_array().unwrap().len(), 4, "{made}");
}

#[test]
fn damage_is_found_with_the_name_of_its_database() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let third = &world.databases[2];
    third.run(&big(20));
    world.back_up();
    world.home.damage_archive();
    let ran = world.home.run(&["verify", "prod"]);
    assert!(ran.code != 0 && ran.stderr.contains(&format!("{}.big", third.name)), "{}", ran.stderr);
    // The others come back; that one is as it was, and both are said.
    let before = third.contents();
    world.databases[1].run("DELETE FROM t");
    let ran = world.home.run(&["restore", "prod", "--yes", "--mode", "clean"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 of 4 databases failed") && ran.stderr.contains(third.name.as_str()),
        "{}",
        ran.stderr
    );
    assert_eq!((third.contents(), world.databases[1].run("SELECT COUNT(*) FROM t")), (before, "1\n".into()));
}

#[test]
fn one_that_fails_fails_all_of_it_by_name() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    let (first, second) = (&world.databases[0], &world.databases[1]);
    let user = first.plain_user(&["RELOAD ON *.*", "SELECT ON *.*", "SHOW VIEW, TRIGGER, EVENT"]);
    let port = server.port.to_string();
    let file = world.home.path("weak");
    std::fs::write(&file, cadangkan_testkit::mysql::PlainUser::PASSWORD).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let names = format!("{}*", first.name);
    let place = ["--host", "127.0.0.1", "--port", &port, "--user", &user.name, "--databases", &names];
    world.home.good(&[&["add", "mysql", "weak", "--password-file", "weak"][..], &place].concat());
    let ran = world.home.run(&["backup", "weak", "--combined"]);
    assert_ne!(ran.code, 0);
    assert!(
        ran.stderr.contains(second.name.as_str()) && ran.stderr.contains("one archive"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.home.files(".cadangkan/backups"), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_process_that_is_killed_leaves_no_backup() {
    let Some(server) = main_server() else { return };
    let world = World::new(&server);
    world.databases[3].run(&big(300));
    let mut child = world.home.command(&["backup", "prod", "--combined", "--quiet"]).spawn().unwrap();
    let began = Instant::now();
    let is_under_way = || {
        let files = world.home.files(".cadangkan/backups");
        files.iter().any(|file| std::fs::metadata(file).is_ok_and(|file| file.len() > 1 << 20))
    };
    while !is_under_way() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "it was over before");
    assert!(!world.home.files(".cadangkan/backups").is_empty());
    world.home.good(&["cleanup", "prod", "--yes"]);
    assert_eq!(world.home.files(".cadangkan/backups"), Vec::<std::path::PathBuf>::new());
    let list = world.home.json(&["backups", "list", "prod"]);
    assert_eq!(list, Value::Array(Vec::new()));
}
