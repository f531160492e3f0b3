//! Hooks around backups of a configured database.

use std::process::Stdio;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Home, Ran, make_big, make_shop};

fn home(hooks: &str) -> Home {
    let home = Home::configured(&format!(
        "defaults: {{ hooks: {{ after: [ 'echo default >> trace' ] }} }}\ndatabases:\n  \
         shop:\n    sqlite: {{ path: ~/shop.db }}\n    hooks:\n{hooks}"
    ));
    make_shop(&home.path("shop.db"));
    home
}

fn trace(home: &Home) -> String {
    std::fs::read_to_string(home.path("trace")).unwrap_or_default()
}

/// The log of all runs.
fn log(home: &Home) -> String {
    let catalog = Connection::open(home.path(".cadangkan/catalog.db")).unwrap();
    let mut lines = catalog.prepare("SELECT message FROM run_log ORDER BY run_id, line").unwrap();
    let lines = lines.query_map([], |row| row.get::<_, String>(0)).unwrap();
    lines.map(|line| line.unwrap() + "\n").collect()
}

#[test]
fn hooks_run_around_a_backup() {
    let home = home(
        "      before:\n        - [sh, -c, 'echo before $1 >> trace', x, 'a b']\n        - { run: 'echo said', timeout: 1m }\n",
    );
    assert!(home.good(&["backup", "shop", "--dry-run"]).contains("dry run"));
    assert_eq!(trace(&home), "");
    let report = home.json(&["backup", "shop"]);
    // The list that the database does not give is that of the defaults.
    assert_eq!(trace(&home), "before a b\ndefault\n");
    let log = log(&home);
    for line in ["hook before 1\n", "before 2: said\n", "hook after 1\n"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(log.find("hook before 1") < log.find("check storages"), "{log}");
    assert!(report["backup_id"].is_string());
}

#[test]
fn a_hook_before_that_fails_stops_the_backup() {
    let home = home(
        "      before: [ 'echo no room here; exit 9' ]\n      on_failure: [ 'echo $CADANGKAN_EVENT $CADANGKAN_STATUS $CADANGKAN_ERROR >> trace' ]\n",
    );
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 18, "{}", ran.stderr);
    for part in ["exit status: 9", "before 1 (echo)", "no room here", "nothing was backed up"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
    assert!(trace(&home).starts_with("on_failure failed the command of a hook ended with exit status: 9"));
    assert_eq!(home.files(".cadangkan/backups"), Vec::<std::path::PathBuf>::new());
    assert_eq!(home.json(&["info", "shop"])["runs"][0]["status"], "failed");
}

#[test]
fn a_hook_after_that_fails_leaves_the_backup_and_is_told() {
    let home = home(
        "      after: [ 'exit 1', 'echo $CADANGKAN_STATUS $CADANGKAN_BACKUP_ID $CADANGKAN_STORAGES >> trace' ]\n",
    );
    let ran = home.run(&["backup", "shop"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("Backup complete") && ran.stderr.contains("after 1 (exit)"),
        "{}",
        ran.stderr
    );
    let backup = &home.json(&["backups", "list"])[0];
    assert_eq!(trace(&home), format!("completed {} home\n", backup["backup_id"].as_str().unwrap()));
    assert_eq!(home.json(&["info", "shop"])["runs"][0]["status"], "partial");
    home.good(&["verify", "shop"]);
}

#[test]
fn our_secrets_are_not_in_the_environment_of_a_hook() {
    let home = home("      before: [ 'env > trace' ]\n");
    let mut command = home.command(&["backup", "shop"]);
    let ran = Ran::of(command.env("CADANGKAN_PASSPHRASE", "mArKeD").env("CADANGKAN_MASTER_KEY", "mArKeD"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(trace(&home).contains("CADANGKAN_DATABASE=shop\n") && !trace(&home).contains("mArKeD"));
}

#[test]
fn what_was_stopped_before_is_started_again_when_somebody_stops_the_backup() {
    let home = Home::configured(
        "databases:\n  big:\n    sqlite: { path: ~/big.db }\n    compression: xz\n    level: 9\n    hooks:\n      before: [ 'touch began' ]\n      on_failure: [ 'sleep 0.2; echo $CADANGKAN_STATUS > trace' ]\n",
    );
    make_big(&home.path("big.db"), 64);
    let child =
        home.command(&["backup", "big"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !home.path("began").exists() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ran = Ran::ended(child);
    assert_eq!(ran.code, 130, "{}", ran.stderr);
    assert_eq!(trace(&home), "cancelled\n");
}

#[test]
fn secrets_of_hooks_are_not_shown() {
    let home = home(
        "      after:\n        - { url: 'http://127.0.0.1:9/x', headers: { authorization: 'Bearer mArKeD', x-token: '${TOKEN}' } }\n        - 'curl -d ${TOKEN} example.org'\n",
    );
    for arguments in
        [&["config", "show", "shop"][..], &["config", "export"], &["info", "shop", "--output", "json"]]
    {
        let ran = Ran::of(home.command(arguments).env("TOKEN", "mArKeD"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(!ran.stdout.contains("mArKeD"), "{arguments:?}: {}", ran.stdout);
        assert!(ran.stdout.contains("curl -d ${TOKEN} example.org"), "{arguments:?}: {}", ran.stdout);
    }
    let ran = Ran::of(home.command(&["backup", "shop"]).env("TOKEN", "mArKeD"));
    assert!(ran.code == 15 && !ran.stderr.contains("mArKeD"), "{}", ran.stderr);
    assert!(!log(&home).contains("mArKeD"));
}

#[test]
fn mistakes_in_hooks_are_named_with_their_place() {
    let home = Home::configured(
        "databases:\n  shop:\n    sqlite: { path: x }\n    hooks:\n      befor: []\n      after: 'x'\n      before:\n        - []\n        - 5\n        - { run: x, url: y }\n        - { url: 'ftp:x' }\n        - { run: x, timeout: 0s }\n        - { url: 'https://127.0.0.1/', headers: { 'a b': c, d: 5 } }\n        - { run: x, shell: y }\n",
    );
    let ran = home.run(&["config", "validate"]);
    assert_eq!(ran.code, 3);
    insta::assert_snapshot!(ran.stderr.replace(&home.path("").display().to_string(), "~/"));
}

#[test]
fn hooks_of_a_file_that_is_imported_stay_there() {
    let home = Home::with_shop();
    let text = "databases:\n  other:\n    sqlite: { path: shop.db }\n    hooks: { before: [ 'false' ] }\n";
    std::fs::write(home.path("other.yaml"), text).unwrap();
    let ran = home.run(&["config", "import", "other.yaml"]);
    assert!(ran.code == 0 && ran.stderr.contains("the hooks of other are not taken over"), "{}", ran.stderr);
    home.good(&["backup", "other"]);
}

#[test]
fn this_machine_is_asked_without_a_proxy() {
    let server = cadangkan_testkit::scripted::Scripted::start(vec![(200, String::new(), String::new())]);
    let home = Home::empty();
    crate::support::make_shop(&home.path("shop.db"));
    home.configure(&format!(
        "databases:\n  shop:\n    sqlite: {{ path: ~/shop.db }}\n    hooks:\n      before:\n        - {{ url: '{}/x', timeout: 5s }}\n",
        server.url
    ));
    // Nobody listens there.
    let mut command = home.command(&["backup", "shop"]);
    let output = command.env("HTTP_PROXY", "http://127.0.0.1:9").env_remove("NO_PROXY").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
