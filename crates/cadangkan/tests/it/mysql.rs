//! MySQL and MariaDB by the program: the whole story on every server, what a person sees when something is wrong, and
//! secrets, which nobody sees.

use std::io::Write as _;
use std::process::Stdio;

use cadangkan_testkit::mysql::{MysqlServer, PlainUser, TestDatabase, main_server, servers};
use serde_json::Value;

use crate::pty::Terminal;
use crate::support::{Home, Ran};

/// Every kind of object that both families have; no user but root, no order of rows that changes.
const SHOP: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name varchar(100) NOT NULL, note blob, KEY by_name (name));
    CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, customer int, total decimal(10,2), doubled decimal(12,2) AS (total * 2),
      FOREIGN KEY (customer) REFERENCES customers (id));
    CREATE TABLE `od``d; name` (f double, t text CHARACTER SET latin1, at timestamp NULL);
    INSERT INTO customers VALUES (1, 'Ada', x'00ff27'), (2, 'Bö\\n', NULL), (3, '明', '');
    INSERT INTO orders (customer, total) VALUES (1, 2.50), (2, 4.80), (1, NULL);
    INSERT INTO `od``d; name` VALUES (0.1, 'é', '2026-01-15 12:00:00'), (-1e300, '', NULL);
    CREATE VIEW totals AS SELECT customer, SUM(total) AS total FROM orders GROUP BY customer;
    CREATE TRIGGER no_nothing BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = COALESCE(NEW.total, 0);
    CREATE PROCEDURE all_of_them() SELECT COUNT(*) FROM customers;
    CREATE FUNCTION twice(a int) RETURNS int DETERMINISTIC RETURN 2 * a;
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM orders WHERE id < 0;";

/// A database on a server with a home folder; databases that restores made beside it are dropped at the end.
pub(crate) struct Shop {
    pub(crate) database: TestDatabase,
    pub(crate) home: Home,
}

impl Shop {
    /// A shop with content, which is added as `shop` over a port.
    pub(crate) fn new(server: &MysqlServer, sql: &str, port: u16) -> Self {
        let database = server.database();
        database.run(sql);
        let shop = Shop { database, home: Home::empty() };
        let ran = shop.add("shop", MysqlServer::USER, MysqlServer::PASSWORD, port);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        shop
    }

    /// Adds the database with a password from the standard input.
    fn add(&self, name: &str, user: &str, password: &str, port: u16) -> Ran {
        let port = port.to_string();
        let place = ["--host", "127.0.0.1", "--port", &port, "--database", &self.database.name];
        let fixed = ["add", "mysql", name, "--user", user, "--password-stdin", "--jobs", "2"];
        let mut command = self.home.command(&[&fixed[..], &place].concat());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        Ran::ended(child)
    }

    /// The name of another database of this test.
    pub(crate) fn beside(&self, ending: &str) -> String {
        format!("{}_{ending}", self.database.name)
    }

    /// Its URL, without a password: that is in the environment of nobody, so it has it.
    pub(crate) fn url(&self, ending: &str) -> String {
        self.database.server.url_of(&self.beside(ending))
    }

    /// The databases that are there because of this one.
    pub(crate) fn others(&self) -> Vec<String> {
        let sql = format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '{}\\_%' ORDER BY 1",
            self.database.name.replace('_', "\\_")
        );
        self.database.server.run("", &sql).lines().map(str::to_owned).collect()
    }

    fn all(&self) -> (String, String) {
        (self.database.definitions(), self.database.contents())
    }

    /// Another database of this test, dropped with the value, as the testkit shows one.
    fn look(&self, ending: &str) -> TestDatabase {
        let name = self.beside(ending);
        TestDatabase { url: self.url(ending), name, server: self.database.server.clone() }
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for name in self.others() {
            // What cannot be dropped goes with the server.
            let _ = self.database.server.drop_database(&name);
        }
    }
}

#[test]
fn the_whole_story_on_every_server() {
    for server in servers() {
        let shop = Shop::new(&server, SHOP, server.port);
        let (home, before) = (&shop.home, shop.all());
        let test = home.good(&["test", "shop"]);
        assert!(test.contains("3 tables") && test.contains("encrypted yes"), "{test}");
        assert_eq!(test.contains("MariaDB"), server.is_mariadb(), "{test}");
        let scan = home.json(&["scan", "shop"]);
        assert!(scan["databases"].to_string().contains(&shop.database.name), "{scan}");
        assert_eq!(scan["matches"]["objects"].as_array().unwrap().len(), 3, "{scan}");
        home.good(&["backup", "shop", "--dry-run"]);
        assert_eq!(home.json(&["backups", "list"]), serde_json::json!([]));
        let made = home.json(&["backup", "shop"]);
        assert_eq!(
            (made["tables_count"].as_u64(), made["check"].as_str()),
            (Some(3), Some("reading every row"))
        );
        assert!(made["position"]["binlog_file"].is_string(), "{made}");
        home.good(&["verify", "shop"]);

        over_itself(&shop, &before);
        some_tables(&shop);
        elsewhere(&shop, &before);
        by_hand(&shop, &before);
        from_dumps(&shop, &before);
        assert_eq!(home.run(&["backup", "shop", "--globals"]).code, 12);
        assert_eq!(home.run(&["backup", "shop", "--schemas", "x"]).code, 12);
    }
}

