//! The programs of one version, and who runs them.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::process;

/// The programs of one version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Installation {
    /// Who runs servers, unless one is not root. A list that was written before there were others does not say it.
    #[serde(default = "postgres")]
    pub(super) user: String,
    /// The root to change to before a program runs.
    pub(super) root: Option<PathBuf>,
    /// The folder of the programs, as seen in that root.
    pub(super) bin: PathBuf,
}

impl Installation {
    /// Returns where a path of the root is, seen from outside.
    pub(super) fn outside(&self, path: &Path) -> PathBuf {
        match &self.root {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    /// Tells whether all of these programs are there.
    pub(super) fn has(&self, programs: &[&str]) -> bool {
        programs.iter().all(|program| self.outside(&self.bin.join(program)).is_file())
    }

    /// Makes a command of a server program, run by the server's user, or by oneself when not root.
    ///
    /// A program is named by its file in `bin`, or by a whole path.
    pub(super) fn server(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match &self.root {
            Some(root) => {
                let mut command = Command::new("chroot");
                command.arg(format!("--userspec={0}:{0}", self.user)).arg(root);
                command.arg("env");
                command
            }
            None if is_root() => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={}", self.user), format!("--regid={}", self.user)]);
                command.args(["--clear-groups", "env"]);
                command
            }
            None => Command::new("env"),
        };
        command.args(["-i", "PATH=/usr/sbin:/usr/bin:/bin", "LC_ALL=C.UTF-8"]);
        command.arg(program).current_dir("/");
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
        process::run(command.arg(format!("{0}:{0}", self.user)).args(paths))
    }
}

fn postgres() -> String {
    "postgres".to_owned()
}

/// Where one server keeps what it has.
pub(super) struct Home {
    /// As seen in the server's root.
    pub(super) path: PathBuf,
    /// What callers see, below the folder of all servers.
    pub(super) front: PathBuf,
}

impl Home {
    /// Names the folders of a server; nothing is made.
    pub(super) fn new(installation: &Installation, folder: &Path, name: &str) -> Self {
        let front = folder.join(name);
        let set = folder.file_name().unwrap_or_default().to_string_lossy();
        let path = match &installation.root {
            Some(_) => Path::new("/srv").join(format!("{set}-{name}")),
            None => front.clone(),
        };
        Self { path, front }
    }

    /// Makes the folders, with one for the socket and one for temporary files.
    pub(super) fn make(&self, installation: &Installation) -> Result<()> {
        let folder = |path: &Path| DirBuilder::new().mode(0o755).recursive(true).create(path);
        folder(&self.front)?;
        let home = installation.outside(&self.path);
        folder(&home)?;
        folder(&home.join("socket"))?;
        folder(&home.join("tmp"))?;
        if installation.root.is_some() {
            // A path of a socket has at most 107 bytes, which a path into the cache may exceed.
            symlink(home.join("socket"), self.front.join("socket"))?;
        }
        installation.give(&[&self.path, &self.path.join("socket"), &self.path.join("tmp")])
    }

    /// Removes what a server kept.
    pub(super) fn remove(installation: &Installation, path: &Path) -> Result<()> {
        let home = installation.outside(path);
        if home.exists() {
            fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
        }
        Ok(())
    }
}

/// Tells whether this process may become another user.
pub(crate) fn is_root() -> bool {
    process::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
