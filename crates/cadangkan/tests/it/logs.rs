//! What logs say, and from which level on.

use crate::scheduler::{make_due, state_of, until};
use crate::support::{Daemon, Home, Ran};

#[test]
fn runs_are_chosen_by_what_they_do_and_lines_by_how_much_they_matter() {
    let home = Home::with_shop();
    home.back_up();
    home.good(&["verify", "shop"]);
    home.back_up();
    let kinds = |words: &[&str]| {
        let runs = home.json(&[&["logs"], words].concat());
        let kinds =
            runs.as_array().unwrap().iter().map(|run| run["run"]["kind"].as_str().unwrap().to_owned());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&["--category", "verify"]), ["verify"]);
    assert_eq!(kinds(&["--category", "verify,backup", "--runs", "5"]), ["backup", "verify", "backup"]);
    assert_eq!(kinds(&["--category", "verify,backup", "--runs", "2", "shop"]), ["verify", "backup"]);
    assert_eq!(kinds(&["--category", "restore"]), [""; 0]);
    assert_eq!(home.run(&["logs", "--category", "web"]).code, 2);
    std::fs::rename(home.path("shop.db"), home.path("gone.db")).unwrap();
    assert_eq!(home.run(&["backup", "shop"]).code, 4);
    let lines = |level: &str| home.good(&["logs", "--level", level]);
    assert!(lines("info").contains("check storages"));
    let errors = lines("error");
    assert!(
        errors.contains("the database's file does not exist") && !errors.contains("check storages"),
        "{errors}"
    );
    assert_eq!(home.run(&["logs", "--level", "loud"]).code, 2);
}

#[test]
fn the_environment_says_how_much_is_said() {
    let home = Home::with_shop();
    let said = |levels: &str, words: &[&str]| {
        let ran = Ran::of(home.command(words).env("CADANGKAN_LOG", levels));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stderr
    };
    assert!(said("info", &["backup", "shop"]).contains("dump"));
    assert_eq!(said("warn", &["backup", "shop"]), "");
    assert_eq!(said("info,backup=error", &["backup", "shop"]), "");
    assert!(said("warn,backup=info", &["backup", "shop"]).contains("dump"));
    // What is typed wins.
    assert!(said("warn", &["backup", "shop", "--verbose"]).contains("dump"));
    let ran = Ran::of(home.command(&["backup", "shop"]).env("CADANGKAN_LOG", "web=info"));
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("CADANGKAN_LOG: `web` is no category of the log"), "{}", ran.stderr);
}

/// What a scheduler writes that makes one backup.
fn scheduled(logs: &str) -> (String, Home) {
    let home = Home::configured(&format!("logs: {logs}\nscheduler: {{ sync: \"0 0 29 2 *\" }}\n"));
    crate::support::make_shop(&home.path("shop.db"));
    home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
    home.good(&["schedule", "set", "shop", "--cron", "0 0 29 2 *"]);
    make_due(&home);
    let daemon = Daemon::spawn(home.command(&["daemon"]));
    until("the backup is made", || state_of(&home, "shop") == "completed");
    (daemon.end(), home)
}

#[test]
fn categories_of_the_scheduler_have_levels_of_their_own() {
    let (said, home) = scheduled("{ level: \"warn,application=info,backup=debug\" }");
    let file = std::fs::read_to_string(home.path(".cadangkan/logs/cadangkan.log")).unwrap();
    assert!(said.contains(" application   the scheduler runs"), "{said}");
    assert!(said.contains(" backup ") && said.contains("dump"), "{said}");
    assert!(!said.contains("backup of shop begins"), "{said}");
    // What was missed is an error of the scheduler.
    assert!(said.contains(" ERROR scheduler "), "{said}");
    let targets: std::collections::BTreeSet<String> = file
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["target"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        targets.iter().map(String::as_str).collect::<Vec<_>>(),
        ["application", "backup", "scheduler"]
    );

    let (said, _) = scheduled("{ level: error }");
    assert!(!said.contains("INFO") && !said.contains("WARN"), "{said}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let home = Home::configured("x: 1\n");
    for (written, mistake) in [
        ("{ level: loud }", "`loud` is no level of the log"),
        ("{ level: 7 }", "`level` must be text"),
        ("{ max_size: 1kB }", "`max_size` is not a usable limit"),
        ("{ keep: -1 }", "`keep` is not a usable limit"),
        ("{ max_age: 5m }", "`max_age` is not a usable limit"),
        ("{ kep: 1 }", "did you mean `keep`?"),
    ] {
        home.configure(&format!("logs: {written}\n"));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3);
        assert!(ran.stderr.contains(mistake) && ran.stderr.contains("config.yaml:1:"), "{}", ran.stderr);
    }
    home.configure("logs: { level: debug, max_size: 1MB, keep: 0, max_age: 7d }\n");
    let exported = home.good(&["config", "export"]);
    home.configure(&exported);
    assert_eq!(home.good(&["config", "export"]), exported);
    assert!(exported.contains("keep: 0"), "{exported}");
}
