//! Every command on real servers, with marked secrets wherever one can stand: none is printed, none is written where it
//! was not put, and no program that is started has one on its command line.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cadangkan_testkit::s3::{S3Server, TestBucket};
use cadangkan_testkit::scripted::Scripted;
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres_main};

use crate::help::leaves;
use crate::support::{Daemon, Home, Ran, make_shop};

/// What each secret is, in letters that nothing else has by chance and no URL changes.
const DATABASE: &str = "mArKeD-dAtAbAsE-7f3a91";
const CLOUD: &str = "mArKeD-cLoUd-2b86e0-0123456789";
const NAS: &str = "mArKeD-nAs-c41d77";
const PHRASE: &str = "mArKeD-pHrAsE-95e2b8";
const OTHER_PHRASE: &str = "mArKeD-oThEr-pHrAsE-d03f66";
const CHANNEL: &str = "mArKeD-cHaNnEl-58d1c4";

/// Where secrets are put by the test, and may be found.
const PLACES: [&str; 9] = [
    "database-password",
    "nas-password",
    "phrase",
    "other-phrase",
    "import.yaml",
    "backup.key",
    "private.key",
    "new.key",
    ".cadangkan/master.key",
];

/// A role with a marked password; gone at the end.
struct Role {
    name: String,
    server: PostgresServer,
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.server.try_psql("postgres", &format!("DROP ROLE {}", self.name));
    }
}

struct World {
    home: Home,
    database: TestDatabase,
    role: Role,
    bucket: Option<TestBucket>,
    /// What was run, as words.
    ran: BTreeSet<Vec<String>>,
    /// Each secret in each of its forms.
    marks: Vec<(String, Vec<u8>)>,
    traces: usize,
}

impl World {
    fn new() -> Option<World> {
        let server = postgres_main()?;
        let database = server.database();
        database
            .psql("CREATE TABLE orders (id int PRIMARY KEY, total int); INSERT INTO orders VALUES (1, 250)");
        let role = Role { name: database.name.replace("test", "role"), server };
        let create = format!("CREATE ROLE {} LOGIN SUPERUSER PASSWORD '{DATABASE}'", role.name);
        role.server.psql("postgres", &create);
        let home = Home::empty();
        make_shop(&home.path("shop.db"));
        for (file, secret) in [
            ("database-password", DATABASE),
            ("nas-password", NAS),
            ("phrase", PHRASE),
            ("other-phrase", OTHER_PHRASE),
        ] {
            private(&home.path(file), secret);
        }
        std::fs::create_dir(home.path("temporary")).unwrap();
        let bucket = S3Server::find("moto").map(|server| server.bucket());
        let mut world =
            World { home, database, role, bucket, ran: BTreeSet::new(), marks: Vec::new(), traces: 0 };
        [DATABASE, CLOUD, NAS, PHRASE, OTHER_PHRASE, CHANNEL]
            .iter()
            .for_each(|secret| world.mark(secret.as_bytes()));
        Some(world)
    }

    /// Looks for a secret from now on.
    fn mark(&mut self, secret: &[u8]) {
        let name = String::from_utf8_lossy(secret.get(..14).unwrap_or(secret)).into_owned();
        let hex = secret.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        self.marks.push((name.clone(), secret.to_vec()));
        self.marks.push((format!("{name} in hex"), hex.to_uppercase().into_bytes()));
        self.marks.push((format!("{name} in hex"), hex.into_bytes()));
        for shift in 0..3 {
            self.marks.push((format!("{name} in base64"), base64(secret, shift)));
        }
    }

    /// Takes what stands in a file that was made as a secret, as text and as the bytes that the text means.
    fn mark_file(&mut self, file: &str) {
        let text = std::fs::read_to_string(self.home.path(file)).unwrap();
        let secret = text.lines().find(|line| !line.starts_with('#')).unwrap().trim().to_owned();
        self.mark(secret.as_bytes());
        let bytes = Command::new("base64").args(["-d", &self.home.path(file).to_string_lossy()]).output();
        let bytes = bytes.unwrap().stdout;
        if bytes.len() == 32 {
            self.mark(&bytes);
        }
    }

    /// Runs a command with all that it can say, and as a rehearsal for programs; looks at what both print and start.
    fn run(&mut self, words: &[&str], stdin: &str) -> Ran {
        let as_json = [words, &["--output", "json", "--dry-run"]].concat();
        self.traced(&as_json, stdin);
        self.traced(&[words, &["--verbose"]].concat(), stdin)
    }

