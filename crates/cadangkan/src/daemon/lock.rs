use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_ops::lock::create_private_folder;

use crate::app::Session;

/// Takes the place of the one scheduler that a home folder has. Let go of by the system when the process ends.
pub(super) fn take(home: &Path, pid: u32) -> Result<File> {
    let mut file = open(home)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(Error::new(ErrorKind::Locked, "a scheduler runs already")
                .context("home", home.display())
                .hint("there is one for each home folder; `cadangkan schedule list` shows what it does"));
        }
        Err(TryLockError::Error(error)) => return Err(Error::io("cannot lock", error)),
    }
    // Only for people.
    file.set_len(0).and_then(|()| file.write_all(pid.to_string().as_bytes())).map_err(|error| {
        Error::io("cannot write the lock file of the scheduler", error).context("home", home.display())
    })?;
    Ok(file)
}

/// Tells whether a scheduler runs for this home folder.
pub(crate) fn is_running(session: &Session) -> Result<bool> {
    if !session.home().join(NAME).exists() {
        return Ok(false);
    }
    match open(session.home())?.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(Error::io("cannot look at the lock of the scheduler", error)),
    }
}

const NAME: &str = "daemon.lock";

fn open(home: &Path) -> Result<File> {
    create_private_folder(home)?;
    let path = home.join(NAME);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&path).map_err(|error| {
        Error::io("cannot open the lock file of the scheduler", error).context("path", path.display())
    })
}
