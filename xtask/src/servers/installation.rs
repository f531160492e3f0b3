//! The programs of one version, and who runs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::process;

/// The programs of one version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Installation {
    pub(crate) version: u32,
    /// The root to change to before a program runs.
    pub(crate) root: Option<PathBuf>,
    /// The folder of the programs, as seen in that root.
    pub(crate) bin: PathBuf,
}

impl Installation {
    /// Finds the server of a version where Debian's packages put it.
    pub(super) fn of_system(version: u32) -> Option<Self> {
        let bin = Path::new("/usr/lib/postgresql").join(version.to_string()).join("bin");
        let complete = ["postgres", "initdb", "pg_ctl"].iter().all(|program| bin.join(program).is_file());
        complete.then_some(Self { version, root: None, bin })
    }

    /// Returns where a path of the root is, seen from outside.
    pub(super) fn outside(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// Tells whether the version brought `pg_dump` and `psql` along.
    pub(super) fn has_clients(&self) -> bool {
        ["psql", "pg_dump", "pg_restore"]
            .iter()
            .all(|program| self.outside(&self.bin.join(program)).is_file())
    }

    /// Makes a command of a server program, run by the user `postgres`, or by oneself when not root.
    pub(super) fn server(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match &self.root {
            Some(root) => {
                let mut command = Command::new("chroot");
                command.arg("--userspec=postgres:postgres").arg(root);
                command.arg("env");
                command
            }
            None if is_root() => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "env"]);
                command
            }
            None => Command::new("env"),
        };
        command.args(["-i", "PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"]).arg(program).current_dir("/");
        command
    }

    /// Gives files or folders of the root to the server's user.
    pub(super) fn give(&self, paths: &[&Path]) -> Result<()> {
        let mut command = match &self.root {
            Some(root) => {
                let mut command = Command::new("chroot");
                command.arg(root).arg("chown");
                command
            }
            None if is_root() => Command::new("chown"),
            None => return Ok(()),
        };
        process::run(command.arg("postgres:postgres").args(paths))
    }
}

/// Tells whether this process may become another user.
pub(crate) fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
