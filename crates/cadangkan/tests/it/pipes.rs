//! Readers that read no further, and readers that are no terminal.

use std::io::Read;
use std::process::Stdio;

use crate::support::Home;

/// Runs with a reader of the standard output that goes away at once.
fn unread(home: &Home, arguments: &[&str]) -> (i32, String) {
    let mut child = home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    (child.wait().unwrap().code().unwrap(), stderr)
}

#[test]
fn nobody_reads_the_result() {
    let home = Home::with_shop();
    home.back_up();
    for arguments in [
        &["--help"][..],
        &["completions", "bash"],
        &["list"],
        &["list", "--output", "json"],
        &["backups", "list", "--output", "json"],
        &["config", "export"],
        &["init", "--dry-run"],
    ] {
        assert_eq!(unread(&home, arguments), (0, String::new()), "{arguments:?}");
    }
    // The backup is made all the same.
    assert_eq!(unread(&home, &["backup", "shop", "--quiet"]), (0, String::new()));
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 2);
}

#[test]
fn nobody_reads_the_messages() {
    let home = Home::with_shop();
    for (arguments, code) in [(&["backup", "shop"][..], 0), (&["backup", "nope"], 4), (&["bakcup"], 2)] {
        let mut child = home.command(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
    }
    assert_eq!(home.json(&["backups", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn pipes_get_no_colours() {
    let home = Home::with_shop();
    home.back_up();
    for arguments in [
        &["list"][..],
        &["status"],
        &["backups", "list"],
        &["backup", "shop"],
        &["backup", "nope"],
        &["help"],
    ] {
        let ran = home.run(arguments);
        assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{arguments:?}");
    }
    // And plain marks where the locale knows no others.
    let ran = crate::support::Ran::of(home.command(&["backup", "shop"]).env("LANG", "C"));
    assert!(ran.stdout.starts_with("+ Backup complete") && ran.stderr.is_ascii(), "{}", ran.stdout);
}

#[test]
fn quiet_leaves_the_result_and_the_errors() {
    let home = Home::with_shop();
    let ran = home.run(&["backup", "shop", "--quiet"]);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.contains("Backup ID:") && !ran.stdout.contains("Next steps"), "{}", ran.stdout);
    let ran = home.run(&["restore", "shop", "--yes", "-q"]);
    assert_eq!(ran.stderr, "");
    let ran = home.run(&["backup", "nope", "-q"]);
    assert!(ran.stderr.contains("there is no database"), "{}", ran.stderr);
}
