//! Ends the process between any two steps, as `kill -9` would, and looks at what is left.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use super::*;
use crate::wal::beside;

const STEPS_VARIABLE: &str = "CADANGKAN_TEST_STEPS";
const FOLDER_VARIABLE: &str = "CADANGKAN_TEST_FOLDER";

fn placement(folder: &Path, expected: Target) -> Placement {
    Placement {
        new: folder.join(".shop.db.restoring-0000000000000000"),
        path: folder.join("shop.db"),
        kept: Some(folder.join("shop.db.before-restore-2026-01-15-143022")),
        expected,
        busy_timeout: Duration::from_millis(300),
    }
}

/// The child process: takes some steps, then is gone without any clean-up.
#[test]
#[ignore = "the process that dies in the other tests"]
#[allow(clippy::disallowed_methods, reason = "how the parent process tells what to do")]
fn dies_after_some_steps() {
    let (Some(steps), Some(folder)) = (std::env::var_os(STEPS_VARIABLE), std::env::var_os(FOLDER_VARIABLE))
    else {
        return;
    };
    let steps: usize = steps.to_str().unwrap().parse().unwrap();
    let folder = PathBuf::from(folder);
    let expected = match std::fs::read(folder.join("shop.db")) {
        Err(_) => Target::Absent,
        Ok(bytes) if crate::header::is_sqlite(&bytes) => Target::Database { tables: 1 },
        Ok(_) => Target::Damaged { why: String::new() },
    };
    let mut run = Run { placement: placement(&folder, expected), old: Old::Absent, notes: Vec::new() };
    for step in STEPS.iter().take(steps) {
        step(&mut run).unwrap();
    }
    std::process::abort();
}

/// What the database under a name holds: which one it is.
fn content(path: &Path) -> Option<String> {
    if !path.exists() {
        return None;
    }
    let connection = Connection::open(path).unwrap();
    let integrity: rusqlite::Result<String> =
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    if integrity.as_deref() != Ok("ok") {
        return None;
    }
    connection.query_row("SELECT group_concat(word, ' ') FROM words", [], |row| row.get(0)).ok()
}

fn make_new(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE words(word); INSERT INTO words VALUES ('new')",
        )
        .unwrap();
}

/// An old database whose last word is in its log only, as a program that was killed leaves it.
fn make_old(path: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let live = folder.path().join("live.db");
    let connection = Connection::open(&live).unwrap();
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE words(word);
            INSERT INTO words VALUES ('old'); PRAGMA wal_checkpoint; INSERT INTO words VALUES ('log')",
        )
        .unwrap();
    std::fs::copy(&live, path).unwrap();
    std::fs::copy(beside(&live, "-wal"), beside(path, "-wal")).unwrap();
}

fn die_after(steps: usize, folder: &Path) {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["load::place::tests::dies_after_some_steps", "--exact", "--ignored", "--quiet"])
        .env(STEPS_VARIABLE, steps.to_string())
        .env(FOLDER_VARIABLE, folder)
        .output()
        .unwrap()
        .status;
    assert!(!status.success());
}

#[test]
fn a_crash_between_any_two_steps_leaves_a_whole_database() {
    for steps in 0..=STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        let place = placement(folder.path(), Target::Database { tables: 1 });
        make_old(&place.path);
        make_new(&place.new);
        die_after(steps, folder.path());
        let found = content(&place.path).unwrap();
        assert!(["old log", "new"].contains(&found.as_str()), "after {steps}: {found}");
        assert_eq!(found == "new", steps > 6, "after {steps}");
        if let Some(kept) = content(place.kept.as_deref().unwrap()) {
            assert_eq!(kept, "old log", "after {steps}");
        } else {
            assert!(steps < 3, "after {steps} the old one has its second name");
        }
    }
}

#[test]
fn a_crash_beside_a_damaged_database_loses_none_of_its_files() {
    for steps in 0..=STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        let place = placement(folder.path(), Target::Damaged { why: String::new() });
        std::fs::write(&place.path, [9; 5000]).unwrap();
        std::fs::write(beside(&place.path, "-wal"), "log").unwrap();
        make_new(&place.new);
        die_after(steps, folder.path());
        let kept = place.kept.as_deref().unwrap();
        let old = [place.path.as_path(), kept]
            .into_iter()
            .any(|path| std::fs::read(path).is_ok_and(|b| b == [9; 5000]));
        let log = [&place.path, kept]
            .into_iter()
            .any(|path| std::fs::read(beside(path, "-wal")).is_ok_and(|b| b == b"log"));
        assert!(old && log, "after {steps}");
        assert_eq!(content(&place.path).as_deref() == Some("new"), steps > 6, "after {steps}");
    }
}

#[test]
fn a_crash_at_a_new_place_leaves_all_or_nothing() {
    for steps in 0..=STEPS.len() {
        let folder = tempfile::tempdir().unwrap();
        let place = placement(folder.path(), Target::Absent);
        make_new(&place.new);
        die_after(steps, folder.path());
        let expected = (steps > 6).then_some("new");
        assert_eq!(content(&place.path).as_deref(), expected, "after {steps}");
    }
}
