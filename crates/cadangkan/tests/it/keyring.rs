//! The master key and other secrets in the keyring of the system: a real Secret Service, on a bus of its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Home, Ran, make_shop};

const PHRASE: &str = "a passphrase ☂ for the shop";

/// What a bus needs, and no service that it would start by itself.
const BUS: &str =
    "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context=\"default\">
<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>
</policy></busconfig>";

/// A process that ends with the test, also when that fails.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A session of a desktop: a bus, and a keyring that was unlocked with a password.
struct Desktop {
    _keyring: Option<Service>,
    _bus: Service,
    address: String,
    home: Home,
}

impl Desktop {
    /// A session without a keyring.
    #[allow(clippy::print_stdout, reason = "says that it was skipped")]
    fn bare() -> Option<Self> {
        let programs = [
            ("dbus-daemon", "dbus-daemon"),
            ("dbus-send", "dbus-bin"),
            ("gnome-keyring-daemon", "gnome-keyring"),
            ("secret-tool", "libsecret-tools"),
        ];
        let path = std::env::vars_os().find(|(name, _)| name == "PATH").unwrap().1;
        let is_here =
            |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
        for (program, package) in programs {
            if !is_here(program) {
                let strict = std::env::vars().any(|(name, value)| name == "CI" && value == "true");
                assert!(!strict, "this test needs {program} (package {package})");
                println!("skipped: this test needs {program} (package {package})");
                return None;
            }
        }
        let home = Home::empty();
        std::fs::write(home.path("bus.conf"), BUS).unwrap();
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--print-address", "--config-file"]).arg(home.path("bus.conf"));
        let mut bus = Service(bus.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut address = String::new();
        BufReader::new(bus.0.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("unix:"), "{address}");
        Some(Desktop { _keyring: None, _bus: bus, address, home })
    }

    fn new() -> Option<Self> {
        let mut desktop = Desktop::bare()?;
        let mut keyring = Command::new("gnome-keyring-daemon");
        keyring.args(["--foreground", "--unlock", "--components=secrets"]);
        desktop
            .give(&mut keyring)
            .env("HOME", desktop.home.path(""))
            .env("XDG_RUNTIME_DIR", desktop.home.path(""));
        let keyring = keyring.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut keyring = Service(keyring.unwrap());
        keyring.0.stdin.take().unwrap().write_all(b"of the desktop").unwrap();
        desktop._keyring = Some(keyring);
        let began = Instant::now();
        let has_login = |desktop: &Desktop| {
            let alias = desktop.call(
                "/org/freedesktop/secrets",
                "org.freedesktop.Secret.Service.ReadAlias",
                "string:default",
            );
            alias.is_some_and(|answer| answer.contains("collection/login"))
        };
        while !has_login(&desktop) {
            assert!(began.elapsed() < Duration::from_secs(60), "the keyring does not begin");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(desktop)
    }

    fn give<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.address)
    }

