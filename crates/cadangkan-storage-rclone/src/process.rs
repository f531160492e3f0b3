//! One `rclone`, from its start to its end.

use std::fs::File;
use std::io::{ErrorKind as Io, Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::Settings;
use crate::complaint::Ended;

/// How much of what it says is read.
const MAX_MESSAGE: u64 = 64 * 1024;
/// More than a list of a million objects.
const MAX_OUTPUT: u64 = 512 << 20;

/// How long it may take to end once it has all that it needs: to send what it holds, or to copy a large object. A
/// remote that says nothing meanwhile ends it earlier, by its own `--timeout`.
const END: Duration = Duration::from_secs(3600);
const LOOK: Duration = Duration::from_millis(5);

/// A running `rclone`. Ends with its value.
pub(crate) struct Process {
    child: Child,
    /// Its input or its output.
    pub(crate) stream: Option<UnixStream>,
    /// What it says. A file never makes it wait, as a pipe that nobody reads would.
    messages: File,
}

/// Which of its ends is ours.
#[derive(PartialEq, Eq)]
pub(crate) enum End {
    Input,
    Output,
}

impl Process {
    pub(crate) fn start(settings: &Settings, arguments: &[&str], end: &End) -> Result<Self> {
        let cannot = |error| Error::io("cannot prepare to run rclone", error);
        let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
        ours.set_read_timeout(Some(settings.timeout)).map_err(cannot)?;
        ours.set_write_timeout(Some(settings.timeout)).map_err(cannot)?;
        let messages = tempfile::tempfile().map_err(cannot)?;
        let mut command = Command::new(&settings.program);
        command.args(arguments).args(["--ask-password=false", "--retries", "1", "--low-level-retries", "3"]);
        let seconds = settings.timeout.as_secs().max(1);
        command.args(["--contimeout", "30s", "--timeout", &format!("{seconds}s")]);
        if let Some(config) = &settings.config {
            command.arg("--config").arg(config);
        }
        match end {
            End::Input => command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()),
            End::Output => command.stdin(Stdio::null()).stdout(OwnedFd::from(theirs)),
        };
        command.stderr(Stdio::from(messages.try_clone().map_err(cannot)?));
        // A group of its own: Ctrl-C is for us, who may still need it to end well.
        let child = command.process_group(0).spawn().map_err(|error| {
            let missing = error.kind() == Io::NotFound;
            let error =
                Error::io("cannot start rclone", error).context("program", settings.program.display());
            if !missing {
                return error;
            }
            error.with_kind(ErrorKind::Unreachable).hint("install rclone, or say with `program` where it is")
        })?;
        Ok(Process { child, stream: Some(ours), messages })
    }

    /// Waits for its end. All that it could read must have been written, and all that it wrote have been read.
    pub(crate) fn finish(&mut self) -> Result<std::result::Result<(), Ended>> {
        self.stream = None;
        let begun = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if begun.elapsed() < END => thread::sleep(LOOK),
                Ok(None) => return Err(late("rclone did not end within an hour")),
                Err(error) => return Err(Error::io("cannot wait for rclone", error)),
            }
        };
        if status.success() {
            return Ok(Ok(()));
        }
        let mut said = Vec::new();
        // What cannot be read goes unsaid.
        let _ = self.messages.seek(SeekFrom::Start(0));
        let _ = self.messages.by_ref().take(MAX_MESSAGE).read_to_end(&mut said);
        Ok(Err(Ended { code: status.code(), said: String::from_utf8_lossy(&said).into_owned() }))
    }

    /// Makes an error of one that reading from it or writing to it gave.
    pub(crate) fn explain(&mut self, error: std::io::Error, what: &str, place: &str) -> Error {
        if matches!(error.kind(), Io::WouldBlock | Io::TimedOut) {
            return late(what).context("place", place);
        }
        match self.finish() {
            Ok(Err(ended)) => ended.explain(what, place),
            Ok(Ok(())) | Err(_) => Error::io(what, error).context("place", place),
        }
    }
}

fn late(what: &str) -> Error {
    Error::new(ErrorKind::Timeout, what)
        .retryable()
        .hint("see whether the remote is overloaded; `timeout` of the storage says how long to wait")
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another's.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// Runs one to its end, and returns what it printed.
pub(crate) fn run(
    settings: &Settings,
    arguments: &[&str],
    what: &str,
) -> Result<std::result::Result<Vec<u8>, Ended>> {
    let mut process = Process::start(settings, arguments, &End::Output)?;
    let mut printed = Vec::new();
    if let Some(stream) = process.stream.take() {
        let read = (&stream).take(MAX_OUTPUT).read_to_end(&mut printed);
        read.map_err(|error| process.explain(error, what, &settings.remote))?;
    }
    Ok(process.finish()?.map(|()| printed))
}