fn over_itself(shop: &Shop, before: &(String, String)) {
    shop.database
        .run("DELETE FROM orders; DROP VIEW totals; DROP TRIGGER no_nothing; CREATE TABLE new (a int)");
    let damaged = shop.all();
    let plan = shop.home.good(&["restore", "shop", "--dry-run"]);
    assert!(plan.contains("nothing was changed") && plan.contains("Mode:     replace"), "{plan}");
    assert_eq!(shop.all(), damaged);
    let report = shop.home.good(&["restore", "shop", "--yes"]);
    assert!(report.contains("all 8 rows of 3 tables read back equal"), "{report}");
    assert_eq!(shop.all(), *before);
    let kept = shop.others();
    assert!(kept.len() == 1 && kept[0].contains("_before_"), "{kept:?}");
    let left = shop.home.json(&["cleanup", "shop", "--dry-run"]);
    assert_eq!(left["items"][0]["location"].as_str(), Some(kept[0].as_str()), "{left}");
    shop.home.good(&["cleanup", "shop", "--yes"]);
    assert_eq!(shop.others(), Vec::<String>::new());
}

fn some_tables(shop: &Shop) {
    shop.database.run("UPDATE customers SET name = 'oops'; DELETE FROM `od``d; name`; INSERT INTO orders (customer) VALUES (2)");
    shop.home.good(&["restore", "shop", "--tables", "customers", "--yes"]);
    assert_eq!(shop.database.run("SELECT name FROM customers WHERE id = 1"), "Ada\n");
    assert_eq!(shop.database.run("SELECT COUNT(*) FROM orders"), "4\n", "all else stays");
    shop.home.good(&["restore", "shop", "--mode", "data", "--tables", "od*", "--yes"]);
    assert_eq!(shop.database.run("SELECT COUNT(*) FROM `od``d; name`"), "2\n");
    shop.home.good(&["restore", "shop", "--tables", "customers", "--to", &shop.url("look")]);
    assert_eq!(shop.look("look").run("SHOW TABLES"), "customers\n");
    for (flag, rows) in
        [("--schema-only", "0\n"), ("--exclude-data=customers", "0\n"), ("--exclude-tables=orders", "3\n")]
    {
        let id = shop.home.json(&["backup", "shop", flag])["backup_id"].as_str().unwrap().to_owned();
        shop.home.good(&["restore", "shop", "--from", &id, "--to", &shop.url("part")]);
        assert_eq!(shop.look("part").run("SELECT COUNT(*) FROM customers"), rows, "{flag}");
        shop.home.good(&["backups", "delete", "shop", &id, "--yes"]);
    }
}

fn elsewhere(shop: &Shop, before: &(String, String)) {
    let to = shop.url("copy");
    shop.home.good(&["restore", "shop", "--to", &to]);
    let copy = shop.look("copy");
    assert_eq!((copy.definitions(), copy.contents()), *before);
    let ran = shop.home.run(&["restore", "shop", "--to", &to, "--output", "json"]);
    assert_eq!((ran.code, ran.error()["code"].as_str()), (5, Some("conflict")), "{}", ran.stderr);
    for mode in ["clean", "recreate"] {
        copy.run("DELETE FROM orders");
        shop.home.good(&["restore", "shop", "--to", &to, "--mode", mode, "--yes"]);
        assert_eq!((copy.definitions(), copy.contents()), *before, "{mode}");
    }
}

/// The archive in the hands of the stock client.
fn by_hand(shop: &Shop, before: &(String, String)) {
    let archive = shop.home.archive();
    let script = std::process::Command::new("zstd").arg("-dc").arg(&archive).output().unwrap();
    assert!(script.status.success());
    let target = shop.look("by_hand");
    target.server.run("", &format!("CREATE DATABASE {} CHARACTER SET latin1", target.name));
    target.server.feed(&target.name, &script.stdout).unwrap();
    assert_eq!((target.definitions(), target.contents()), *before);
    // The file alone is enough for the program too.
    let alone = shop.home.path("alone.sql.zst");
    std::fs::copy(archive, &alone).unwrap();
    shop.home.good(&["restore", "--file", "alone.sql.zst", "--to", &shop.url("alone")]);
    let target = shop.look("alone");
    assert_eq!((target.definitions(), target.contents()), *before);
}

