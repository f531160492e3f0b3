//! One `ssh` that runs the SFTP server of its host, and the socket to that.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::complaint;
use crate::settings::{Secret, Settings};

/// How much of what `ssh` said is read: more than it says before it ends.
const MAX_MESSAGE: u64 = 256 * 1024;

/// How long `ssh` may take to end once the connection is cut, in looks of 10 ms.
const PATIENCE: u32 = 200;
const LOOK: Duration = Duration::from_millis(10);

/// A running `ssh`. Ends with its value.
pub(crate) struct Ssh {
    child: Child,
    /// What it says. A file never makes it wait, as a pipe that nobody reads would.
    messages: File,
}

impl Ssh {
    /// Starts it. Its standard input and output are the other end of the returned socket.
    pub(crate) fn start(
        settings: &Settings,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<(Self, UnixStream)> {
        let cannot = |error| Error::io("cannot prepare a connection", error);
        let (ours, theirs) = UnixStream::pair().map_err(cannot)?;
        let messages = tempfile::tempfile().map_err(cannot)?;
        let mut command = command(settings);
        prepare(&mut command);
        command.stdin(OwnedFd::from(theirs.try_clone().map_err(cannot)?)).stdout(OwnedFd::from(theirs));
        command.stderr(Stdio::from(messages.try_clone().map_err(cannot)?));
        // A group of its own: Ctrl-C is for us, who may still need the connection to end well.
        let child = command.process_group(0).spawn().map_err(|error| {
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            let error = Error::io("cannot start ssh", error);
            if !missing {
                return error;
            }
            error
                .with_kind(ErrorKind::Unreachable)
                .hint("install OpenSSH's client (package openssh-client or openssh-clients), or put `ssh` on the PATH")
        })?;
        Ok((Ssh { child, messages }, ours))
    }

    /// Tells whether it still runs.
    pub(crate) fn runs(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
    }

    /// Says why the connection ended.
    pub(crate) fn complaint(&mut self, settings: &Settings) -> Error {
        for _ in 0..PATIENCE {
            if !self.runs() {
                break;
            }
            thread::sleep(LOOK);
        }
        let mut said = Vec::new();
        // What cannot be read goes unsaid.
        let _ = self.messages.seek(SeekFrom::Start(0));
        let _ = self.messages.by_ref().take(MAX_MESSAGE).read_to_end(&mut said);
        complaint::read(&String::from_utf8_lossy(&said), settings)
    }
}

impl Drop for Ssh {
    /// Ends it and what it started, such as a `ProxyCommand`. All that was to be kept was answered for before.
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

fn command(settings: &Settings) -> Command {
    let mut command = Command::new("ssh");
    if let Some(config) = &settings.config {
        command.arg("-F").arg(config);
    }
    let mut option = |option: &str| {
        command.args(["-o", option]);
    };
    option("StrictHostKeyChecking=yes");
    if let Some(known) = &settings.known_hosts {
        option(&format!("UserKnownHostsFile=\"{}\"", known.display()));
        option("GlobalKnownHostsFile=none");
    }
    for fixed in ["ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=3"] {
        // Dead peers are found within a minute.
        option(fixed);
    }
    // A connection that others share would carry our bytes behind theirs; one that we share would outlive us.
    for fixed in ["ControlMaster=no", "ControlPath=none", "ClearAllForwardings=yes", "ForwardX11=no"] {
        option(fixed);
    }
    // At this level ssh tells the fingerprint of a host that is not known.
    option("LogLevel=DEBUG1");
    match &settings.secret {
        None => option("BatchMode=yes"),
        Some(secret) => {
            option("BatchMode=no");
            option("NumberOfPasswordPrompts=1");
            match secret {
                Secret::Password(_) => {
                    option("PubkeyAuthentication=no");
                    option("PreferredAuthentications=password,keyboard-interactive");
                }
                Secret::Passphrase(_) => option("PreferredAuthentications=publickey"),
            }
        }
    }
    if let Some(key) = &settings.key {
        option("IdentitiesOnly=yes");
        command.arg("-i").arg(key);
    }
    if let Some(port) = settings.port {
        command.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &settings.user {
        command.args(["-l", user]);
    }
    command.args(["-T", "-s", "--", &settings.host, "sftp"]);
    command
}
