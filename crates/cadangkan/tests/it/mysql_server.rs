//! MySQL and MariaDB over a way that is cut, stalls or is left by a process that was killed, on a full disk, and as a
//! whole server: never a green run that is not whole, never a target that is not as the error says.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cadangkan_testkit::mysql::{MysqlServer, TestDatabase, main_server};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::mysql::Shop;
use crate::postgres_server::Way;
use crate::pty::Terminal;
use crate::support::{Home, Ran};

const SHOP: &str = "
    CREATE TABLE customers (id int AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL);
    CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, customer int, note text, FOREIGN KEY (customer) REFERENCES customers (id));
    INSERT INTO customers (name) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
      SELECT CONCAT('customer ', i) FROM n;
    INSERT INTO orders (customer, note) SELECT a.id, REPEAT(MD5(a.id + b.id * 1000), 8) FROM customers a JOIN customers b ON b.id <= 5;
    CREATE VIEW totals AS SELECT customer, COUNT(*) AS orders FROM orders GROUP BY customer;
    CREATE TRIGGER named BEFORE INSERT ON customers FOR EACH ROW SET NEW.name = TRIM(NEW.name);";

const BACKUP: [&str; 2] = ["backup", "shop"];
const RESTORE: [&str; 3] = ["restore", "shop", "--yes"];

/// A shop that is reached over a way.
struct World {
    shop: Shop,
    way: Way,
    /// Of the shop before anything went wrong.
    content: String,
}

impl World {
    fn new() -> Option<World> {
        let server = main_server()?;
        let way = Way::to(server.port);
        let shop = Shop::new(&server, SHOP, way.port);
        let content = shop.database.contents();
        Some(World { shop, way, content })
    }

    fn home(&self) -> &Home {
        &self.shop.home
    }

    /// How many bytes go over the way while something runs that must go well.
    fn bytes(&self, arguments: &[&str]) -> u64 {
        self.way.open();
        self.home().good(arguments);
        self.way.passed()
    }

    fn stored(&self) -> Vec<PathBuf> {
        self.home().files(".cadangkan/backups")
    }

