//! A disk that fails, played by strace.

use std::path::Path;
use std::process::Command;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Local, Storage, WriteOptions};

use crate::support::{can_run, child_folder, key, names, put, run_child};

/// Runs a test again under a strace that lets calls fail, and tells whether that was possible.
fn run_with_fault(test: &str, fault: &str, place: &Path) -> bool {
    let strace = |arguments: &[&str]| {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync"]).args(arguments);
        command
    };
    let works = strace(&["true"]).output().is_ok_and(|output| output.status.success());
    if can_run(works, "strace and the right to trace") {
        run_child(strace(&["-e", &format!("inject={fault}")]), test, place);
    }
    works
}

/// The object must not appear, and the error must say what it is.
fn expect_failure(storage: &Local, length: usize, overwrite: bool) {
    let mut writer =
        storage.begin_write(&key("archive"), WriteOptions { overwrite, ..WriteOptions::default() }).unwrap();
    let written = (0..length / 65536).try_for_each(|_| writer.write(&[5; 65536]));
    let error = written.and_then(|()| writer.close().map(drop)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert!(error.chain().last().unwrap().contains("Input/output error"), "{error:?}");
    assert!(error.advice().unwrap().contains("dmesg"), "{error:?}");
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn a_failed_fsync_of_the_file_leaves_the_old_object() {
    if let Some(place) = child_folder() {
        return expect_failure(&Local::new(place), 65536, true);
    }
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    put(&storage, "archive", b"old").unwrap();
    let test = "local::faults::a_failed_fsync_of_the_file_leaves_the_old_object";
    if run_with_fault(test, "fsync,fdatasync:error=EIO", place.path()) {
        assert_eq!(std::fs::read(place.path().join("archive")).unwrap(), b"old");
    }
}

#[test]
fn a_failed_fsync_of_the_folder_takes_the_name_back() {
    if let Some(place) = child_folder() {
        return expect_failure(&Local::new(place), 65536, false);
    }
    let place = tempfile::tempdir().unwrap();
    let test = "local::faults::a_failed_fsync_of_the_folder_takes_the_name_back";
    if run_with_fault(test, "fsync:error=EIO:when=2", place.path()) {
        assert!(names(&Local::new(place.path())).is_empty());
    }
}

#[test]
fn a_failed_flush_while_writing_fails_the_writer() {
    if let Some(place) = child_folder() {
        return expect_failure(&Local::new(place), 70 << 20, false);
    }
    let place = tempfile::tempdir().unwrap();
    let test = "local::faults::a_failed_flush_while_writing_fails_the_writer";
    if run_with_fault(test, "fdatasync:error=EIO:when=1", place.path()) {
        assert!(names(&Local::new(place.path())).is_empty());
    }
}