    fn call(&self, object: &str, method: &str, argument: &str) -> Option<String> {
        let mut send = Command::new("dbus-send");
        send.args(["--session", "--print-reply", "--dest=org.freedesktop.secrets", object, method, argument]);
        let output = self.give(&mut send).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    fn lock(&self) {
        let login = "array:objpath:/org/freedesktop/secrets/collection/login";
        let answer = self.call("/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock", login);
        assert!(answer.is_some_and(|answer| answer.contains("collection/login")));
    }

    /// Puts a secret into the keyring, as a person does.
    fn put(&self, account: &str, secret: &str) {
        let mut store = Command::new("secret-tool");
        store.args(["store", "--label=x", "service", "cadangkan", "account", account]);
        let mut child = self.give(&mut store).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// What the keyring has under a name.
    fn has(&self, account: &str) -> String {
        let mut lookup = Command::new("secret-tool");
        lookup.args(["lookup", "service", "cadangkan", "account", account]);
        String::from_utf8(self.give(&mut lookup).output().unwrap().stdout).unwrap()
    }

    /// The names of all master keys in the keyring.
    fn keys(&self) -> Vec<String> {
        let mut search = Command::new("secret-tool");
        let output = self.give(search.args(["search", "--all", "service", "cadangkan"])).output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let accounts = printed.lines().filter_map(|line| line.strip_prefix("attribute.account = "));
        accounts.filter(|account| account.starts_with("master-key-")).map(str::to_owned).collect()
    }

    fn run(&self, home: &Home, words: &[&str]) -> Ran {
        Ran::of(self.give(&mut home.command(words)))
    }

    fn good(&self, home: &Home, words: &[&str]) -> String {
        let ran = self.run(home, words);
        assert_eq!(ran.code, 0, "{words:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Whether what is sealed in the catalog opens.
    fn opens(&self, home: &Home) -> bool {
        let ran = self.run(home, &["restore", "shop", "--to", "copy.db", "--yes"]);
        let _ = std::fs::remove_file(home.path("copy.db"));
        ran.code == 0
    }
}

/// A home folder in which a passphrase is sealed, with the name of its master key in a keyring.
fn sealed_shop(desktop: &Desktop) -> Home {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let import = format!(
        "databases:\n  shop:\n    sqlite: {{ path: shop.db }}\n    encryption: {{ passphrase: {PHRASE}, kdf_memory: 8MiB, kdf_passes: 1 }}\n"
    );
    std::fs::write(home.path("import.yaml"), import).unwrap();
    desktop.good(&home, &["config", "import", "import.yaml"]);
    desktop.good(&home, &["backup", "shop"]);
    home
}

fn file(home: &Home) -> String {
    std::fs::read_to_string(home.path(".cadangkan/master.key")).unwrap()
}

/// The name of the key in the keyring, by the file.
fn account(home: &Home) -> String {
    let (file, begin) = (file(home), "keyring:");
    assert!(file.starts_with(begin) && file.lines().count() == 1, "{file}");
    format!("master-key-{}", file.trim().trim_start_matches(begin))
}

#[test]
fn the_master_key_goes_into_the_keyring_and_back() {
    let Some(desktop) = Desktop::new() else { return };
    let home = sealed_shop(&desktop);
    let key = file(&home);
    let planned = desktop.good(&home, &["key", "move-master", "keyring", "--dry-run"]);
    assert!(planned.contains("Would move the master key") && file(&home) == key, "{planned}");
    let told = desktop.good(&home, &["key", "move-master", "keyring"]);
    assert!(told.contains("is in the keyring") && !told.contains(key.trim()), "{told}");
    let name = account(&home);
    assert_eq!(desktop.has(&name), key.trim());
    assert!(desktop.opens(&home));
    let again = desktop.good(&home, &["key", "move-master", "keyring"]);
    assert!(again.contains("already"), "{again}");
    // A new key is never in the file, and the old one nowhere.
    assert_eq!(desktop.keys(), [name.as_str()]);
    let told = desktop.good(&home, &["key", "rotate-master"]);
    assert!(told.contains("It is in the keyring"), "{told}");
    let new = account(&home);
    assert_ne!(new, name);
    assert!(desktop.has(&name).is_empty() && desktop.has(&new) != key.trim());
    assert!(desktop.opens(&home));
    let key = desktop.has(&new);
    desktop.good(&home, &["key", "move-master", "file"]);
    assert_eq!(file(&home).trim(), key);
    assert!(desktop.has(&new).is_empty());
    assert!(home.run(&["restore", "shop", "--to", "other.db", "--yes"]).code == 0, "no keyring is needed");
}

#[test]
fn a_first_key_is_made_in_the_keyring() {
    let Some(desktop) = Desktop::new() else { return };
    let home = Home::empty();
    assert!(desktop.good(&home, &["key", "move-master", "keyring", "--dry-run"]).contains("Would make"));
    assert!(!home.path(".cadangkan/master.key").exists());
    desktop.good(&home, &["key", "move-master", "keyring"]);
    let name = account(&home);
    make_shop(&home.path("shop.db"));
    std::fs::write(home.path("import.yaml"), format!("databases: {{ shop: {{ sqlite: {{ path: shop.db }}, encryption: {{ passphrase: {PHRASE} }} }} }}\n")).unwrap();
    desktop.good(&home, &["config", "import", "import.yaml"]);
    desktop.good(&home, &["backup", "shop"]);
    assert!(desktop.opens(&home) && account(&home) == name);
    // Where a variable has the key, none is moved.
    let mut command = home.command(&["key", "move-master", "file"]);
    let ran = Ran::of(command.env("CADANGKAN_MASTER_KEY", desktop.has(&name)));
    assert!(ran.code == 2 && ran.stderr.contains("CADANGKAN_MASTER_KEY"), "{}", ran.stderr);
}

#[test]
fn locked_is_told_from_lost_and_from_no_keyring() {
    let Some(desktop) = Desktop::new() else { return };
    let home = sealed_shop(&desktop);
    desktop.good(&home, &["key", "move-master", "keyring"]);
    let refused = |ran: Ran, code: i32, message: &str, hint: &str| {
        assert_eq!(ran.code, code, "{}", ran.stderr);
        assert!(ran.stderr.contains(message) && ran.stderr.contains(hint), "{}", ran.stderr);
    };
    let backup = ["backup", "shop"];
    refused(home.run(&backup), 7, "there is no keyring here", "on a server keep secrets in files");
    let bare = Desktop::bare().unwrap();
    refused(bare.run(&home, &backup), 7, "there is no keyring here", "it said: ");
    let mut without_program = home.command(&backup);
    without_program.env("PATH", home.path("no-programs"));
    refused(Ran::of(&mut without_program), 12, "the program of the keyring is not here", "libsecret-tools");
    let other = Desktop::new().unwrap();
    refused(other.run(&home, &backup), 4, "the master key is not in the keyring", "CADANGKAN_MASTER_KEY");
    other.put(&account(&home), "something else");
    refused(other.run(&home, &backup), 3, "what is in the keyring is not a key", &account(&home));
    let began = Instant::now();
    desktop.lock();
    refused(desktop.run(&home, &backup), 8, "the keyring is locked", "unlock it");
    refused(desktop.run(&home, &["key", "move-master", "file"]), 8, "the keyring is locked", "unlock it");
    let plain = sealed_shop(&desktop);
    let key = file(&plain);
    refused(
        desktop.run(&plain, &["key", "move-master", "keyring"]),
        8,
        "the keyring takes nothing",
        "unlock it",
    );
    assert!(file(&plain).starts_with(&key), "{}", file(&plain));
    assert!(desktop.opens(&plain) && bare.opens(&plain), "what was not moved stays where it was");
    let plain = sealed_shop(&desktop);
    let key = file(&plain);
    refused(bare.run(&plain, &["key", "move-master", "keyring"]), 7, "there is no keyring here", "in files");
    assert_eq!(file(&plain), key);
    assert!(began.elapsed() < Duration::from_secs(25), "somebody was asked");
}

#[test]
fn secrets_come_from_the_keyring() {
    let Some(desktop) = Desktop::new() else { return };
    let home = Home::configured(
        "databases:\n  shop: { sqlite: { path: ../shop.db }, encryption: { passphrase_keyring: \"the shop\", kdf_memory: 8MiB, kdf_passes: 1 } }\n",
    );
    make_shop(&home.path("shop.db"));
    let ran = desktop.run(&home, &["backup", "shop"]);
    assert!(ran.code == 4 && ran.stderr.contains("secret-tool store"), "{}", ran.stderr);
    desktop.put("the shop", PHRASE);
    desktop.good(&home, &["backup", "shop"]);
    std::fs::write(home.path("phrase"), PHRASE).unwrap();
    std::fs::set_permissions(home.path("phrase"), std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .unwrap();
    home.configure("databases: {}\n");
    home.good(&["restore", "shop", "--to", "copy.db", "--yes", "--passphrase-file", "phrase"]);
    // As a flag, and beside another source.
    let add = ["add", "postgres", "prod", "--host", "127.0.0.1", "--port", "1", "--password-keyring", "prod"];
    desktop.put("prod", "hunter2");
    let both = desktop.run(&home, &[&add[..], &["--password-file", "phrase"]].concat());
    assert!(both.code == 2 && both.stderr.contains("given twice"), "{}", both.stderr);
}

/// Calls the keyring's program, and kills who called it before or after the call of a number.
const KILLER: &str = "#!/bin/sh
number=$(($(cat \"$HOME/calls\") + 1)); echo $number > \"$HOME/calls\"
[ $number = \"$KILL_BEFORE\" ] && kill -9 $PPID && exit 1
PATH=$REAL_PATH secret-tool \"$@\"; status=$?
[ $number = \"$KILL_AFTER\" ] && kill -9 $PPID
exit $status
";

/// Killed at every call that changes something, and before and after every call of the keyring.
#[test]
fn killed_at_any_moment_the_key_is_in_one_of_the_places() {
    let Some(desktop) = Desktop::new() else { return };
    let home = sealed_shop(&desktop);
    std::fs::create_dir(home.path("programs")).unwrap();
    std::fs::write(home.path("programs/secret-tool"), KILLER).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(home.path("programs/secret-tool"), executable).unwrap();
    let real = std::env::vars().find(|(name, _)| name == "PATH").unwrap().1;
    let path = format!("{}:{real}", home.path("programs").display());
    let at_call = |call: &str, number: usize, words: &[&str]| {
        let mut strace = Command::new("strace");
        strace.args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
        strace.args(["-e", &format!("inject={call}:signal=KILL:when={number}")]);
        strace.arg(env!("CARGO_BIN_EXE_cadangkan"));
        home.wrapped(strace, words)
    };
    let at_program = |variable: &str, number: usize, words: &[&str]| {
        std::fs::write(home.path("calls"), "0").unwrap();
        let mut command = home.command(words);
        command.env("PATH", &path).env("REAL_PATH", &real).env(variable, number.to_string());
        command
    };
    // What it was before, so that there is something to do for the next.
    let undo = |words: &[&str]| match words {
        [.., "keyring"] => drop(desktop.good(&home, &["key", "move-master", "file"])),
        [.., "file"] => drop(desktop.good(&home, &["key", "move-master", "keyring"])),
        _ => {}
    };
    for words in
        [&["key", "move-master", "keyring"][..], &["key", "rotate-master"], &["key", "move-master", "file"]]
    {
        let mut both = 0;
        for kind in ["write", "fsync", "KILL_BEFORE", "KILL_AFTER"] {
            let mut kills = 0;
            loop {
                let mut command = match kind {
                    "KILL_BEFORE" | "KILL_AFTER" => at_program(kind, kills + 1, words),
                    call => at_call(call, kills + 1, words),
                };
                let status = desktop.give(&mut command).output().unwrap().status;
                assert!(desktop.opens(&home), "{words:?}, {kind} {kills}: {}", file(&home));
                if status.success() {
                    break;
                }
                assert_eq!(status.signal(), Some(9), "{words:?}, {kind} {kills}: {status}");
                both += usize::from(file(&home).lines().count() > 1);
                kills += 1;
                assert!(kills < 100, "it comes to no end");
                if words.contains(&"rotate-master") {
                    // Every rotation that was stopped leaves a key, and the next one has more to do.
                    desktop.good(&home, words);
                }
            }
            println!("{words:?}: killed {kills} times, {kind}");
            assert_eq!(file(&home).lines().count(), 1, "{words:?}, {kind}");
            // The keyring has what the file names, and nothing else.
            let named: Vec<String> = match words {
                [.., "file"] => Vec::new(),
                _ => vec![account(&home)],
            };
            assert_eq!(desktop.keys(), named, "{words:?}, {kind}");
            undo(words);
        }
        assert!(both > 2, "{words:?}: {both} with two keys");
        desktop.good(&home, words);
    }
}
