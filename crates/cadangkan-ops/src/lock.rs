//! One run at a time per database.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Name, Result};

/// How often a waiting run looks again.
const POLL: Duration = Duration::from_millis(200);

/// The lock of one database, held until it is dropped.
///
/// It is a lock on a file (`flock`), so that the system lets go of it also when the process is killed. The file
/// says who holds it, and stays: removing it would let two runs lock two files of one name.
#[derive(Debug)]
pub struct DatabaseLock {
    file: File,
}

impl DatabaseLock {
    /// Takes the lock of `database`, waiting up to `wait` for another run to end.
    ///
    /// Fails with `Locked`, naming the holder, and with `Cancelled` while waiting.
    pub fn take(
        folder: &Path,
        database: &Name,
        holder: &str,
        wait: Duration,
        control: &Control<'_>,
    ) -> Result<Self> {
        let (mut file, path) = open(folder, &format!("{database}.lock"))?;
        let mut waited = Duration::ZERO;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if waited < wait => {
                    if waited.is_zero() {
                        control.step("wait for the other run");
                    }
                    control.check()?;
                    std::thread::sleep(POLL);
                    waited += POLL;
                }
                Err(TryLockError::WouldBlock) => return Err(held(&mut file, database)),
                Err(TryLockError::Error(error)) => {
                    return Err(Error::io("cannot lock", error).context("path", path.display()));
                }
            }
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(holder.as_bytes()));
        written.map_err(|error| {
            Error::io("cannot write the lock file", error).context("path", path.display())
        })?;
        Ok(DatabaseLock { file })
    }

    /// Tells whether a run holds the lock of `database` now.
    pub fn is_held(folder: &Path, database: &Name) -> Result<bool> {
        let (file, path) = open(folder, &format!("{database}.lock"))?;
        match file.try_lock() {
            Ok(()) => {
                let_go(&file);
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => {
                Err(Error::io("cannot look at the lock", error).context("path", path.display()))
            }
        }
    }
}

impl Drop for DatabaseLock {
    fn drop(&mut self) {
        // The name of the holder is only for people.
        let _ = self.file.set_len(0);
        let_go(&self.file);
    }
}

/// Says that a backup of a database is being read, or, taken alone, that none is while something is deleted.
///
/// Beside the [`DatabaseLock`], since a backup may be restored into another database than its own. It holds on this
/// machine; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct ReadingLock {
    file: File,
}

impl ReadingLock {
    /// Says that a backup is being read; many may at once. Fails with `Locked` while some are deleted.
    ///
    /// `None` where the folder of locks cannot be used at all: nothing on this machine deletes backups by it then, and a restore
    /// must go on.
    pub(crate) fn shared(folder: &Path, database: &Name) -> Result<Option<Arc<Self>>> {
        match ReadingLock::take(folder, database, File::try_lock_shared) {
            Ok(lock) => Ok(Some(Arc::new(lock))),
            Err(error) if error.kind() == ErrorKind::Locked => {
                Err(error.hint("old backups are being deleted; try again when that is done"))
            }
            Err(_) => Ok(None),
        }
    }

    /// Says that none is read. Fails with `Locked` while one is.
    pub(crate) fn alone(folder: &Path, database: &Name) -> Result<Self> {
        ReadingLock::take(folder, database, File::try_lock).map_err(|error| {
            error.hint(
                "a backup of it is being read (restored, verified, copied); try again when that is done",
            )
        })
    }

    fn take(
        folder: &Path,
        database: &Name,
        lock: impl Fn(&File) -> std::result::Result<(), TryLockError>,
    ) -> Result<Self> {
        let (file, path) = open(folder, &format!("{database}.lock.reading"))?;
        match lock(&file) {
            Ok(()) => Ok(ReadingLock { file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::new(ErrorKind::Locked, format!("backups of \"{database}\" are in use")))
            }
            Err(TryLockError::Error(error)) => {
                Err(Error::io("cannot lock", error).context("path", path.display()))
            }
        }
    }
}

impl Drop for ReadingLock {
    fn drop(&mut self) {
        let_go(&self.file);
    }
}

/// Closing alone does not let go while a program that is being started has the file too, between `fork` and `exec`.
fn let_go(file: &File) {
    let _ = file.unlock();
}

fn open(folder: &Path, name: &str) -> Result<(File, PathBuf)> {
    create_private_folder(folder)?;
    let path = folder.join(name);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(&path)
        .map_err(|error| Error::io("cannot open the lock file", error).context("path", path.display()))?;
    Ok((file, path))
}

fn held(file: &mut File, database: &Name) -> Error {
    let mut holder = String::new();
    // The holder may be about to write its name; without it the message is still true.
    let _ = file.take(1024).read_to_string(&mut holder);
    let holder = if holder.is_empty() { "another run".to_owned() } else { holder };
    Error::new(ErrorKind::Locked, format!("\"{database}\" is in use by {holder}"))
        .hint("wait until it ends, or let this run wait for it with --wait 10m")
}

/// Makes a folder that only its owner can look into, with its parents.
pub fn create_private_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(folder)
        .map_err(|error| Error::io("cannot create the folder", error).context("path", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadangkan_core::{Cancel, Clock, NoReporter, Timestamp};

    struct NoClock;
    impl Clock for NoClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    fn take(folder: &Path, holder: &str, wait: Duration) -> Result<DatabaseLock> {
        let control = Control { cancel: &Cancel::default(), reporter: &NoReporter, clock: &NoClock };
        DatabaseLock::take(folder, &Name::new("shop").unwrap(), holder, wait, &control)
    }

    #[test]
    fn second_holder_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::new("shop").unwrap();
        let first = take(folder.path(), "pid 7 on here", Duration::ZERO).unwrap();
        assert!(DatabaseLock::is_held(folder.path(), &name).unwrap());
        let error = take(folder.path(), "pid 8 on here", Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert_eq!(error.message(), "\"shop\" is in use by pid 7 on here");
        drop(first);
        assert!(!DatabaseLock::is_held(folder.path(), &name).unwrap());
        take(folder.path(), "pid 8 on here", Duration::ZERO).unwrap();
    }

    #[test]
    fn a_lock_is_let_go_of_while_a_program_that_begins_still_has_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let name = Name::new("shop").unwrap();
        let lock = take(folder.path(), "first", Duration::ZERO).unwrap();
        // What a program has between fork and exec.
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        take(folder.path(), "second", Duration::ZERO).unwrap();
        drop(inherited);

        let reading = ReadingLock::shared(folder.path(), &name).unwrap().unwrap();
        let inherited = reading.file.try_clone().unwrap();
        drop(reading);
        ReadingLock::alone(folder.path(), &name).unwrap();
        drop(inherited);
    }

    #[test]
    fn a_waiting_run_gets_the_lock_when_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let first = take(folder.path(), "first", Duration::ZERO).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| take(folder.path(), "second", Duration::from_secs(60)).map(drop));
            drop(first);
            second.join().unwrap().unwrap();
        });
    }
}
