//! Servers that end with the process that started them, however that ends.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Choice, Missing, Settings, State, lower, new_folder, raise};

/// Servers that run as long as this value, or this process, lives.
///
/// A second process holds the other end of a pipe and stops them when it is closed: by `end`, by Ctrl-C, or by a kill.
pub(crate) struct Raised {
    folder: PathBuf,
    watcher: Option<Child>,
    pub(crate) missing: Vec<Missing>,
}

impl Raised {
    /// Starts servers; those that started are stopped when another fails.
    pub(crate) fn up(choice: Choice, settings: Settings, strict: bool) -> Result<Self> {
        let folder = new_folder()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["servers", "watch"]).arg(&folder);
        // In a group of its own, Ctrl-C does not reach it.
        let watcher = command.stdin(Stdio::piped()).process_group(0).spawn();
        let watcher = Some(watcher.context("cannot start the process that stops the servers")?);
        let mut raised = Self { folder, watcher, missing: Vec::new() };
        raised.missing = raise(&raised.folder, choice, settings, strict)?;
        Ok(raised)
    }

    /// Returns the file that tests read.
    pub(crate) fn state(&self) -> PathBuf {
        State::path(&self.folder)
    }

    /// Stops the servers, and fails when one stays.
    pub(crate) fn end(mut self) -> Result<()> {
        self.stop()
    }

    fn stop(&mut self) -> Result<()> {
        let Some(mut watcher) = self.watcher.take() else { return Ok(()) };
        drop(watcher.stdin.take());
        let status = watcher.wait()?;
        if !status.success() {
            bail!("servers were not stopped; their folder is {}", self.folder.display());
        }
        Ok(())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("xtask: {error:#}");
        }
    }
}

/// Waits until the starter is gone or closes the pipe, then stops the servers of a folder.
pub(crate) fn watch(folder: &Path) -> Result<()> {
    std::io::stdin().read_to_end(&mut Vec::new())?;
    lower(folder)
}