/// What the stock dump program wrote, plain and compressed.
fn from_dumps(shop: &Shop, before: &(String, String)) {
    let source = &shop.database;
    source.run("DROP TABLE `od``d; name`, orders, customers; DROP VIEW totals; DROP PROCEDURE all_of_them; DROP FUNCTION twice; DROP EVENT nightly");
    source.run(SHOP);
    let dump = source.server.dump_tool().arg(&source.name).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    std::fs::write(shop.home.path("dump.sql"), &dump.stdout).unwrap();
    let packed =
        std::process::Command::new("gzip").args(["-k", "dump.sql"]).current_dir(shop.home.path("")).status();
    assert!(packed.unwrap().success());
    for (file, ending) in [("dump.sql", "plain"), ("dump.sql.gz", "packed")] {
        shop.home.good(&["restore", "--file", file, "--to", &shop.url(ending)]);
        let target = shop.look(ending);
        assert_eq!(target.contents(), before.1, "{file}");
    }
}

#[test]
fn users_and_the_position_lie_beside_the_archive() {
    for server in servers() {
        let shop = Shop::new(&server, SHOP, server.port);
        let user = shop.database.plain_user(&["SELECT", "INSERT"]);
        let home = &shop.home;
        let plan = home.json(&["backup", "shop", "--capture-gtid", "--dry-run"]);
        let files = plan["files"].to_string();
        assert!(files.contains(".users.sql") && files.contains(".gtid"), "{files}");
        let made = home.json(&["backup", "shop", "--capture-gtid"]);
        let kinds: Vec<_> =
            made["side_files"].as_array().unwrap().iter().map(|side| side["kind"].clone()).collect();
        assert_eq!(kinds, ["users", "position"]);
        let id = made["backup_id"].as_str().unwrap();
        let info = home.good(&["backups", "info", "shop", id]);
        assert!(info.contains(".users.sql (users)") && info.contains(".gtid (position)"), "{info}");
        let without = home.json(&["backup", "shop", "--exclude-users"]);
        assert_eq!(without["side_files"], Value::Null, "{without}");
        assert_eq!(without["options"]["exclude_users"], true);
        home.good(&["verify", "shop", id]);
        let cleanup = home.json(&["cleanup", "shop", "--dry-run"]);
        assert_eq!(cleanup["items"], serde_json::json!([]), "{cleanup}");

        let accounts = format!("'{0}'@'127.0.0.1', '{0}'@'localhost'", user.name);
        server.run("", &format!("DROP USER {accounts}"));
        let plan = home.good(&[
            "restore",
            "shop",
            "--from",
            id,
            "--users",
            "--definer",
            "root@localhost",
            "--dry-run",
        ]);
        assert!(plan.contains("make the users and roles") && plan.contains(&user.name), "{plan}");
        assert!(plan.contains("with the rights of root@localhost"), "{plan}");
        let report = home.good(&["restore", "shop", "--from", id, "--users", "--yes"]);
        assert!(report.contains("users and roles made"), "{report}");
        let added = shop.add("again", &user.name, PlainUser::PASSWORD, server.port);
        assert_eq!(added.code, 0, "the old password is good: {}", added.stderr);
        let again = home.good(&["restore", "shop", "--from", id, "--users", "--yes"]);
        assert!(again.contains("left as they were"), "{again}");
        let newest = without["backup_id"].as_str().unwrap();
        assert_eq!(home.run(&["restore", "shop", "--from", newest, "--users", "--yes"]).code, 4);
        // The history of a server in use does not change.
        let ran = home.run(&["restore", "shop", "--from", id, "--gtid-purged", "--dry-run"]);
        assert_eq!(ran.code, if server.is_mariadb() { 0 } else { 5 }, "{}", ran.stderr);

        let script = home
            .files(".cadangkan/backups")
            .into_iter()
            .find(|path| path.to_string_lossy().ends_with(".users.sql"));
        let script = script.unwrap();
        std::fs::write(&script, "CREATE USER evil").unwrap();
        assert_eq!(home.run(&["verify", "shop", id]).code, 10);
        assert_eq!(home.run(&["restore", "shop", "--from", id, "--users", "--yes"]).code, 10);
        home.good(&["restore", "shop", "--from", id, "--yes"]);
        home.good(&["backups", "delete", "shop", id, "--yes"]);
        assert!(!script.exists());
    }
}

