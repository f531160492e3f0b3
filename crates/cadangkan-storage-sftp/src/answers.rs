//! Answers to the one question that `ssh` may ask: for a password or a passphrase.
//!
//! `ssh` asks a program (SSH_ASKPASS in ssh(1)). It is given a script which reads a pipe that has a name, so that the
//! secret stands in no file, no argument and no environment.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use cadangkan_core::{Error, Result};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use tempfile::TempDir;

use crate::settings::Secret;

const SCRIPT: &str = "#!/bin/sh\nIFS= read -r secret < \"${0%/*}/secret\" && printf '%s\\n' \"$secret\"\n";

/// Holds the answer until it is dropped.
pub(crate) struct Answers {
    folder: TempDir,
    /// Bytes in a pipe are lost when nobody has it open.
    _pipe: OwnedFd,
}

impl Answers {
    /// Prepares the answer.
    pub(crate) fn prepare(secret: &Secret) -> Result<Self> {
        let (Secret::Password(secret) | Secret::Passphrase(secret)) = secret;
        let cannot = |error: std::io::Error| {
            Error::io("cannot prepare to give ssh the secret", error).hint(
                "the folder for temporary files (TMPDIR) must be writable, and programs must run from it",
            )
        };
        let folder =
            tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().map_err(cannot)?;
        let pipe = folder.path().join("secret");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
            .map_err(|error| cannot(error.into()))?;
        // Open for both, it waits for nobody.
        let pipe = open(&pipe, OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| cannot(error.into()))?;
        let mut writer = File::from(pipe);
        writer.write_all(format!("{secret}\n").as_bytes()).map_err(cannot)?;
        let script = folder.path().join("ask");
        std::fs::write(&script, SCRIPT).map_err(cannot)?;
        std::fs::set_permissions(&script, Permissions::from_mode(0o700)).map_err(cannot)?;
        Ok(Answers { folder, _pipe: writer.into() })
    }

    /// Lets `ssh` ask for it.
    pub(crate) fn offer(&self, command: &mut Command) {
        command.env("SSH_ASKPASS", self.folder.path().join("ask")).env("SSH_ASKPASS_REQUIRE", "force");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_asks_is_told_once() {
        let secret = " a'b$c\\ \"ä ";
        let answers = Answers::prepare(&Secret::Password(secret.to_owned())).unwrap();
        let mut ask = Command::new("sh");
        answers.offer(ask.args(["-c", "exec \"$SSH_ASKPASS\" 'the password:'"]));
        assert_eq!(ask.output().unwrap().stdout, format!("{secret}\n").into_bytes());
    }
}
