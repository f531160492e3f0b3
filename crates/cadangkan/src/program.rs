//! Programs of others, watched: their time is limited, they end with all that they started, what they print is kept in part.

use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use cadangkan_core::Cancel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::process::signal_group;
use crate::ui::escape;

/// How long is waited between two looks at a command.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command that was asked to end may take for it, and how long one that was killed.
const GRACE: Duration = Duration::from_secs(3);
/// The most bytes of the output that are kept: the last ones.
const KEPT: usize = 64 << 10;
/// The most lines of it that are told, then the most characters of one.
const LINES: usize = 200;
const CHARACTERS: usize = 1000;
/// Reads of what is left of the output once a command has ended: what it left running may go on writing for ever.
const LAST_READS: usize = 64;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By itself.
    Ended(ExitStatus),
    /// It was ended, since its time was over.
    TookTooLong,
    /// It was ended, since somebody asked to stop.
    Stopped,
}

/// Runs a program to its end; its standard input is as the caller set it, its output is kept.
///
/// It ends together with all that it started when `timeout` is over or somebody asks to stop. What it leaves running otherwise is
/// not waited for. Fails when it cannot be started or watched.
pub(crate) fn run(
    command: &mut Command,
    timeout: Duration,
    cancel: &Cancel,
) -> std::io::Result<(How, Printed)> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(Stdio::from(writer.try_clone()?)).stderr(writer).process_group(0);
    let started = command.spawn();
    // The command held the other end of the pipe.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = started?;
    let mut output = Output { reader: Some(reader), printed: Printed::default() };
    let watched = watch(&mut child, &mut output, Instant::now() + timeout, cancel);
    if !matches!(watched, Ok(true)) {
        end(&mut child, &mut output)?;
    }
    output.read_rest();
    let how = match watched? {
        true => How::Ended(child.wait()?),
        false if cancel.is_cancelled() => How::Stopped,
        false => How::TookTooLong,
    };
    Ok((how, output.printed))
}

/// Waits for the end of a command; tells whether it ended by itself.
fn watch(
    child: &mut Child,
    output: &mut Output,
    deadline: Instant,
    cancel: &Cancel,
) -> std::io::Result<bool> {
    loop {
        output.read(LOOK)?;
        if has_ended(child)? {
            return Ok(true);
        }
        if cancel.is_cancelled() || Instant::now() >= deadline {
            return Ok(false);
        }
    }
}

/// Ends a command with all that it started: asks, and then kills.
fn end(child: &mut Child, output: &mut Output) -> std::io::Result<()> {
    signal_group(child, Signal::TERM);
    wait(child, output)?;
    // Its number is its own until it is waited for; whatever of its group is left goes too.
    signal_group(child, Signal::KILL);
    wait(child, output)?;
    if has_ended(child)? { child.wait().map(drop) } else { Ok(()) }
}

fn wait(child: &mut Child, output: &mut Output) -> std::io::Result<()> {
    let deadline = Instant::now() + GRACE;
    while !has_ended(child)? && Instant::now() < deadline {
        output.read(LOOK)?;
    }
    Ok(())
}

/// Tells whether a command has ended, and leaves it to be waited for: until then nobody else gets its number.
fn has_ended(child: &Child) -> std::io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some())
}

/// What a command prints.
struct Output {
    /// Until everything that could write has ended.
    reader: Option<PipeReader>,
    printed: Printed,
}

impl Output {
    /// Waits a while for output and takes what there is; tells whether there was any.
    fn read(&mut self, wait: Duration) -> std::io::Result<bool> {
        let Some(reader) = &mut self.reader else {
            std::thread::sleep(wait);
            return Ok(false);
        };
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&*reader, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let mut buffer = [0; 16 << 10];
        let count = reader.read(&mut buffer)?;
        if count == 0 {
            self.reader = None;
        }
        self.printed.take(buffer.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    /// Takes what was printed before the end.
    fn read_rest(&mut self) {
        for _ in 0..LAST_READS {
            if self.reader.is_none() || !self.read(Duration::ZERO).unwrap_or(false) {
                return;
            }
        }
    }
}

/// The end of what was printed.
#[derive(Default)]
pub(crate) struct Printed {
    last: VecDeque<u8>,
    left_out: u64,
}

impl Printed {
    fn take(&mut self, bytes: &[u8]) {
        self.last.extend(bytes);
        let over = self.last.len().saturating_sub(KEPT);
        self.last.drain(..over);
        self.left_out += over as u64;
    }

    /// The last lines, safe for a terminal.
    pub(crate) fn lines(&self) -> Vec<String> {
        let bytes: Vec<u8> = self.last.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().collect();
        let skipped = all.len().saturating_sub(LINES);
        let mut lines = Vec::new();
        if self.left_out > 0 || skipped > 0 {
            lines.push("what it said before is left out".to_owned());
        }
        let clipped = |line: &&str| escape(&line.chars().take(CHARACTERS).collect::<String>()).into_owned();
        lines.extend(all.iter().skip(skipped).map(clipped));
        lines
    }
}
