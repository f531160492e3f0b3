//! The one place that reads the clock and the signals of this process.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::unregister;

use cadangkan_core::{Cancel, Clock, Error, Result, Timestamp};

use crate::environment::environment;

/// What this process is and where it runs, read once at the start.
#[derive(Clone)]
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
    /// Whether the keyboard is ours.
    pub(crate) stdin_is_terminal: bool,
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
            stdin_is_terminal: stdin,
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

/// What the signals do that ask a program to end.
#[derive(Default)]
pub(crate) struct Signals(Mutex<Vec<SigId>>);

impl Signals {
    /// Makes SIGINT, SIGTERM and SIGHUP stop the run cleanly; a second one ends the process at once. SIGHUP is left out for
    /// what lives on when its terminal is gone.
    pub(crate) fn stop(&self, cancel: &Cancel, lives_on_hangup: bool) -> Result<()> {
        let mut ids = Vec::new();
        let signals: &[i32] = if lives_on_hangup { &[SIGINT, SIGTERM] } else { &[SIGINT, SIGTERM, SIGHUP] };
        for &signal in signals {
            let flag = cancel.flag();
            let at_once = flag::register_conditional_shutdown(signal, 130, flag.clone());
            ids.push(at_once.map_err(cannot_listen)?);
            ids.push(flag::register(signal, flag).map_err(cannot_listen)?);
        }
        self.replace(ids);
        Ok(())
    }

    /// Keeps them for a command that runs in the place of this program, until what is returned is dropped; then they do nothing.
    pub(crate) fn pass(&self) -> Result<Passing> {
        let mut passing = Passing(Vec::new());
        for (signal, number) in [(Signal::INT, SIGINT), (Signal::TERM, SIGTERM), (Signal::HUP, SIGHUP)] {
            let came = Arc::new(AtomicBool::new(false));
            let id = flag::register(number, came.clone()).map_err(cannot_listen)?;
            passing.0.push((signal, came, id));
        }
        self.replace(Vec::new());
        Ok(passing)
    }

    fn replace(&self, ids: Vec<SigId>) {
        if let Ok(mut present) = self.0.lock() {
            let before = std::mem::replace(&mut *present, ids);
            before.into_iter().for_each(|id| _ = unregister(id));
        }
    }
}

/// Signals that came and are for a command.
pub(crate) struct Passing(Vec<(Signal, Arc<AtomicBool>, SigId)>);

impl Passing {
    /// Passes them on; one from the keyboard has reached the command by itself.
    pub(crate) fn to(&self, child: &Child, has_keyboard: bool) {
        for (signal, came, _) in &self.0 {
            if came.swap(false, Ordering::SeqCst) && !(has_keyboard && *signal == Signal::INT) {
                // It may have ended meanwhile.
                let _ = kill_process(Pid::from_child(child), *signal);
            }
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.iter().for_each(|(_, _, id)| _ = unregister(*id));
    }
}

fn cannot_listen(error: std::io::Error) -> Error {
    Error::io("cannot listen for signals", error)
}
