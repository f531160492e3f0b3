//! Backups and restores of PostgreSQL that are cut off, stalled, killed or short of space: never a green run that is
//! not whole, never a target that is not as the error says.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::postgres_server::{Server, Way};
use crate::support::{Home, Ran};

const SHOP: &str = "
    CREATE TABLE customers (id serial PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES customers, note text);
    CREATE TABLE \"od;d \"\"name\" (a int[], b bytea);
    INSERT INTO customers (name) SELECT 'customer ' || i FROM generate_series(1, 5000) i;
    INSERT INTO orders (customer, note) SELECT 1 + i % 5000, repeat(md5(i::text), 6) FROM generate_series(1, 10000) i;
    INSERT INTO \"od;d \"\"name\" SELECT ARRAY[i, i], decode(md5(i::text), 'hex') FROM generate_series(1, 3000) i;
    CREATE INDEX ON orders (note); CREATE VIEW totals AS SELECT customer, count(*) FROM orders GROUP BY 1;
    SELECT lo_from_bytea(1, 'large');";

/// One number that stands for all rows.
const CONTENT: &str = "SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM (
    SELECT c::text FROM customers c UNION ALL SELECT o::text FROM orders o UNION ALL SELECT x::text FROM \"od;d \"\"name\" x) t";

/// A server, a way to it, and a home folder with `shop` and `copy`, the same database and one beside it.
struct World {
    server: Server,
    way: Way,
    home: Home,
    content: String,
}

impl World {
    fn new() -> Option<World> {
        let server = Server::start()?;
        server.psql("postgres", "CREATE DATABASE shop");
        server.psql("shop", SHOP);
        let way = Way::to(server.port());
        let database = |name: &str, database: &str| {
            format!(
                "  {name}: {{ postgres: {{ host: 127.0.0.1, port: {}, user: postgres, database: {database}, \
                 sslmode: disable, pg_bin: {}, jobs: 2 }} }}\n",
                way.port,
                server.bin().display()
            )
        };
        let config = format!("databases:\n{}{}", database("shop", "shop"), database("copy", "copy"));
        let home = Home::configured(&config);
        let content = server.psql("shop", CONTENT);
        Some(World { server, way, home, content })
    }

    /// How many bytes go over the way while something runs that must go well.
    fn bytes(&self, arguments: &[&str]) -> u64 {
        self.way.open();
        self.home.good(arguments);
        self.way.passed()
    }

    fn backups(&self) -> usize {
        self.home.json(&["backups", "list"]).as_array().unwrap().len()
    }

    fn stored(&self) -> Vec<PathBuf> {
        self.home.files(".cadangkan/backups")
    }

    /// Databases that are neither the server's nor `shop`.
    fn databases(&self) -> String {
        let others = "SELECT datname FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1', 'shop') ORDER BY 1";
        self.server.psql("postgres", others)
    }

    /// A backup that failed: nothing green, nothing but what `cleanup` removes, and the next one is good.
    fn check_backup(&self, what: &str, ran: &Ran, before: &[PathBuf]) {
        assert_ne!(ran.code, 0, "{what}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("panicked") && !ran.stderr.contains("internal"),
            "{what}: {}",
            ran.stderr
        );
        assert_eq!(ran.stdout, "", "{what}");
        self.way.open();
        let manifests = |files: &[PathBuf]| {
            files.iter().filter(|path| path.to_string_lossy().ends_with(".meta.json")).count()
        };
        assert_eq!(manifests(&self.stored()), manifests(before), "{what}");
        self.home.good(&["cleanup", "shop", "--yes"]);
        assert_eq!(self.stored(), before, "{what}");
        assert_eq!(self.backups(), manifests(before), "{what}");
    }

    /// Restores the newest backup over `copy`, and tells how it ended.
    fn restore(&self) -> Ran {
        self.home.run(&RESTORE)
    }

    /// A restore that failed: `copy` is as it was (`old`), or whole; `cleanup` removes what else is there.
    fn check_restore(&self, what: &str, ran: &Ran, old: &str) {
        assert_ne!(ran.code, 0, "{what}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("panicked") && !ran.stderr.contains("internal"),
            "{what}: {}",
            ran.stderr
        );
        self.way.open();
        self.wait_until_alone();
        self.home.good(&["cleanup", "copy", "--yes"]);
        let left = self.databases();
        assert!(left == "copy\n" || (old.is_empty() && left.is_empty()), "{what}: {left} {}", ran.stderr);
        if left == "copy\n" {
            let content = self.server.psql("copy", CONTENT);
            assert!(content == old || content == self.content, "{what}: neither old nor new: {}", ran.stderr);
        }
    }