    fn good(&mut self, words: &[&str]) -> Ran {
        let ran = self.run(words, DATABASE);
        assert_eq!(ran.code, 0, "{words:?}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    fn bad(&mut self, words: &[&str]) {
        let ran = self.run(words, DATABASE);
        assert!(ran.code > 0, "{words:?}\n{}{}", ran.stdout, ran.stderr);
    }

    fn traced(&mut self, words: &[&str], stdin: &str) -> Ran {
        self.ran.insert(words.iter().map(|word| (*word).to_owned()).collect());
        self.traces += 1;
        let trace = self.home.path(&format!("trace-{}", self.traces));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "--seccomp-bpf", "-e", "trace=execve", "-s", "100000", "-o"]).arg(&trace);
        strace.arg(env!("CARGO_BIN_EXE_cadangkan"));
        let mut command = self.home.wrapped(strace, words);
        command
            .env("DATABASE_PASSWORD", DATABASE)
            .env("CLOUD_SECRET", CLOUD)
            .env("BACKUP_PHRASE", PHRASE)
            .env("CHANNEL", CHANNEL)
            .env("CADANGKAN_PASSPHRASE", OTHER_PHRASE)
            .env("TMPDIR", self.home.path("temporary"))
            .env("EDITOR", "touch")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that asks for nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(format!("{stdin}\n").as_bytes());
        let ran = Ran::ended(child);
        let started = std::fs::read(&trace).unwrap();
        assert!(String::from_utf8_lossy(&started).contains("execve("), "{words:?} was not traced");
        let all =
            [("stdout", ran.stdout.as_bytes()), ("stderr", ran.stderr.as_bytes()), ("programs", &started)];
        for (place, bytes) in all {
            let found = self.found_in(bytes);
            // What was typed as an argument stands on our own command line, and nowhere else.
            let typed = place == "programs" && words.iter().any(|word| word.contains("mArKeD"));
            assert!(
                found.is_none() || typed,
                "{words:?}: {found:?} in {place}\n{}",
                String::from_utf8_lossy(bytes)
            );
        }
        std::fs::remove_file(trace).unwrap();
        ran
    }

    /// The id of a backup.
    fn newest(&mut self, database: &str) -> String {
        let ran = self.traced(&["backups", "list", database, "--output", "json"], "");
        let listed: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        listed[0]["backup_id"].as_str().unwrap_or_else(|| panic!("{listed}")).to_owned()
    }

    fn found_in(&self, bytes: &[u8]) -> Option<&str> {
        let holds = |mark: &[u8]| bytes.windows(mark.len()).any(|window| window == mark);
        self.marks.iter().find(|(_, mark)| holds(mark)).map(|(name, _)| name.as_str())
    }

    /// Looks through every file in the home folder, and every object in the bucket.
    fn search_files(&self) {
        let places: Vec<PathBuf> = PLACES.iter().map(|place| self.home.path(place)).collect();
        let files = self.home.files("");
        assert!(files.iter().any(|file| file.ends_with("catalog.db")), "{files:?}");
        for file in files.iter().filter(|file| !places.contains(file)) {
            let found = self.found_in(&std::fs::read(file).unwrap());
            assert!(found.is_none(), "{found:?} in {}", file.display());
        }
        let left = self.home.files("temporary");
        assert!(left.is_empty(), "something temporary was left: {left:?}");
        let Some(bucket) = &self.bucket else { return };
        let list = bucket.request("GET", "?list-type=2", &[], b"");
        let keys: Vec<&str> = list.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        assert!(keys.iter().any(|key| key.ends_with(".meta.json")), "{list}");
        for key in keys {
            let found = self.found_in(bucket.request("GET", key, &[], b"").as_bytes());
            assert!(found.is_none(), "{found:?} in {key}");
        }
    }

    fn configure(&self) {
        let (port, user) = (self.role.server.port, &self.role.name);
        let place = format!(
            "host: 127.0.0.1, port: {port}, user: {user}, database: {}, sslmode: disable",
            self.database.name
        );
        let (bucket, s3) = match &self.bucket {
            Some(bucket) => (bucket.name.as_str(), bucket.server.port()),
            None => ("none", 1),
        };
        let phrase = "kdf_memory: 8MiB, kdf_passes: 1";
        // A server that repeats what it was told.
        let repeats = format!("there is no /{CHANNEL}, Bearer {CHANNEL}");
        let repeats = &Box::leak(Box::new(Scripted::start(vec![(404, String::new(), repeats)]))).url;
        let nowhere = "\"http://127.0.0.1:1/${CHANNEL}\"";
        self.home.configure(&format!(
            "traces: {{ endpoint: \"http://127.0.0.1:1\", headers: {{ x-api-key: \"${{CHANNEL}}\" }} }}
notifications:
  chat: {{ slack: {{ webhook_url: {nowhere} }}, on: [success, failure, verification, restore] }}
  mail: {{ email: {{ host: 127.0.0.1, port: 1, from: a@b, to: [c@d], user: u, password: \"${{CHANNEL}}\" }}, on: [success] }}
  hook:
    webhook: {{ webhook_url: \"{repeats}/${{CHANNEL}}\", headers: {{ Authorization: \"Bearer ${{CHANNEL}}\" }}, secret: \"${{CHANNEL}}\" }}
    on: []
  bot: {{ telegram: {{ token: \"${{CHANNEL}}\", chat_id: \"1\", api_url: \"http://127.0.0.1:1\" }}, on: [success] }}
  push: {{ ntfy: {{ topic: \"${{CHANNEL}}\", server: \"http://127.0.0.1:1\" }}, digest: daily }}
  duty: {{ pagerduty: {{ routing_key: \"${{CHANNEL}}\", url: \"http://127.0.0.1:1\" }} }}
  check: {{ healthchecks: {{ ping_url: {nowhere} }} }}
storages:
  home: {{ local: {{ path: backups }} }}
  cloud: {{ s3: {{ bucket: {bucket}, endpoint: \"http://127.0.0.1:{s3}\", access_key: key, secret_key: \"${{CLOUD_SECRET}}\" }} }}
  nas: {{ sftp: {{ host: 127.0.0.1, port: 1, path: x, password_file: ../nas-password }} }}
  files: {{ ftp: {{ host: 127.0.0.1, port: 1, user: u, path: x, password_file: ../nas-password }} }}
  blob: {{ azure: {{ account: acme, container: backups, endpoint: \"http://127.0.0.1:1\", sas_token: \"${{CLOUD_SECRET}}\" }} }}
  google: {{ gcs: {{ bucket: acme, endpoint: \"http://127.0.0.1:1\", credentials: \"${{CLOUD_SECRET}}\" }} }}
databases:
  byvariable:
    postgres: {{ {place}, password: \"${{DATABASE_PASSWORD}}\" }}
    storage: [{}]
    encryption: {{ passphrase: \"${{BACKUP_PHRASE}}\", {phrase} }}
  byfile:
    postgres: {{ {place}, password_file: ../database-password }}
    encryption: {{ passphrase_file: ../phrase, {phrase} }}
  bycommand:
    postgres: {{ {place}, password_command: 'printf %s \"$DATABASE_PASSWORD\"' }}
    encryption: {{ passphrase_command: 'cat phrase', {phrase} }}
  bykey:
    sqlite: {{ path: ../shop.db }}
    encryption: {{ key_file: ../backup.key, identity_file: ../private.key }}
",
            if self.bucket.is_some() { "home, cloud" } else { "home" }
        ));
        let encryption = format!("encryption: {{ passphrase: {PHRASE}, {phrase} }}");
        let import = format!(
            "storages:\n  offsite: {{ s3: {{ bucket: {bucket}, endpoint: \"http://127.0.0.1:{s3}\", access_key: key, \
             secret_key: {CLOUD} }} }}\ndatabases:\n  imported:\n    postgres: {{ {place}, password: {DATABASE} }}\n    \
             {encryption}\n"
        );
        private(&self.home.path("import.yaml"), &import);
    }

    fn url(&self, password: &str) -> String {
        let (scheme, server) = ("postgres", &self.role.server);
        format!("{scheme}://{}:{password}@127.0.0.1:{}/{}", self.role.name, server.port, self.database.name)
    }
}

/// Base64 of a secret that stands behind `shift` other bytes, without the letters that depend on what is around it.
fn base64(secret: &[u8], shift: usize) -> Vec<u8> {
    let whole = (shift + secret.len()) / 3 * 3;
    let bytes = [&vec![0; shift], secret].concat();
    let mut child =
        Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&bytes[..whole]).unwrap();
    let text = child.wait_with_output().unwrap().stdout;
    text[(shift * 8).div_ceil(6)..].to_vec()
}

fn private(path: &Path, text: &str) {
    std::fs::write(path, format!("{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn no_secret_is_printed_written_or_handed_on() {
    let Some(mut world) = World::new() else { return };
    set_up(&mut world);
    for database in ["byvariable", "byfile", "bycommand", "bykey", "imported", "sealed"] {
        of_a_database(&mut world, database);
    }
    of_all(&mut world);
    mistakes(&mut world);
    world.search_files();
    // No command was forgotten.
    let done: Vec<String> = world.ran.iter().map(|words| format!("{} ", words.join(" "))).collect();
    for mut leaf in leaves(&world.home) {
        if leaf.starts_with(&["storage".to_owned(), "add".to_owned()]) {
            // All kinds of storages are added by the same lines.
            leaf.truncate(2);
        }
        let leaf = format!("{} ", leaf.join(" "));
        assert!(
            done.iter().any(|words| words.starts_with(&leaf)),
            "`cadangkan {leaf}` is not run: add it here"
        );
    }
}

fn set_up(world: &mut World) {
    world.good(&["init"]);
    world.good(&["key", "generate", "backup.key", "--symmetric"]);
    world.good(&["key", "generate", "private.key"]);
    world.good(&["key", "generate", "new.key", "--symmetric"]);
    ["backup.key", "private.key", "new.key"].iter().for_each(|file| world.mark_file(file));
    world.configure();
    world.good(&["config", "import", "import.yaml"]);
    let (port, user) = (world.role.server.port.to_string(), world.role.name.clone());
    let name = world.database.name.clone();
    let server = ["--host", "127.0.0.1", "--port", &port, "--user", &user, "--database", &name];
    let add = [
        &["add", "postgres", "sealed", "--sslmode", "disable", "--password-stdin", "--storage", "home"],
        &server[..],
    ];
    world.good(&add.concat());
    world.mark_file(".cadangkan/master.key");
    let url = world.url(DATABASE);
    world.good(&["add", "postgres", "byurl", "--url", &url]);
    let socket = ["--host", "127.0.0.1", "--port", "1", "--user", "u", "--password-stdin"];
    world.bad(&[&["add", "mysql", "other"][..], &socket].concat());
    world.good(&["add", "sqlite", "shop", "--path", "shop.db", "--storage", "home"]);
}

fn of_a_database(world: &mut World, name: &str) {
    for words in [
        &["test", name][..],
        &["backup", name],
        &["info", name],
        &["config", "show", name],
        &["verify", name],
        &["backups", "list", name],
        &["key", "list", name],
        &["key", "kit", name],
        &["cleanup", name, "--yes"],
    ] {
        world.good(words);
    }
    let id = world.newest(name);
    world.good(&["backups", "info", name, &id]);
    world.good(&["backups", "validate", name, &id]);
    let file = format!("{name}.export");
    world.good(&["backups", "export", name, &id, "--to", &file]);
    std::fs::remove_file(world.home.path(&file)).unwrap();
    let folder = format!("{name}-download");
    world.good(&["backups", "download", name, &id, "--to-dir", &folder]);
    world.good(&["backups", "upload", name, &id]);
    world.good(&["backups", "sync", name]);
    world.good(&["backups", "preserve", name, &id]);
    world.bad(&["backups", "accept", name]);
    if name == "bykey" {
        world.good(&["restore", name, "--to", "copy.db", "--yes"]);
    } else {
        world.good(&["scan", name]);
        world.good(&["restore", name, "--dry-run"]);
    }
}

/// The scheduler makes a backup of a database whose password and passphrase are secrets; what it says is in its log as well.
fn scheduled(world: &mut World) {
    let catalog = rusqlite::Connection::open(world.home.path(".cadangkan/catalog.db")).unwrap();
    catalog.execute("UPDATE schedule_states SET next_due = (unixepoch() - 7200) * 1000000", []).unwrap();
    let mut command = world.home.command(&["daemon", "--verbose"]);
    command.env("DATABASE_PASSWORD", DATABASE).env("CLOUD_SECRET", CLOUD).env("BACKUP_PHRASE", PHRASE);
    command.env("CHANNEL", CHANNEL).env("CADANGKAN_PASSPHRASE", OTHER_PHRASE);
    let daemon = Daemon::spawn(command);
    let began = std::time::Instant::now();
    loop {
        let history = world.traced(&["schedule", "history", "sealed"], "").stdout;
        if history.contains("completed") {
            break;
        }
        assert!(began.elapsed().as_secs() < 60, "{history}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let said = daemon.end();
    assert!(world.found_in(said.as_bytes()).is_none(), "{said}");
}

fn of_all(world: &mut World) {
    world.good(&["restore", "bycommand", "--yes"]);
    world.good(&["backup", "shop", "--passphrase-file", "phrase", "--key-file", "backup.key"]);
    world.good(&["key", "add", "shop", "--for-passphrase-file", "other-phrase", "--key-file", "backup.key"]);
    world.good(&["key", "add", "shop", "--for-key-file", "new.key", "--passphrase-file", "phrase"]);
    world.good(&["key", "remove", "shop", "--for-passphrase-file", "phrase"]);
    world.good(&["key", "rotate", "byfile"]);
    world.good(&["key", "rotate-master", "--new-key-file", "new.key"]);
    // There is no keyring here, so the key is where it was.
    world.bad(&["key", "move-master", "keyring"]);
    world.good(&["key", "move-master", "file"]);
    world.good(&["backup", "imported"]);
    let cloud = world.bucket.is_some();
    for words in [
        &["list"][..],
        &["status"],
        &["logs"],
        &["report"],
        &["health"],
        &["metrics"],
        &["config", "show"],
        &["config", "validate"],
        &["config", "edit"],
        &["config", "export"],
        &["edit", "sealed", "--password-stdin"],
        &["edit", "imported"],
        &["edit", "byfile"],
        &["storage", "list"],
        &["storage", "info", "cloud"],
        &["storage", "usage", "home"],
        &["storage", "lifecycle", "cloud", "--set", "--yes"],
        &["storage", "test", "home"],
        &["adopt", "home"],
        &["guard", "bykey", "--", "true"],
        &["schedule", "set", "sealed", "--daily"],
        &["schedule", "list"],
        &["schedule", "next"],
        &["schedule", "history"],
        &["schedule", "disable", "sealed"],
        &["schedule", "enable", "sealed"],
        &["notify", "list"],
        &["service", "install", "--dry-run"],
        &["service", "uninstall", "--dry-run"],
        &["service", "start", "--dry-run"],
        &["service", "stop", "--dry-run"],
        &["service", "restart", "--dry-run"],
        &["service", "status", "--dry-run"],
        &["version"],
        &["completions", "bash"],
        &["demo"],
    ] {
        world.good(words);
    }
    // Whether something is due again by now is a matter of how long all that took.
    let ran = world.run(&["notify", "deliver"], "");
    assert!([0, 7].contains(&ran.code), "{}{}", ran.stdout, ran.stderr);
    world.traced(&["daemon", "--dry-run"], "");
    scheduled(world);
    world.good(&["service", "logs"]);
    world.bad(&["cancel", "sealed", "--yes"]);
    world.good(&["schedule", "remove", "sealed", "--yes"]);
    for channel in ["chat", "mail", "hook", "bot", "push", "duty", "check"] {
        world.bad(&["notify", "test", channel]);
    }
    let s3 = ["--bucket", "x", "--endpoint", "http://127.0.0.1:1", "--access-key", "k", "--secret-key-stdin"];
    world.bad(&[&["storage", "add", "s3", "x"][..], &s3].concat());
    let sftp = ["--host", "127.0.0.1", "--port", "1", "--path", "x", "--password-stdin"];
    world.bad(&[&["storage", "add", "sftp", "x"][..], &sftp].concat());
    world.good(&["storage", "add", "local", "usb", "--path", "usb"]);
    for storage in ["cloud", "offsite"] {
        let ran = world.run(&["storage", "test", storage], "");
        assert_eq!(ran.code == 0, cloud, "{}{}", ran.stdout, ran.stderr);
    }
    for storage in ["nas", "files", "blob", "google"] {
        world.bad(&["storage", "test", storage]);
        world.good(&["storage", "info", storage]);
    }
    world.good(&["storage", "edit", "offsite"]);
    world.good(&["storage", "remove", "usb", "--yes"]);
    let id = world.newest("shop");
    world.good(&["backups", "delete", "shop", &id, "--yes"]);
    world.good(&["remove", "byurl", "--yes"]);
}

/// Mistakes are told without the secret, too.
fn mistakes(world: &mut World) {
    let (wrong, flag) = (world.url(&format!("{DATABASE}x")), format!("--password={DATABASE}"));
    let foreign = format!("other:{}u:{DATABASE}@db/x?password={DATABASE}", "//");
    for words in [
        &["add", "postgres", "x", "--url", &wrong][..],
        &["add", "postgres", "x", "--url", &foreign],
        &["add", "postgres", "x", &flag],
        &["backup", "--url", &wrong, "--to-dir", "x"],
        &["backup", "byfile", "--storage", "nas"],
        &["restore", "byfile", "--to", &foreign],
        &["edit", "byfile", "--password-stdin"],
        &["verify", "bykey", "--key-file", "phrase"],
    ] {
        world.bad(words);
    }
    private(
        &world.home.path("x.cnf"),
        &format!("[client]\nhost=127.0.0.1\nport=1\nuser=u\npassword={DATABASE}"),
    );
    world.bad(&["profile", "import", "x.cnf"]);
    std::fs::remove_file(world.home.path("x.cnf")).unwrap();
}

/// The mechanism of the test is able to find what it looks for.
#[test]
fn a_secret_that_is_told_is_seen() {
    let Some(mut world) = World::new() else { return };
    for shift in ["", "a", "ab"] {
        let mut child =
            Command::new("base64").arg("-w0").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{shift}{PHRASE}!").as_bytes()).unwrap();
        let encoded = child.wait_with_output().unwrap().stdout;
        assert!(world.found_in(&encoded).is_some(), "{}", String::from_utf8_lossy(&encoded));
    }
    assert!(world.found_in(format!("x{NAS}y").as_bytes()).is_some());
    assert!(world.found_in(b"mArKeD").is_none());
    world.home.configure(&format!(
        "databases:\n  x: {{ postgres: {{ host: 127.0.0.1, port: 1, password_command: echo {DATABASE} }} }}\n"
    ));
    let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.traced(&["test", "x"], "")));
    assert!(told.is_err(), "the command line of a program that was started is looked at");
}

/// A crash of the program or of what it starts leaves no core, however the shell that started it is set.
#[test]
fn a_crash_leaves_no_core() {
    let home = Home::configured(
        "databases:\n  shop: { postgres: { host: 127.0.0.1, port: 1, password_command: 'cat /proc/$PPID/limits > limits; \
         kill -ABRT $PPID; sleep 5' } }\n",
    );
    let unlimited = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -c unlimited; {script}"), env!("CARGO_BIN_EXE_cadangkan")]);
        command
    };
    let status = home.wrapped(unlimited("exec \"$0\" \"$@\""), &["test", "shop"]).status().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(6), "{status:?}");
    assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&status));
    let limits = std::fs::read_to_string(home.path("limits")).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"], "{cores}");
}

/// What opens backups and the catalog is for this program alone: whatever it starts finds neither in its environment.
#[test]
fn programs_that_are_started_get_no_secret_of_ours() {
    let home = Home::with_shop();
    let tool = home.path("tool");
    std::fs::write(&tool, "#!/bin/sh\nenv >> \"$HOME/seen\"\nexit 1\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["ssh", "rclone"] {
        std::os::unix::fs::symlink(&tool, home.path(name)).unwrap();
    }
    home.configure(
        "storages:\n  nas: { sftp: { host: nas.invalid, path: /b } }\n  far: { rclone: { remote: 'x:y' } }\n\
         databases:\n  orders: { postgres: { host: 127.0.0.1, port: 1, password_command: env >> seen } }\n",
    );
    let key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let (_, path) = std::env::vars().find(|(name, _)| name == "PATH").unwrap();
    let path = format!("{}:{path}", home.path("").display());
    let run = |arguments: &[&str]| {
        let mut command = home.command(arguments);
        command.env("PATH", &path).env("EDITOR", &tool).env("MARK", "inherited");
        Ran::of(command.env("CADANGKAN_PASSPHRASE", PHRASE).env("CADANGKAN_MASTER_KEY", key))
    };
    for arguments in
        [&["storage", "test", "nas"][..], &["storage", "test", "far"], &["test", "orders"], &["edit", "shop"]]
    {
        let _ = std::fs::remove_file(home.path("seen"));
        let ran = run(arguments);
        let seen = std::fs::read_to_string(home.path("seen"));
        let seen = seen.unwrap_or_else(|_| panic!("{arguments:?} started nothing: {}", ran.stderr));
        assert!(seen.contains("MARK=inherited"), "{seen}");
        for secret in ["CADANGKAN_PASSPHRASE", "CADANGKAN_MASTER_KEY", PHRASE, key] {
            assert!(!seen.contains(secret), "{arguments:?}: {secret}");
        }
    }
    // They are still used.
    home.configure("{}\n");
    let ran = run(&["backup", "shop", "--encrypt"]);
    assert!(ran.code == 0 && ran.stdout.contains("for a passphrase"), "{}", ran.stderr);
}
