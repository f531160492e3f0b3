//! Every command on a server with a password: whatever is printed and whatever is written, the password is not in it.
//!
//! The program is this test binary, run again: only here the registry has a server that needs none.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::environment::environment;

/// The password, in no encoding that anything would have by chance.
const SECRET: &str = "mArKeD-7f3a-sEcReT";
const ARGUMENTS: &str = "CADANGKAN_TEST_ARGUMENTS";

#[test]
#[ignore = "the program that the other tests run"]
fn program() {
    let Some(arguments) = environment(ARGUMENTS) else { return };
    let arguments: Vec<std::ffi::OsString> = arguments.lines().map(Into::into).collect();
    let code = crate::run(std::iter::once("cadangkan".into()).chain(arguments));
    println!("{code:?}");
}

struct Home {
    folder: tempfile::TempDir,
}

struct Ran {
    stdout: String,
    stderr: String,
}

impl Ran {
    fn is_good(&self) -> bool {
        self.stdout.contains("ExitCode(unix_exit_status(0))")
    }
}

impl Home {
    fn new() -> Self {
        let home = Home { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(home.path("home")).unwrap();
        let file = home.path("secret-of-byfile");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(
            home.path("home/config.yaml"),
            "databases:\n  \
             byvariable: { fake: { host: db, user: u, password: \"${DB_PASSWORD}\" } }\n  \
             byfile: { fake: { host: db, user: u, password_file: ../secret-of-byfile } }\n  \
             bycommand: { fake: { host: db, user: u, password_command: 'echo \"$DB_PASSWORD\"' } }\n",
        )
        .unwrap();
        home
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["every_command::program", "--exact", "--ignored", "--nocapture"])
            .env(ARGUMENTS, arguments.join("\n"))
            .env("CADANGKAN_HOME", self.path("home"))
            .env("DB_PASSWORD", SECRET)
            .env("EDITOR", "touch")
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that asks for nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(format!("{SECRET}\n").as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Runs a command and looks for the password in what it prints, also as JSON and with all that it can say.
    fn search(&self, arguments: &[&str], good: bool) -> Ran {
        for more in [&["--output", "json"][..], &["--verbose"], &["--quiet"]] {
            let dry = self.run(&[arguments, more, &["--dry-run"]].concat());
            assert_clean(arguments, &dry);
        }
        let ran = self.run(&[arguments, &["--verbose"]].concat());
        assert_clean(arguments, &ran);
        assert_eq!(ran.is_good(), good, "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
        ran
    }

    /// All files that hold the password.
    fn files_with_secret(&self) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if holds_secret(&path) {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn holds_secret(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

fn assert_clean(arguments: &[&str], ran: &Ran) {
    for (stream, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        assert!(!text.contains(SECRET), "{arguments:?}, {stream}: {text}");
    }
}

#[test]
fn no_command_tells_the_password() {
    let home = Home::new();
    let url = format!("fake:{}u:{SECRET}@db", "//");
    home.search(&["add", "fake", "prod", "--host", "db", "--user", "u", "--password-stdin"], true);
    let warned = home.search(&["add", "fake", "byurl", "--url", &url], true);
    assert!(warned.stderr.contains("history of your shell"), "{}", warned.stderr);
    let databases = ["prod", "byurl", "byvariable", "byfile", "bycommand"];
    for database in databases {
        home.search(&["backup", database], true);
        home.search(&["info", database], true);
        home.search(&["config", "show", database], true);
        home.search(&["verify", database], true);
        home.search(&["restore", database, "--yes"], true);
        home.search(&["restore", database, "--yes", "--mode", "recreate", "--tables", "no-such"], false);
        home.search(&["cleanup", database, "--yes"], true);
        home.search(&["scan", database], true);
    }
    for arguments in [
        &["list"][..],
        &["test", "--all"],
        &["status"],
        &["backups", "list"],
        &["adopt", "home"],
        &["config", "show"],
        &["config", "validate"],
        &["config", "export"],
        &["edit", "prod"],
        &["edit", "prod", "--disable"],
        &["edit", "prod", "--enable"],
        &["edit", "prod", "--password-stdin"],
        &["backup", "--url", &url, "--to-dir", "usb"],
        &["version"],
    ] {
        home.search(arguments, true);
    }
    std::fs::copy(home.path("home/config.yaml"), home.path("other.yaml")).unwrap();
    home.search(&["config", "import", "other.yaml", "--replace"], true);
    // Mistakes are told without it, too.
    let password = format!("--password={SECRET}");
    let foreign = format!("other:{}u:{SECRET}@db/x?password={SECRET}", "//");
    for arguments in [
        &["add", "fake", "x", "--host", "db", &password][..],
        &["add", "fake", "x", "--url", &foreign],
        &["add", "fake", "prod", "--url", &url],
        &["backup", "--url", &foreign, "--to-dir", "usb"],
        &["restore", "prod", "--to", &foreign],
        &["restore", "prod", "--to", &url],
        &["edit", "byfile", "--password-stdin"],
    ] {
        home.search(arguments, false);
    }
    std::fs::write(
        home.path("x.cnf"),
        format!("[client]\nhost=127.0.0.1\nport=1\nuser=u\npassword={SECRET}\n"),
    )
    .unwrap();
    home.search(&["profile", "import", "x.cnf"], false);
    std::fs::remove_file(home.path("x.cnf")).unwrap();
    home.search(&["remove", "byurl", "--yes"], true);
    assert_eq!(home.files_with_secret(), [home.path("secret-of-byfile")]);
}

#[test]
fn no_command_tells_the_secret_of_a_storage() {
    let home = Home::new();
    let add = ["storage", "add", "vault"];
    home.search(&[&add[..], &["off", "--path", "off", "--key", "k", "--secret-stdin"]].concat(), true);
    home.search(&["add", "fake", "prod", "--host", "db", "--storage", "off"], true);
    for arguments in [
        &["storage", "list"][..],
        &["storage", "info", "off"],
        &["storage", "test", "off"],
        &["storage", "test", "--all"],
        &["storage", "usage"],
        &["storage", "edit", "off", "--disable"],
        &["storage", "edit", "off", "--enable"],
        &["storage", "edit", "off", "--secret", "secret"],
        &["storage", "edit", "off"],
        &["backup", "prod"],
        &["verify", "prod"],
        &["backups", "list"],
        &["adopt", "off"],
        &["config", "export"],
    ] {
        home.search(arguments, true);
    }
    let given = format!("--secret={SECRET}");
    home.search(&[&add[..], &["x", "--path", "x", &given]].concat(), false);
    // What opens it says what it was given: the test above would see a secret that is told.
    let echo = home.run(&[&add[..], &["x", "--path", "echo", "--secret-stdin"]].concat());
    assert!(echo.stderr.contains(SECRET) && !echo.is_good(), "{}", echo.stderr);
    home.search(&["remove", "prod", "--yes"], true);
    home.search(&["storage", "remove", "off", "--yes"], true);
    assert_eq!(home.files_with_secret(), [home.path("secret-of-byfile")]);
}

#[test]
fn a_selection_is_shown_wherever_the_backup_is() {
    let home = Home::new();
    home.search(&["add", "fake", "prod", "--host", "db", "--exclude-tables", "wiki_*"], true);
    let has = |arguments: &[&str], part: &str| {
        let ran = home.search(arguments, true);
        assert!(ran.stdout.contains(part), "{arguments:?}: {}", ran.stdout);
    };
    has(&["info", "prod"], "Selection    without tables wiki_* (catalog)");
    has(&["config", "show", "prod"], "exclude_tables: wiki_*");
    has(&["backup", "prod", "--dry-run"], "Selection:    without tables wiki_*");
    has(&["backup", "prod"], "without tables wiki_*: this is not the whole database");
    has(&["backups", "list", "prod", "--tag", "selection"], "selection");
    let ran = home.run(&["restore", "prod", "--dry-run"]);
    assert!(ran.stdout.contains("Holds:    without tables wiki_*: not the whole database"), "{}", ran.stdout);
    assert!(ran.stdout.contains("holds a selection only"), "{}", ran.stdout);
    // The command line wins, and a safety backup holds everything all the same.
    has(
        &["backup", "prod", "--exclude-tables", "shop_0", "--dry-run"],
        "Selection:    without tables shop_0",
    );
    has(&["restore", "prod", "--yes", "--mode", "recreate"], "the target as it was is backup ");
    let listed = home.run(&["backups", "list", "prod", "--trigger", "safety", "--output", "json"]);
    assert!(listed.stdout.contains("safety") && !listed.stdout.contains("selection"), "{}", listed.stdout);
    has(&["restore", "prod", "--yes", "--mode", "recreate", "--no-backup-first"], "Restore complete");
    let plan = home.run(&["restore", "prod", "--mode", "recreate", "--dry-run"]);
    for step in ["1. back up the target as it is", "2. read and check the archive"] {
        assert!(plan.stdout.contains(step), "{step}: {}", plan.stdout);
    }
    has(&["scan", "prod"], "without tables wiki_*");
}

#[test]
fn without_the_key_everything_but_connecting_works() {
    let home = Home::new();
    home.search(&["add", "fake", "prod", "--host", "db", "--user", "u", "--password-stdin"], true);
    home.search(&["backup", "prod"], true);
    std::fs::rename(home.path("home/master.key"), home.path("kept.key")).unwrap();
    for arguments in
        [&["list"][..], &["info", "prod"], &["status"], &["verify", "prod"], &["config", "export"]]
    {
        home.search(arguments, true);
    }
    for arguments in [&["backup", "prod"][..], &["test", "prod"], &["restore", "prod", "--yes"]] {
        let ran = home.search(arguments, false);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("master key is not there") && told.contains("sealed with key"), "{told}");
    }
    // Given once more, it is sealed with a new key.
    home.search(&["edit", "prod", "--password-stdin"], true);
    home.search(&["backup", "prod"], true);
}
