//! The daemon as a service: what would be done, and what is handed on. Nothing here changes the machine.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Home, Ran};

/// A program of this name that says what it is called with, and ends with this code.
fn stand_in(home: &Home, program: &str, code: u8) {
    let file = home.path("bin").join(program);
    std::fs::create_dir_all(home.path("bin")).unwrap();
    std::fs::write(&file, format!("#!/bin/sh\necho \"called with $*\"\nexit {code}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_dry_run_shows_the_unit_and_the_steps() {
    let home = Home::empty();
    let folders = ["--allow-write", "disk one", "--allow-write", "/mnt/b", "--protect-home", "no"];
    let text = home.good(&[&["service", "install", "--dry-run"], &folders[..]].concat());
    let folder = format!("\nReadWritePaths=\"-{}\"\n", home.path("disk one").display());
    for part in [
        concat!("\nExecStart=", env!("CARGO_BIN_EXE_cadangkan"), " daemon\n"),
        folder.as_str(),
        "\nReadWritePaths=-/mnt/b\n",
        "\nProtectHome=no\n",
        "\nSteps:\n",
        "  write /etc/systemd/system/cadangkan.service (mode 0644)\n  systemctl daemon-reload\n",
        "nothing was changed",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let value = home.json(&["service", "install", "--dry-run"]);
    assert!(value["installed"] == false && value["content"].as_str().unwrap().starts_with("# Made by"));
    let text = home.good(&["service", "uninstall", "--dry-run"]);
    assert!(text.contains("  systemctl disable --now cadangkan\n") && text.contains("/var/lib/cadangkan"));
    assert!(!home.path(".cadangkan").exists());
}

#[test]
fn a_program_that_the_service_would_not_see_is_told() {
    let home = Home::empty();
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let program = folder.path().join("cadangkan");
    std::fs::copy(env!("CARGO_BIN_EXE_cadangkan"), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command.args(["service", "install", "--dry-run"]).env("HOME", home.path(""));
    let ran = Ran::of(&mut command);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("But this would be refused: the service would not see this program: /tmp is hidden"),
        "{}",
        ran.stdout
    );
}

#[test]
fn commands_are_handed_on_with_their_exit_code() {
    let home = Home::empty();
    // What fails where systemd does not run gets our word beside its own.
    let runs = std::path::Path::new("/run/systemd/system").is_dir();
    for (verb, called) in [
        ("start", "start cadangkan"),
        ("stop", "stop cadangkan"),
        ("restart", "restart cadangkan"),
        ("status", "status --no-pager cadangkan"),
    ] {
        for code in [0, 3] {
            stand_in(&home, "systemctl", code);
            let ran = Ran::of(home.command(&["service", verb]).env("PATH", home.path("bin")));
            let expected = if code == 0 || runs { i32::from(code) } else { 12 };
            assert_eq!(
                (ran.code, ran.stdout),
                (expected, format!("called with {called}\n")),
                "{}",
                ran.stderr
            );
            assert_eq!(ran.stderr.contains("run `cadangkan daemon`"), expected == 12, "{}", ran.stderr);
        }
        let ran = Ran::of(home.command(&["service", verb]).env("PATH", home.path("")));
        assert!(ran.code == 12 && ran.stderr.contains("run `cadangkan daemon`"), "{}", ran.stderr);
    }
}

#[test]
fn logs_come_from_the_home_folder_where_there_is_no_unit() {
    let home = Home::empty();
    let ran = home.run(&["service", "logs"]);
    assert!(ran.code == 4 && ran.stderr.contains("no daemon has written a log yet"), "{}", ran.stderr);
    std::fs::create_dir_all(home.path(".cadangkan/logs")).unwrap();
    std::fs::write(home.path(".cadangkan/logs/cadangkan.log"), "one\ntwo\n").unwrap();
    assert_eq!(home.good(&["service", "logs"]), "one\ntwo\n");
    let shown = home.good(&["service", "logs", "--follow", "--dry-run"]);
    assert!(
        shown.contains("tail -n 200 -F ") && shown.ends_with(".cadangkan/logs/cadangkan.log\n"),
        "{shown}"
    );
}

#[test]
fn wrong_use_is_refused() {
    let home = Home::empty();
    for (arguments, code, told) in [
        (&["service"][..], 2, "Usage"),
        (&["service", "install", "--protect-home", "maybe"], 2, "read-only"),
        (&["service", "install", "--dry-run", "--allow-write", "a'b"], 12, "cannot stand in the file"),
        (&["service", "uninstall", "--yes"], 4, "not installed"),
    ] {
        let ran = home.run(arguments);
        assert!(ran.code == code && (ran.stderr + &ran.stdout).contains(told), "{arguments:?}: {}", ran.code);
    }
}
