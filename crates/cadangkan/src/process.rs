//! The one place that reads the clock and the signals of this process.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process_group};

use cadangkan_core::{Cancel, Clock, Error, Result, Timestamp};

use crate::environment::environment;

/// What this process is and where it runs, read once at the start.
pub(crate) struct Process {
    /// The home folder of the user.
    pub(crate) user_home: Option<PathBuf>,
    /// The user's name, for the record.
    pub(crate) user: String,
    /// The machine's name, for the record.
    pub(crate) host: String,
    /// This process.
    pub(crate) pid: u32,
    /// Whether a person can answer.
    pub(crate) can_ask: bool,
    /// Whether results go to a terminal.
    pub(crate) stdout_is_terminal: bool,
    /// Whether messages go to a terminal.
    pub(crate) stderr_is_terminal: bool,
}

impl Process {
    /// Looks at the process.
    pub(crate) fn read() -> Self {
        let host = environment("HOSTNAME").or_else(|| std::fs::read_to_string("/etc/hostname").ok());
        let (stdin, stderr) = (std::io::stdin().is_terminal(), std::io::stderr().is_terminal());
        Process {
            user_home: environment("HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            user: environment("USER")
                .or_else(|| environment("LOGNAME"))
                .unwrap_or_else(|| "unknown".to_owned()),
            host: host.map_or_else(|| "localhost".to_owned(), |host| host.trim().to_owned()),
            pid: std::process::id(),
            can_ask: stdin && stderr,
            stdout_is_terminal: std::io::stdout().is_terminal(),
            stderr_is_terminal: stderr,
        }
    }
}

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Sees to it that a crash leaves no image of the memory, where secrets are: not of this process, nor of those it starts.
pub(crate) fn keep_no_cores() -> Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let failed = |error: rustix::io::Errno| Error::io("cannot switch core dumps off", error.into());
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    setrlimit(Resource::Core, none).map_err(failed)?;
    // The limit does not count where the system hands cores to a program, and others of this user could look in.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).map_err(failed)?;
    Ok(())
}

/// Sends a signal to a process that leads a group of its own, and to all of the group.
pub(crate) fn signal_group(leader: &Child, signal: Signal) {
    // What has ended meanwhile cannot be told anything, and that is fine.
    let _ = kill_process_group(Pid::from_child(leader), signal);
}

/// Makes SIGINT, SIGTERM and SIGHUP stop the run cleanly; a second one ends the process at once.
pub(crate) fn stop_on_signals(cancel: &Cancel) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let flag = cancel.flag();
        signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone())
            .and_then(|_| signal_hook::flag::register(signal, flag))
            .map_err(|error| Error::io("cannot listen for signals", error))?;
    }
    Ok(())
}
