//! Commands that print secrets.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use zeroize::Zeroizing;

use super::{KEY_VARIABLE, LONGEST, PASSPHRASE_VARIABLE, trimmed, wrong};
use crate::process::signal_group;

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a command in the shell and takes what it prints on its standard output.
///
/// Fails with `Timeout` after 30 s, when all that it started is killed. Nothing of what it prints is ever shown, on
/// either stream: it may be the secret.
pub(super) fn fetch(command: &str) -> Result<String> {
    fetch_within(command, LIMIT)
}

fn fetch_within(command: &str, limit: Duration) -> Result<String> {
    let ended = run(Command::new("sh").args(["-c", command]).stderr(Stdio::null()), "", limit)?;
    if !ended.status.success() {
        return Err(Error::new(ErrorKind::Configuration, "the command of a secret failed")
            .context("ended with", ended.status)
            .hint("run it by hand as this user: what it said is not shown, since it may be the secret"));
    }
    trimmed(ended.printed.to_vec())
}

/// What a program printed, and how it ended.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) printed: Zeroizing<Vec<u8>>,
    /// Its messages, where they are a pipe.
    pub(super) said: Zeroizing<Vec<u8>>,
}

/// Runs a program to its end, without a terminal, with an input of at most 4 KiB, which a pipe takes at once.
///
/// Fails with `NotFound` when there is no such program, and with `Timeout` when it takes longer than `limit`: then it is
/// killed, with all that it started.
pub(super) fn run(command: &mut Command, input: &str, limit: Duration) -> Result<Ended> {
    let deadline = Instant::now() + limit;
    let mut child = command
        // It handles one secret, and needs no other.
        .env_remove(KEY_VARIABLE)
        .env_remove(PASSPHRASE_VARIABLE)
        .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| Error::io("cannot run the command of a secret", error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends without reading says why by itself.
        let _ = stdin.write_all(input.as_bytes());
    }
    let ended = follow(&mut child, deadline);
    if ended.is_err() {
        kill(&mut child);
    }
    ended
}

fn follow(child: &mut Child, deadline: Instant) -> Result<Ended> {
    let printed = child.stdout.take().map(|output| read(output, deadline)).transpose()?.unwrap_or_default();
    let said = child.stderr.take().map(|output| read(output, deadline)).transpose()?.unwrap_or_default();
    Ok(Ended { status: wait(child, deadline)?, printed, said })
}

/// Reads to the end of the output, which comes when everything that could write to it has ended.
fn read(mut output: impl Read + AsFd, deadline: Instant) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error| Error::io("cannot read what the command of a secret prints", error);
    let (mut bytes, mut buffer) = (Zeroizing::new(Vec::new()), Zeroizing::new([0; 4096]));
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(too_long());
        }
        if bytes.len() > LONGEST {
            return Err(wrong("is longer than 64 KiB"));
        }
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(30),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(failed(error.into())),
        }
        match output.read(buffer.as_mut()).map_err(failed)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}

fn wait(child: &mut Child, deadline: Instant) -> Result<ExitStatus> {
    let failed = |error| Error::io("cannot wait for the command of a secret", error);
    loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            return Err(too_long());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills the command with all that it started, and takes it off the list of processes.
fn kill(child: &mut Child) {
    signal_group(child, Signal::KILL);
    let _ = child.kill();
    let _ = child.wait();
}

fn too_long() -> Error {
    Error::new(ErrorKind::Timeout, "the command of a secret did not end within 30 seconds")
        .hint("it may be waiting for an answer: it has no terminal and no input here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_is_taken_off() {
        assert_eq!(fetch("printf 'a b\\n\\n'").unwrap(), "a b\n");
        assert_eq!(fetch("printf 'hunter2'").unwrap(), "hunter2");
    }

    #[test]
    fn failures_never_show_what_was_printed() {
        let error = fetch("echo MARKED; echo MARKED >&2; exit 3").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error} {error:?} {:?}", error.advice()).contains("MARKED"));
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        for nothing in ["true", "printf '\\n'", "printf 'a\\0b'", "yes | head -c 100000"] {
            assert_eq!(fetch(nothing).unwrap_err().kind(), ErrorKind::Configuration, "{nothing}");
        }
    }

    #[test]
    fn a_command_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let command = format!("sleep 600 & echo $! > '{}'; wait", file.display());
        let began = Instant::now();
        let error = fetch_within(&command, Duration::from_millis(700)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!(began.elapsed() < Duration::from_secs(60));
        let child = std::fs::read_to_string(&file).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", child.trim()));
        // It is gone, or what is left of it waits to be collected by the first process.
        while state().is_ok_and(|state| !state.contains(") Z ")) {
            assert!(began.elapsed() < Duration::from_secs(60), "the child still runs");
        }
    }

    #[test]
    fn the_master_key_is_not_handed_on() {
        assert_eq!(fetch(&format!("printf '[%s]' \"${KEY_VARIABLE}\"")).unwrap(), "[]");
    }
}
