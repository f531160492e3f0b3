//! A home folder of its own for every test, and the program run in it.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

/// Whether the lines that tests reach are counted, which takes room and time.
pub(crate) fn measures_coverage() -> bool {
    std::env::vars_os().any(|(name, _)| name == "LLVM_PROFILE_FILE")
}

/// A user's home folder, that is also the working folder.
pub(crate) struct Home {
    folder: TempDir,
}

/// A daemon that is ended with the test, also when that fails.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// The one of a home folder, ready.
    pub(crate) fn start(home: &Home) -> Self {
        let mut daemon = Daemon::spawn(home.command(&["daemon"]));
        // It says what it does when it is ready; the rest is read at the end.
        daemon.0.stderr.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        daemon
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        Daemon(command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Ends it in order; what it said.
    pub(crate) fn end(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        let mut said = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }

    pub(crate) fn kill(mut self) {
        self.signal(rustix::process::Signal::KILL);
        self.0.wait().unwrap();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Home {
    /// A home folder with nothing in it.
    pub(crate) fn empty() -> Self {
        Home { folder: tempfile::Builder::new().prefix("home-").tempdir().unwrap() }
    }

    /// A home folder with a small database `shop.db`, which is added as `shop`.
    pub(crate) fn with_shop() -> Self {
        let home = Home::empty();
        make_shop(&home.path("shop.db"));
        home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
        home
    }

    /// A home folder with a configuration file.
    pub(crate) fn configured(config: &str) -> Self {
        let home = Home::empty();
        home.configure(config);
        home
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, config: &str) {
        std::fs::create_dir_all(self.path(".cadangkan")).unwrap();
        std::fs::write(self.path(".cadangkan/config.yaml"), config).unwrap();
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// The program with nothing in its environment but this home folder.
    pub(crate) fn command(&self, arguments: &[impl AsRef<OsStr>]) -> Command {
        self.wrapped(Command::new(env!("CARGO_BIN_EXE_cadangkan")), arguments)
    }

    /// Gives a command that runs the program its arguments and its environment.
    pub(crate) fn wrapped(&self, mut command: Command, arguments: &[impl AsRef<OsStr>]) -> Command {
        // What measures the coverage of tests must know where to write.
        let kept = std::env::vars_os().filter(|(name, _)| name == "LLVM_PROFILE_FILE" || name == "PATH");
        command
            .env_clear()
            .envs(kept)
            .env("HOME", self.folder.path())
            .env("LANG", "C.UTF-8")
            .current_dir(self.folder.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Runs what must go well, and returns what it printed.
    pub(crate) fn good(&self, arguments: &[impl AsRef<OsStr> + std::fmt::Debug]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}\n{}", ran.stderr);
        ran.stdout
    }

    /// Runs what must go well with `--output json`, and returns the value.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.good(&[arguments, &["--output", "json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text}"))
    }

    /// Backs up `shop`, and returns the backup's id.
    pub(crate) fn back_up(&self) -> String {
        self.json(&["backup", "shop"])["backup_id"].as_str().unwrap().to_owned()
    }

    /// All files below a folder, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found.sort();
        found
    }

    /// The only archive of the storage `home`.
    pub(crate) fn archive(&self) -> PathBuf {
        let archives: Vec<_> = self
            .files(".cadangkan/backups")
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "zst"))
            .collect();
        assert_eq!(archives.len(), 1, "{archives:?}");
        archives[0].clone()
    }

    /// Flips a bit in the middle of the only archive.
    pub(crate) fn damage_archive(&self) {
        let archive = self.archive();
        let mut bytes = std::fs::read(&archive).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(archive, bytes).unwrap();
    }
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        Ran::from(command.output().unwrap())
    }

    /// Waits for the end of what was started with pipes.
    pub(crate) fn ended(child: Child) -> Self {
        Ran::from(child.wait_with_output().unwrap())
    }

    fn from(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The error as a program sees it.
    pub(crate) fn error(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|_| panic!("{}", self.stderr));
        value["error"].clone()
    }
}

/// Makes a small shop: two tables with an index and a trigger, and a view.
pub(crate) fn make_shop(path: &Path) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, total INTEGER);
             CREATE INDEX orders_by_customer ON orders (customer);
             CREATE VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY customer;
             INSERT INTO customers VALUES (1, 'Ada'), (2, 'Budi'), (3, '明');
             INSERT INTO orders VALUES (1, 1, 100), (2, 1, 250), (3, 3, 7);",
        )
        .unwrap();
}

/// Makes a database of so many MB that cannot be compressed.
pub(crate) fn make_big(path: &Path, megabytes: u32) {
    let database = Connection::open(path).unwrap();
    database
        .execute_batch(&format!(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
             CREATE TABLE big (id INTEGER PRIMARY KEY, noise BLOB);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes})
             INSERT INTO big SELECT i, randomblob(1000000) FROM n;"
        ))
        .unwrap();
}

/// Counts with a statement of one number.
pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Changes a database as somebody would by mistake.
pub(crate) fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}
