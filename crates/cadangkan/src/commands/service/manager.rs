//! What looks after services here, and how it is called.

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use super::step::{Step, words};
use super::units::{LABEL, PLIST, UNIT};

/// What looks after services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manager {
    Systemd,
    Launchd,
}

impl Manager {
    /// launchd on macOS, systemd elsewhere.
    pub(super) fn of_this_system() -> Self {
        if cfg!(target_os = "macos") { Manager::Launchd } else { Manager::Systemd }
    }

    /// Fails with `Unsupported` where nothing of that name looks after services.
    pub(super) fn check(self) -> Result<()> {
        // sd_booted(3): the folder is there when systemd started the machine.
        let is_there = self == Manager::Launchd || Path::new("/run/systemd/system").is_dir();
        if is_there { Ok(()) } else { Err(not_here("systemd does not look after services here")) }
    }

    /// The file that says what the service is.
    pub(super) fn file(self) -> PathBuf {
        PathBuf::from(match self {
            Manager::Systemd => UNIT,
            Manager::Launchd => PLIST,
        })
    }

    pub(super) fn start(self) -> Vec<String> {
        match self {
            Manager::Systemd => words(&["systemctl", "start", "cadangkan"]),
            Manager::Launchd => words(&["launchctl", "bootstrap", "system", PLIST]),
        }
    }

    pub(super) fn stop(self) -> Vec<String> {
        match self {
            Manager::Systemd => words(&["systemctl", "stop", "cadangkan"]),
            Manager::Launchd => words(&["launchctl", "bootout", &target()]),
        }
    }

    pub(super) fn restart(self) -> Vec<String> {
        match self {
            Manager::Systemd => words(&["systemctl", "restart", "cadangkan"]),
            Manager::Launchd => words(&["launchctl", "kickstart", "-k", &target()]),
        }
    }

    pub(super) fn status(self) -> Vec<String> {
        match self {
            Manager::Systemd => words(&["systemctl", "status", "--no-pager", "cadangkan"]),
            Manager::Launchd => words(&["launchctl", "print", &target()]),
        }
    }

    /// What makes the service run once its file is written; one that did not change is not interrupted.
    pub(super) fn enable(self, is_new: bool) -> Vec<Step> {
        match self {
            Manager::Systemd if is_new => vec![
                Step::run(&["systemctl", "daemon-reload"]),
                Step::run(&["systemctl", "enable", "cadangkan"]),
                Step::Run { words: self.restart(), may_fail: false },
            ],
            Manager::Systemd => vec![Step::run(&["systemctl", "enable", "--now", "cadangkan"])],
            Manager::Launchd => vec![
                Step::Run { words: self.stop(), may_fail: true },
                Step::Run { words: self.start(), may_fail: false },
            ],
        }
    }

    /// What takes the service away.
    pub(super) fn disable(self) -> Vec<Step> {
        let remove = Step::Remove(self.file());
        match self {
            Manager::Systemd => vec![
                Step::run(&["systemctl", "disable", "--now", "cadangkan"]),
                remove,
                Step::run(&["systemctl", "daemon-reload"]),
            ],
            Manager::Launchd => vec![Step::Run { words: self.stop(), may_fail: true }, remove],
        }
    }
}

/// Says that services are looked after by something that is not known here.
pub(super) fn not_here(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
        .hint("let whatever starts programs here run `cadangkan daemon`, and start it again when it ends; without such a thing, `cadangkan backup --all` in a crontab makes backups")
}

fn target() -> String {
    format!("system/{LABEL}")
}