    /// Starts something, and returns when the way is hit, or it ended before.
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.home().command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.way.is_hit() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        child
    }

    /// A run that failed says so, and a backup of it is nothing but what `cleanup` removes.
    fn check_backup(&self, what: &str, ran: &Ran, before: &[PathBuf]) {
        check_failed(what, ran);
        self.way.open();
        self.home().good(&["cleanup", "shop", "--yes"]);
        assert_eq!(self.stored(), before, "{what}");
    }

    /// The target of a restore that failed is what it was, or whole; `cleanup` removes what else is there.
    fn check_restore(&self, what: &str, ran: &Ran, old: &str) {
        check_failed(what, ran);
        self.way.open();
        self.wait_until_alone();
        self.home().good(&["cleanup", "shop", "--yes"]);
        assert_eq!(self.shop.others(), Vec::<String>::new(), "{what}: {}", ran.stderr);
        let content = self.shop.database.contents();
        assert!(content == old || content == self.content, "{what}: neither old nor new: {}", ran.stderr);
    }

    /// Waits until the sessions of a run that is gone are gone too.
    fn wait_until_alone(&self) {
        let name = &self.shop.database.name;
        let sql = format!(
            "SELECT COUNT(*) FROM {} WHERE db LIKE '{}%'",
            self.shop.database.server.processlist(),
            name.replace('_', "\\_")
        );
        let began = Instant::now();
        while self.shop.database.server.run("", &sql) != "0\n" {
            assert!(began.elapsed() < Duration::from_secs(60), "sessions stay");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn check_failed(what: &str, ran: &Ran) {
    assert_ne!(ran.code, 0, "{what}: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("internal"), "{what}: {}", ran.stderr);
    assert_eq!(ran.stdout, "", "{what}");
}

/// Where every part of a run is met.
const EVERYWHERE: &[u64] = &[1, 3, 5, 7, 9];

/// Where rows are on their way.
const MIDDLE: &[u64] = &[5];

/// Tenths of a way.
fn places(bytes: u64, tenths: &[u64]) -> impl Iterator<Item = u64> {
    tenths.iter().map(move |tenths| bytes * tenths / 10)
}

#[test]
fn a_way_that_is_cut() {
    let Some(world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    for place in places(bytes, EVERYWHERE) {
        let what = format!("backup cut after {place} of {bytes} bytes");
        world.way.cut_after(place);
        let ran = world.home().run(&BACKUP);
        assert!(world.way.is_hit() && ran.stderr.contains("hint: "), "{what}: {}", ran.stderr);
        world.check_backup(&what, &ran, &before);
    }
    let bytes = world.bytes(&RESTORE);
    world.home().good(&["cleanup", "shop", "--yes"]);
    for place in places(bytes, EVERYWHERE) {
        let what = format!("restore cut after {place} of {bytes} bytes");
        world.shop.database.run("UPDATE customers SET name = 'changed' WHERE id = 1");
        let old = world.shop.database.contents();
        world.way.cut_after(place);
        let ran = world.home().run(&RESTORE);
        assert!(world.way.is_hit(), "{what}");
        world.check_restore(&what, &ran, &old);
    }
    world.home().good(&RESTORE);
    assert_eq!(world.shop.database.contents(), world.content);
}

#[test]
fn a_run_that_is_killed_or_stopped() {
    let Some(world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    let restored = world.bytes(&RESTORE);
    world.home().good(&["cleanup", "shop", "--yes"]);
    // Who is stopped on request says goodbye first, which takes a while where nothing moves.
    for (signal, tenths) in [(Signal::KILL, EVERYWHERE), (Signal::INT, MIDDLE)] {
        for place in places(bytes, tenths) {
            let what = format!("backup: {signal:?} after {place} of {bytes} bytes");
            world.way.stall_after(place);
            let ran = world.hit(world.start(&BACKUP), signal);
            world.check_backup(&what, &ran, &before);
            assert!(!world.home().good(&["status"]).contains("running"), "{what}");
        }
        for place in places(restored, tenths) {
            let what = format!("restore: {signal:?} after {place} of {restored} bytes");
            world.way.stall_after(place);
            let ran = world.hit(world.start(&RESTORE), signal);
            world.check_restore(&what, &ran, &world.content);
        }
    }
    world.home().good(&RESTORE);
    assert_eq!(world.shop.database.contents(), world.content);
}

impl World {
    /// Sends a signal to a run that stands still, and waits for its end.
    fn hit(&self, child: Child, signal: Signal) -> Ran {
        assert!(self.way.is_hit(), "it ended before");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let began = Instant::now();
        let ran = Ran::ended(child);
        assert!(began.elapsed() < Duration::from_secs(60), "{ran:?}");
        assert_eq!(ran.code, if signal == Signal::INT { 130 } else { -1 }, "{ran:?}");
        ran
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "says that it was skipped")]
fn a_full_disk_under_the_backups() {
    let Some(world) = World::new() else { return };
    let folder = world.home().path(".cadangkan/backups");
    std::fs::create_dir_all(&folder).unwrap();
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs"]).arg(&folder);
    if !mount.output().unwrap().status.success() {
        println!("skipped: this test mounts a tmpfs, as root");
        return;
    }
    let disk = Mounted(folder);
    let ran = world.home().run(&BACKUP);
    assert!(ran.code == 9 && ran.stderr.contains("space"), "{ran:?}");
    world.check_backup("full disk", &ran, &[]);
    drop(disk);
    world.home().good(&BACKUP);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// The databases of what was backed up or listed.
fn names(list: &Value) -> Vec<&str> {
    let mut names: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one["database"].as_str().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_whole_server_as_one_database() {
    let Some(server) = main_server() else { return };
    let make = || {
        let database = server.database();
        database.run("CREATE TABLE who (a int); INSERT INTO who VALUES (1)");
        database
    };
    let (one, other, left_out) = (make(), make(), make());
    let mut expected = [one.name.as_str(), &other.name];
    expected.sort_unstable();
    let home = Home::empty();
    let port = server.port.to_string();
    let taken = format!("{},{},{}*", one.name, other.name, left_out.name);
    let mut add =
        vec!["add", "mysql", "prod", "--host", "127.0.0.1", "--port", &port, "--user", MysqlServer::USER];
    add.extend(["--password-file", "password", "--databases", &taken, "--exclude-databases", &left_out.name]);
    let file = home.path("password");
    std::fs::write(&file, MysqlServer::PASSWORD).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    home.good(&add);
    assert!(home.good(&["test", "prod"]).contains("databases 2"));
    assert_eq!(home.json(&["scan", "prod"])["meant"].as_array().unwrap().len(), 2);
    let made = home.json(&["backup", "prod"]);
    assert_eq!(names(&made["databases"]), expected);
    the_summary_adds_up(&home, &made);

    let ran = home.run(&["restore", "prod", "--yes"]);
    assert!(ran.code == 2 && ran.stderr.contains(&one.name), "{}", ran.stderr);
    one.run("INSERT INTO who VALUES (2)");
    other.run("INSERT INTO who VALUES (2)");
    home.good(&["restore", "prod", "--database", &one.name, "--yes"]);
    assert_eq!(one.run("SELECT COUNT(*) FROM who"), "1\n");
    assert_eq!(other.run("SELECT COUNT(*) FROM who"), "2\n", "the others are as they were");
    let left = home.json(&["cleanup", "prod", "--dry-run"]);
    assert_eq!(left["items"].as_array().unwrap().len(), 1, "{left}");
    home.good(&["cleanup", "prod", "--yes"]);

    one_that_fails(&home, &one, other);
}

/// What is said of all databases together: of a backup, of a dry run, and of one that asks.
fn the_summary_adds_up(home: &Home, made: &Value) {
    let databases = made["databases"].as_array().unwrap();
    let sum = |key: &str| databases.iter().map(|one| one["archive"][key].as_u64().unwrap()).sum::<u64>();
    let summary = &made["summary"];
    assert_eq!((&summary["succeeded"], &summary["failed"]), (&Value::from(2), &Value::from(0)), "{summary}");
    assert_eq!(summary["size_bytes"], sum("size_bytes"));
    assert_eq!(summary["raw_bytes"], sum("raw_bytes"));
    assert!(summary["duration_seconds"].as_f64().unwrap() > 0.0);
    assert!(summary["position"]["binlog_file"].is_string(), "{summary}");
    let text = home.good(&["backup", "prod"]);
    for part in
        ["DATABASE", "Storages: home", "Position: ", "Total: 2 of 2 databases, ", " (compressed from "]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let backups = home.json(&["backups", "list", "prod"]);
    let plan = home.json(&["backup", "prod", "--dry-run", "--tag", "web"]);
    assert_eq!((&plan["summary"]["planned"], &plan["summary"]["failed"]), (&Value::from(2), &Value::from(0)));
    for one in plan["databases"].as_array().unwrap() {
        let archive = one["archive"].as_str().unwrap();
        let users = archive.replace(".sql.zst", ".users.sql");
        assert_eq!(
            one["files"],
            serde_json::json!([archive, format!("{archive}.index"), format!("{archive}.meta.json"), users])
        );
        assert_eq!((&one["tags"], &one["check"]), (&serde_json::json!(["web"]), &Value::from(true)));
        assert!(one["last_size_bytes"].as_u64().unwrap() > 0);
    }
    let ran = home.run(&["backup", "prod", "--confirm"]);
    assert!(ran.code == 2 && ran.stderr.contains("--yes"), "{}", ran.stderr);
    let mut terminal = Terminal::start(home, &["backup", "prod", "--confirm"], &[]);
    terminal.expect("Compression:  zstd level 3");
    terminal.expect("Total: 2 of 2 databases, about ");
    terminal.answer("Back this up? [y/N] ", "n");
    assert_eq!(terminal.end().0, 130);
    assert_eq!(home.json(&["backups", "list", "prod"]), backups, "nothing of this was backed up");
    assert_eq!(home.json(&["backup", "prod", "--confirm", "--yes"])["summary"]["succeeded"], 2);
}

/// One that is gone makes the run fail before anything is backed up, since it has to be there.
fn one_that_fails(home: &Home, one: &TestDatabase, other: TestDatabase) {
    let gone = other.name.clone();
    drop(other);
    let ran = home.run(&["backup", "prod", "--output", "json"]);
    assert_eq!(ran.error()["code"], "not_found", "{}", ran.stderr);
    // The one that is gone comes back.
    home.good(&["restore", "prod", "--database", &gone, "--yes"]);
    let back = TestDatabase { url: one.server.url_of(&gone), name: gone, server: one.server.clone() };
    assert_eq!(back.run("SELECT COUNT(*) FROM who"), "1\n");
    home.good(&["backup", "prod"]);
}