#[test]
fn what_is_wrong_is_said_with_its_exit_code() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    let home = Home::empty();
    let port = server.port.to_string();
    let good = ["--host", "127.0.0.1", "--port", &port, "--user", "root"];
    let url = |rest: &str| {
        format!("mysql://root:{}@127.0.0.1:{port}/{}{rest}", MysqlServer::PASSWORD, database.name)
    };
    let (typo, mode, ca) =
        (url("x"), url("?ssl-mode=verify-identity"), url("?ssl-mode=verify-ca&ssl-ca=nowhere.pem"));
    let no_database = format!("mysql://root:{}@127.0.0.1:{port}", MysqlServer::PASSWORD);
    let wrong: &[(&[&str], i32, &str)] = &[
        (
            &["--host", "127.0.0.1", "--port", "1", "--user", "x", "--database", "d"],
            7,
            "nothing takes connections there",
        ),
        (&["--host", "no-such-host.invalid", "--user", "x", "--database", "d"], 7, "cannot be resolved"),
        (&["--socket", "nowhere.sock", "--user", "x", "--database", "d"], 7, "socket is not there"),
        (&[&good[..], &["--database", "d"]].concat(), 8, "none is given"),
        (&["--url", &typo], 4, "the database does not exist"),
        (&["--url", &mode], 8, "not signed by an authority"),
        (&["--url", &ca], 4, "cannot read the certificate"),
        (&["--url", &no_database], 2, "no database is named"),
        (&["--url", "mysql://host/d?ssl-mode=often"], 2, "`often` is no ssl-mode"),
        (&["--url", "postgres://host/d"], 2, "not a URL of MySQL"),
    ];
    for (arguments, code, message) in wrong {
        let ran = home.run(&[&["add", "mysql", "x"], *arguments].concat());
        assert_eq!(ran.code, *code, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{arguments:?}: {}", ran.stderr);
        assert!(!ran.stderr.contains(":pw@") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    }
    assert_eq!(home.json(&["list"]), serde_json::json!([]), "nothing of this was saved");
}

#[test]
fn a_person_at_a_terminal_is_asked_for_the_password() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    let user = database.plain_user(&["SELECT", "SHOW VIEW", "TRIGGER", "EVENT"]);
    let home = Home::empty();
    let port = server.port.to_string();
    let place = ["--host", "127.0.0.1", "--port", &port, "--database", &database.name, "--user", &user.name];
    // The other name of the engine does as well.
    let mut terminal = Terminal::start(&home, &[&["add", "mariadb", "asked"], &place[..]].concat(), &[]);
    terminal.answer("password", PlainUser::PASSWORD);
    terminal.expect("Added asked");
    let (code, screen) = terminal.end();
    assert!(code == 0 && !screen.contains(PlainUser::PASSWORD), "{screen}");
    // Without RELOAD one connection reads, and that is said.
    let ran = home.run(&["backup", "asked"]);
    assert!(ran.code == 0 && ran.stderr.contains("RELOAD"), "{ran:?}");
}

#[test]
fn secrets_are_nowhere() {
    let Some(server) = main_server() else { return };
    let shop = Shop::new(&server, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)", server.port);
    let user = shop.database.plain_user(&["ALL PRIVILEGES", "RELOAD ON *.*"]);
    let secret = PlainUser::PASSWORD;
    let mut printed = String::new();
    let mut take = |ran: Ran| {
        printed.push_str(&ran.stdout);
        printed.push_str(&ran.stderr);
    };
    take(shop.add("plain", &user.name, secret, server.port));
    take(shop.add("wrong", &user.name, "pw of a plain user, wrong", server.port));
    for arguments in [
        &["test", "plain"][..],
        &["info", "plain", "--output", "json"],
        &["-v", "backup", "plain", "--output", "json"],
        &["restore", "plain", "--dry-run"],
        &["-v", "restore", "plain", "--mode", "clean", "--yes"],
        &[
            "restore",
            "plain",
            "--to",
            &shop.url("x").replace(":pw@", &format!(":{}@", secret.replace(' ', "%20"))),
            "--yes",
        ],
        &["status"],
        &["config", "show"],
        &["list", "--output", "json"],
    ] {
        take(shop.home.run(arguments));
    }
    assert!(printed.contains("plain") && !printed.contains(secret), "{printed}");
    for path in shop.home.files("") {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "{}", path.display());
    }
    let manifest: Vec<_> = shop
        .home
        .files(".cadangkan/backups")
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".meta.json"))
        .collect();
    let manifest: Value = serde_json::from_slice(&std::fs::read(&manifest[0]).unwrap()).unwrap();
    assert_eq!(manifest["engine"], "mysql");
}
