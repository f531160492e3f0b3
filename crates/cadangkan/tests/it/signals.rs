//! Ctrl-C and its relatives, while a backup is made and while a question waits.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::pty::{Terminal, as_shown};
use crate::support::{Home, make_big};

/// As slow as it gets, so that the backup is still under way when it is stopped.
const SLOWLY: [&str; 6] = ["backup", "big", "--compression", "xz", "--level", "9"];

/// A database that takes many seconds to compress.
fn home_with_big() -> Home {
    let home = Home::empty();
    make_big(&home.path("big.db"), 64);
    home.good(&["add", "sqlite", "big", "--path", "big.db"]);
    home
}

/// Starts a backup, and returns when it dumps.
fn start(home: &Home) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = home.command(&SLOWLY).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("✓ begin draft") {
        line.clear();
        assert_ne!(messages.read_line(&mut line).unwrap(), 0, "the backup ended");
    }
    (child, messages)
}

/// Nothing is left in the storage, and the run is recorded as cancelled.
fn nothing_is_left(home: &Home, runs: usize) {
    assert_eq!(home.files(".cadangkan/backups"), Vec::<std::path::PathBuf>::new());
    assert_eq!(home.json(&["backups", "list"]), serde_json::json!([]));
    let info = home.json(&["info", "big"]);
    let statuses: Vec<_> =
        info["runs"].as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, vec!["cancelled"; runs]);
    // A person stopped it: that is no failure to worry about.
    assert!(home.good(&["status"]).contains("no backup"));
}

#[test]
fn signals_stop_a_backup_cleanly() {
    let home = home_with_big();
    for (count, signal) in [Signal::INT, Signal::TERM, Signal::HUP].into_iter().enumerate() {
        let (mut child, mut messages) = start(&home);
        if count == 0 {
            a_second_backup_says_who_has_it(&home, child.id());
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let mut rest = String::new();
        messages.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
        assert!(rest.contains("✗ dump") && rest.contains("stopped on request"), "{rest}");
        assert!(rest.contains("nothing was kept of this backup"), "{rest}");
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(stdout, "");
        nothing_is_left(&home, count + 1);
    }
}

fn a_second_backup_says_who_has_it(home: &Home, first: u32) {
    for arguments in [&["backup", "big"][..], &["cleanup", "big"]] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 6, "{arguments:?}");
        assert!(ran.stderr.contains(&format!("\"big\" is in use by pid {first} on ")), "{}", ran.stderr);
        assert!(ran.stderr.contains("--wait"), "{}", ran.stderr);
    }
    assert!(home.good(&["status"]).contains("backup running"));
}

#[test]
fn ctrl_c_on_a_terminal_stops_a_backup_cleanly() {
    let home = home_with_big();
    let mut terminal = Terminal::start(&home, &SLOWLY, &[]);
    terminal.expect("begin draft");
    terminal.expect("dump");
    // The bar has a length by now.
    terminal.expect("MB");
    terminal.press("\u{3}");
    let (code, screen) = terminal.end();
    assert_eq!(code, 130, "{screen}");
    let shown = as_shown(&screen);
    assert!(shown.contains("stopped on request"), "{shown}");
    let of_dump: Vec<_> = shown.lines().filter(|line| line.contains("dump")).collect();
    assert!(matches!(of_dump[..], [line] if line.starts_with("✗ dump")), "{shown}");
    nothing_is_left(&home, 1);
}

#[test]
fn a_killed_run_is_shown_as_what_it_is() {
    let home = home_with_big();
    let (mut child, _messages) = start(&home);
    kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let info = home.json(&["info", "big"]);
    assert_eq!(info["runs"][0]["status"], "failed", "{info}");
}

#[test]
fn ctrl_c_at_a_question_changes_nothing() {
    let home = Home::with_shop();
    home.back_up();
    for arguments in [&["restore", "shop"][..], &["remove", "shop"]] {
        let mut terminal = Terminal::start(&home, arguments, &[]);
        terminal.expect("[y/N] ");
        terminal.press("\u{3}");
        let (code, screen) = terminal.end();
        assert_eq!(code, 130, "{screen}");
        assert!(screen.contains("nothing was changed"), "{screen}");
    }
    assert_eq!(home.json(&["list"]).as_array().unwrap().len(), 1);
    let mut terminal = Terminal::start(&home, &[], &[]);
    terminal.expect("Databases:  1");
    assert_eq!(terminal.end().0, 0);
}
