//! What is done to the system, to be shown before it is done.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use cadangkan_core::{Cancel, Error, ErrorKind, Result, format_duration};

use super::manager::not_here;
use crate::program::How;

/// How long a program of the system may take: the service gets ninety seconds to end its runs.
const LIMIT: Duration = Duration::from_secs(180);

/// One change of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Runs a program of the system.
    Run { words: Vec<String>, may_fail: bool },
    /// Writes a file, in the place of one that is there.
    Write { path: PathBuf, text: String, mode: u32 },
    /// Removes a file.
    Remove(PathBuf),
}

impl Step {
    /// A program that has to end well.
    pub(super) fn run(arguments: &[&str]) -> Self {
        Step::Run { words: words(arguments), may_fail: false }
    }

    /// Does it.
    pub(super) fn carry_out(&self) -> Result<()> {
        match self {
            Step::Run { words, may_fail } => run(words, *may_fail),
            Step::Write { path, text, mode } => write(path, text, *mode)
                .map_err(|error| Error::io("cannot write the file", error).context("path", path.display())),
            Step::Remove(path) => std::fs::remove_file(path)
                .map_err(|error| Error::io("cannot remove the file", error).context("path", path.display())),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Run { words, .. } => f.write_str(&words.join(" ")),
            Step::Write { path, mode, .. } => write!(f, "write {} (mode {mode:04o})", path.display()),
            Step::Remove(path) => write!(f, "rm {}", path.display()),
        }
    }
}

/// Owned words.
pub(super) fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|word| (*word).to_owned()).collect()
}

/// Makes an error of a program that could not be started.
pub(super) fn cannot_run(program: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return not_here(&format!("there is no {program} here"));
    }
    Error::io("cannot run the program", error).context("program", program)
}

fn run(words: &[String], may_fail: bool) -> Result<()> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    // Who stops it half way has neither a service nor none.
    let (how, printed) = crate::program::run(&mut command, LIMIT, &Cancel::default())
        .map_err(|error| cannot_run(program, error))?;
    let error = match how {
        How::Ended(status) if status.success() || may_fail => return Ok(()),
        How::Ended(status) => Error::new(ErrorKind::Io, format!("{program} failed with {status}")),
        How::TookTooLong | How::Stopped => {
            let message = format!("{program} did not end within {}", format_duration(LIMIT));
            Error::new(ErrorKind::Timeout, message)
        }
    };
    Err(error.context("command", words.join(" ")).context("it said", printed.lines().join("\n").trim()))
}

/// Nobody ever sees half of the file.
fn write(path: &std::path::Path, text: &str, mode: u32) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