    /// Waits until the sessions of a run that is gone are gone too.
    fn wait_until_alone(&self) {
        let sessions = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let began = Instant::now();
        while self.server.psql("postgres", sessions) != "0\n" {
            assert!(began.elapsed() < Duration::from_secs(60), "sessions stay");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends a session that copies, or cancels its statement.
    fn hit_a_copy(&self, function: &str) {
        let sql = format!(
            "SELECT {function}(pid) FROM pg_stat_activity
              WHERE state = 'active' AND query LIKE 'COPY%' AND pid <> pg_backend_pid() LIMIT 1"
        );
        assert_eq!(self.server.psql("postgres", &sql), "t\n", "nobody copies");
    }

    /// Starts something, and returns when the way stalled, or it ended before.
    fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.home.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.way.is_hit() && child.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_millis(5));
        }
        child
    }
}

const BACKUP: [&str; 2] = ["backup", "shop"];
const RESTORE: [&str; 7] = ["restore", "shop", "--to", "copy", "--mode", "replace", "--yes"];

fn ended(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Places from 0 to `end` that look random and are the same every time.
fn places(seed: u64, count: usize, end: u64) -> impl Iterator<Item = u64> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(seed), next).skip(1).take(count).map(move |state| (state >> 16) % end)
}

#[test]
fn a_backup_over_a_way_that_is_cut() {
    let Some(world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    for place in places(1, 20, bytes * 95 / 100) {
        let what = format!("cut after {place} of {bytes} bytes");
        world.way.cut_after(place);
        let ran = world.home.run(&BACKUP);
        assert!(world.way.is_hit(), "{what}");
        assert!(ran.stderr.contains("hint: "), "{what}: {}", ran.stderr);
        world.check_backup(&what, &ran, &before);
    }
    world.home.good(&BACKUP);
    assert_eq!(world.backups(), 2);
}

#[test]
fn a_restore_over_a_way_that_is_cut() {
    let Some(world) = World::new() else { return };
    world.home.good(&BACKUP);
    let bytes = world.bytes(&RESTORE);
    for place in places(2, 20, bytes * 98 / 100) {
        let what = format!("cut after {place} of {bytes} bytes");
        world.server.psql("copy", "UPDATE customers SET name = 'changed' WHERE id = 1");
        let old = world.server.psql("copy", CONTENT);
        world.way.cut_after(place);
        let ran = world.restore();
        assert!(world.way.is_hit(), "{what}");
        world.check_restore(&what, &ran, &old);
    }
    world.server.psql("postgres", "DROP DATABASE copy");
    for place in places(3, 5, bytes * 3 / 4) {
        let what = format!("cut after {place} bytes, without a database before");
        world.way.cut_after(place);
        let ran = world.restore();
        world.check_restore(&what, &ran, "");
        assert_eq!(world.databases(), "", "{what}: {}", ran.stderr);
    }
    assert_eq!(world.restore().code, 0);
    assert_eq!(world.server.psql("copy", CONTENT), world.content);
}

#[test]
fn a_run_over_a_way_that_stalls_is_stopped_on_request() {
    let Some(world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    for place in places(4, 2, bytes * 95 / 100) {
        let what = format!("stalled after {place} of {bytes} bytes");
        world.way.stall_after(place);
        let child = world.start(&BACKUP);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let began = Instant::now();
        let ran = ended(child);
        assert!(ran.code == 130 && began.elapsed() < Duration::from_secs(30), "{what}: {ran:?}");
        world.check_backup(&what, &ran, &before);
    }
    let bytes = world.bytes(&RESTORE);
    for place in places(5, 1, bytes * 95 / 100) {
        let what = format!("stalled after {place} of {bytes} bytes");
        world.way.stall_after(place);
        let child = world.start(&RESTORE);
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let began = Instant::now();
        let ran = ended(child);
        assert!(ran.code == 130 && began.elapsed() < Duration::from_secs(60), "{what}: {ran:?}");
        assert!(ran.stderr.contains("hint: "), "{what}: {}", ran.stderr);
        world.check_restore(&what, &ran, &world.content);
    }
}

#[test]
fn a_target_that_nobody_knows() {
    let Some(world) = World::new() else { return };
    world.home.good(&BACKUP);
    let ran = world.home.run(&["restore", "shop", "--to", "scratch"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for part in ["scratch", "cadangkan list", "cadangkan add postgres <name> --database <database>"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn a_run_that_is_killed() {
    let Some(world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    for place in places(6, 10, bytes * 95 / 100) {
        let what = format!("killed after {place} of {bytes} bytes");
        world.way.stall_after(place);
        let child = world.start(&BACKUP);
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        world.check_backup(&what, &ended(child), &before);
        // The dead run is known as dead.
        let status = world.home.good(&["status"]);
        assert!(!status.contains("running"), "{what}: {status}");
    }
    let bytes = world.bytes(&RESTORE);
    let mut killed = 0;
    for place in places(7, 10, bytes * 95 / 100) {
        let what = format!("killed after {place} of {bytes} bytes");
        world.way.stall_after(place);
        let child = world.start(&RESTORE);
        match kill_process(Pid::from_child(&child), Signal::KILL) {
            Ok(()) => killed += 1,
            // What a restore sends is not the same to the byte each time: this one was through before.
            Err(error) if error == rustix::io::Errno::SRCH => {
                ended(child);
                continue;
            }
            Err(error) => panic!("{what}: {error}"),
        }
        world.check_restore(&what, &ended(child), &world.content);
    }
    assert!(killed >= 7, "{killed} of 10 restores were killed");
    assert_eq!(world.restore().code, 0);
}

#[test]
fn a_server_that_is_restarted() {
    let Some(mut world) = World::new() else { return };
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    let restored = world.bytes(&RESTORE);
    for part in [2, 5, 8] {
        let what = format!("restarted at {part} tenths");
        world.way.stall_after(bytes * part / 10);
        let child = world.start(&BACKUP);
        world.server.crash();
        world.server.up();
        world.way.open();
        world.check_backup(&what, &ended(child), &before);
        world.way.stall_after(restored * part / 10);
        let child = world.start(&RESTORE);
        world.server.crash();
        world.server.up();
        world.way.open();
        world.check_restore(&what, &ended(child), &world.content);
    }
    world.home.good(&BACKUP);
    assert_eq!(world.restore().code, 0);
}

#[test]
fn a_session_that_is_ended_or_a_statement_that_is_cancelled() {
    let Some(world) = World::new() else { return };
    // More than what connections hold under way.
    let big = "CREATE TABLE big AS SELECT i, repeat(md5(i::text), 30) AS t FROM generate_series(1, 50000) i";
    world.server.psql("shop", big);
    let bytes = world.bytes(&BACKUP);
    let before = world.stored();
    let restored = world.bytes(&RESTORE);
    for function in ["pg_terminate_backend", "pg_cancel_backend"] {
        world.way.stall_after(bytes * 3 / 10);
        let child = world.start(&BACKUP);
        world.hit_a_copy(function);
        world.way.open();
        world.check_backup(function, &ended(child), &before);
        world.way.stall_after(restored * 3 / 10);
        let child = world.start(&RESTORE);
        world.hit_a_copy(function);
        world.way.open();
        world.check_restore(function, &ended(child), &world.content);
    }
}

#[test]
#[allow(clippy::print_stdout, reason = "says that it was skipped")]
fn a_full_disk_under_the_backups() {
    let Some(world) = World::new() else { return };
    let folder = world.home.path(".cadangkan/backups");
    std::fs::create_dir_all(&folder).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,mode=0700", "tmpfs"])
        .arg(&folder)
        .output();
    if !mount.unwrap().status.success() {
        println!("skipped: this test mounts a tmpfs, as root");
        return;
    }
    let disk = Mounted(folder);
    let ran = world.home.run(&BACKUP);
    assert!(ran.code == 9 || ran.stderr.contains("space"), "{ran:?}");
    world.check_backup("full disk", &ran, &[]);
    drop(disk);
    world.home.good(&BACKUP);
}

struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn rows_that_are_gone_make_a_backup_suspect() {
    let Some(world) = World::new() else { return };
    world.home.good(&["backup", "shop"]);
    world.server.psql("shop", "DELETE FROM orders WHERE id > 3000; DROP TABLE \"od;d \"\"name\"");
    let made = world.home.json(&["backup", "shop"]);
    let told: Vec<_> =
        made["suspect"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "table public.od;d \"name is gone",
            "table public.orders has 3000 rows, not 10000 as before",
            "all tables together have 8000 rows, not 18000 as before",
            told[3]
        ]
    );
    assert!(told[3].starts_with("it is "), "{told:?}");
    world.home.good(&["backups", "accept", "shop"]);
    assert!(world.home.json(&["backup", "shop"])["suspect"].is_null());
}
