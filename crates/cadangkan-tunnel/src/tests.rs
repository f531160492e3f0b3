//! What needs no SSH server: programs that take the place of `ssh`.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::*;

const LIMIT: Duration = Duration::from_secs(30);

fn tunnel(program: &Path, limit: usize) -> Tunnel {
    let settings = SshSettings::parse("me@bastion").unwrap();
    Tunnel::open_with(program.as_os_str(), limit, &settings, "localhost", 5432).unwrap()
}

fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("program");
    // Written by another process: a program that this one has open for writing in any thread cannot be started.
    let write = Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\n%s\n' \"$1\" > \"$0\""])
        .arg(&path)
        .arg(text)
        .status();
    assert!(write.unwrap().success());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn connect(tunnel: &Tunnel) -> TcpStream {
    let stream = TcpStream::connect_timeout(&tunnel.address(), LIMIT).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream
}

/// Connects, and waits until the connection is cut.
fn fail(tunnel: &Tunnel) -> Error {
    assert_eq!(connect(tunnel).read(&mut [0; 1]).unwrap_or(0), 0);
    tunnel.explain(Error::new(ErrorKind::Timeout, "no answer"))
}

fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !happened() {
        assert!(begin.elapsed() < LIMIT, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_missing_ssh_is_named() {
    let error = fail(&tunnel("no-such-program-as-ssh".as_ref(), 1));
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.message().contains("cannot start ssh"), "{error}");
    assert!(error.advice().unwrap().contains("openssh-client"), "{error}");
    assert!(error.chain().contains(&"no answer".to_owned()), "{error:?}");
}

#[test]
fn other_failures_stay_what_they_are() {
    let error = tunnel("true".as_ref(), 1).explain(Error::new(ErrorKind::Timeout, "no answer"));
    assert_eq!(
        (error.kind(), error.to_string()),
        (ErrorKind::Timeout, "no answer (SSH host: bastion)".to_owned())
    );
}

#[test]
fn what_succeeds_is_no_reason() {
    let folder = tempfile::tempdir().unwrap();
    let talks = tunnel(&script(folder.path(), "echo a banner >&2"), 1);
    assert_eq!(fail(&talks).kind(), ErrorKind::Timeout);
}

#[test]
fn one_connection_too_many_is_refused_aloud_and_makes_room_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    // Like ssh, it ends with its input.
    let waits = tunnel(&script(folder.path(), "exec cat > /dev/null"), 2);
    let open = [connect(&waits), connect(&waits)];
    wait_until("two connections", || waits.shared.connections.load(Ordering::SeqCst) == 2);
    let error = fail(&waits);
    assert!(error.message().contains("2 connections are open"), "{error}");
    drop(open);
    wait_until("room", || waits.shared.connections.load(Ordering::SeqCst) == 0);
    let _again = connect(&waits);
    wait_until("a connection", || waits.shared.connections.load(Ordering::SeqCst) == 1);
}

#[test]
fn much_talk_holds_nothing_up_and_its_end_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let talk = "i=0; while [ $i -lt 20000 ]; do echo noise $i noise noise >&2; i=$((i+1)); done; echo why >&2; exit 255";
    let error = fail(&tunnel(&script(folder.path(), talk), 1));
    assert!(error.message().ends_with("noise 19999 noise noise; why"), "{error}");
}

#[test]
fn what_ssh_leaves_behind_holds_no_explanation_up() {
    let folder = tempfile::tempdir().unwrap();
    // The child has the script's standard error and nothing else.
    let leaves = "sleep 60 > /dev/null < /dev/null & echo $! > \"$0.pid\"; echo why >&2; exit 255";
    let program = script(folder.path(), leaves);
    let error = fail(&tunnel(&program, 1));
    assert!(error.message().ends_with(": why"), "{error}");
    let left = fs::read_to_string(folder.path().join("program.pid")).unwrap();
    Command::new("kill").arg(left.trim()).status().unwrap();
}

#[test]
fn closing_ends_even_what_does_not_want_to_end() {
    let folder = tempfile::tempdir().unwrap();
    // Neither the program nor what it started heeds SIGTERM.
    let stubborn = "trap '' TERM; sh -c 'while :; do sleep 1; done' & echo $$ $! > \"$0.new\"; mv \"$0.new\" \"$0.pid\"; wait; sleep 60";
    let held = tunnel(&script(folder.path(), stubborn), 1);
    let _stream = connect(&held);
    let pids = folder.path().join("program.pid");
    wait_until("the program", || pids.exists());
    let begin = Instant::now();
    drop(held);
    assert!(begin.elapsed() < LIMIT);
    for pid in fs::read_to_string(pids).unwrap().split_whitespace() {
        let stat = PathBuf::from(format!("/proc/{pid}/stat"));
        // An orphan may stay a zombie until its new parent looks.
        wait_until("the end", || fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z ")));
    }
}

#[test]
fn nonsense_opens_nothing() {
    let settings = SshSettings::parse("bastion").unwrap();
    let bad = SshSettings { host: "-oProxyCommand=id".to_owned(), ..settings.clone() };
    assert_eq!(Tunnel::open(&bad, "db", 1).err().unwrap().kind(), ErrorKind::Usage);
    assert_eq!(Tunnel::open(&settings, "/run/postgresql", 1).err().unwrap().kind(), ErrorKind::Usage);
}
