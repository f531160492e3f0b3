use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use cadangkan_core::{Cancel, NoReporter};
use cadangkan_testkit::FakeClock;

use super::*;

fn program(folder: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join("pg_dump");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn versions_are_read() {
    assert_eq!(parse_version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0)\n"), Some((15, "15.18".into())));
    assert_eq!(parse_version("pg_dump (PostgreSQL) 19devel"), Some((19, "19devel".into())));
    for other in ["", "pg_dump", "mysqldump 8.0", "pg_dump (PostgreSQL) x"] {
        assert_eq!(parse_version(other), None, "{other}");
    }
}

#[test]
fn what_is_missing_or_too_old_is_said_with_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    let missing = find("pg_dump", 15, Some(folder.path())).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Unsupported);
    assert!(missing.advice().unwrap().contains("postgresql-client-15"), "{missing:?}");

    program(folder.path(), "echo 'pg_dump (PostgreSQL) 14.2'");
    let old = find("pg_dump", 15, Some(folder.path())).unwrap_err();
    assert!(old.to_string().contains("14.2 is older than the server"), "{old}");
    assert_eq!(find("pg_dump", 14, Some(folder.path())).unwrap().major, 14);

    program(folder.path(), "echo something else");
    assert!(
        find("pg_dump", 12, Some(folder.path())).unwrap_err().to_string().contains("there is no pg_dump")
    );
}

#[test]
fn a_program_that_says_nothing_any_more_is_given_up() {
    let (cancel, clock) = (Cancel::default(), FakeClock::default());
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
    let folder = tempfile::tempdir().unwrap();
    let run = |text: &str, silence: Duration| {
        let mut running = Running::start("pg_dump", Command::new(program(folder.path(), text))).unwrap();
        running.silence = silence;
        running.finish(&control)
    };
    let error = run("echo begun; exec sleep 600", Duration::from_millis(300)).err().unwrap();
    assert!(error.kind() == ErrorKind::Timeout && error.advice().is_some(), "{error:?}");
    // It may take longer than that as long as it says something.
    let talking = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done";
    let output = run(talking, Duration::from_secs(3)).unwrap();
    assert_eq!(output.stdout, b"1\n2\n3\n4\n5\n6\n7\n8\n");
}
