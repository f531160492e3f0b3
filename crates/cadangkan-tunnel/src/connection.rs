//! One connection: one `ssh`, from its start to its end.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::Shared;
use crate::complaint::Complaint;

/// How often a connection looks whether the tunnel closes.
const TICK: Duration = Duration::from_millis(100);

/// How long to wait between two looks whether `ssh` has ended, when that is expected.
const LOOK: Duration = Duration::from_millis(10);

/// How many looks `ssh` has to end when asked to: a second.
const PATIENCE: u32 = 100;

/// How much of what one `ssh` says is kept: the end of it.
const MAX_MESSAGE: usize = 4 * 1024;

/// Connects a socket by an `ssh` of its own; returns when that has ended. Ends it when the tunnel closes.
pub(crate) fn serve(stream: TcpStream, mut command: Command, shared: &Shared) {
    let (mut child, messages) = match start(&stream, &mut command) {
        Ok(started) => started,
        // The complaint comes before the connection is cut.
        Err(error) => return shared.complaints.add(Complaint::not_started("ssh", &error)),
    };
    // From now on the socket is ssh's alone, and is closed when ssh ends.
    drop((stream, command));
    let said = listen(&child, messages, shared);
    if shared.closing() {
        end(&child);
    }
    match child.wait() {
        Ok(status) if !status.success() && !shared.closing() => {
            shared.complaints.add(Complaint::ended(status, &said));
        }
        // All is well, or nobody asks any more; a failure to wait means that the system has reaped it.
        _ => {}
    }
}

/// Starts `ssh`; what it says comes from the returned socket, which unlike a pipe can be read with a timeout.
fn start(stream: &TcpStream, command: &mut Command) -> io::Result<(Child, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_read_timeout(Some(TICK))?;
    command.stdin(OwnedFd::from(stream.try_clone()?)).stdout(OwnedFd::from(stream.try_clone()?));
    command.stderr(Stdio::from(OwnedFd::from(theirs)));
    // A group of its own: Ctrl-C is for us, who may still need the connection to end well.
    Ok((command.process_group(0).spawn()?, ours))
}

/// Returns what `ssh` said once it has ended, or when the tunnel closes. Does not reap it.
///
/// What `ssh` started itself, such as a `ProxyCommand`, may hold its end of `messages` for longer than it lives.
fn listen(child: &Child, mut messages: UnixStream, shared: &Shared) -> Vec<u8> {
    let mut said = Vec::new();
    let mut buffer = [0; MAX_MESSAGE];
    while !shared.closing() {
        // Asked before reading, so that all that was said before the end is read after it.
        let over = is_over(child);
        // It fails for want of anything to read; other failures come to the same.
        let count = messages.read(&mut buffer).unwrap_or_default();
        said.extend_from_slice(buffer.get(..count).unwrap_or_default());
        said.drain(..said.len().saturating_sub(MAX_MESSAGE));
        if count == 0 {
            if over {
                break;
            }
            // When it has closed its standard error, reading does not wait.
            thread::sleep(LOOK);
        }
    }
    said
}

/// Ends `ssh` and what it started: asks first, so that it can end its side of the connection. Does not reap it, so
/// that its number, which is that of its group, is not another's before the last signal.
fn end(child: &Child) {
    let group = Pid::from_child(child);
    let _ = kill_process_group(group, Signal::TERM);
    for _ in 0..PATIENCE {
        if is_over(child) {
            break;
        }
        thread::sleep(LOOK);
    }
    let _ = kill_process_group(group, Signal::KILL);
}

fn is_over(child: &Child) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    !matches!(waitid(WaitId::Pid(Pid::from_child(child)), options), Ok(None))
}
