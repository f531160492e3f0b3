//! Opens databases so that neither a busy program nor a hostile schema does harm.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cadangkan_core::{Cancel, Control, Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::descriptor::Config;
use crate::errors::{explain, is_busy, needs_recovery};
use crate::wal::beside;

/// How long SQLite itself waits for a lock before cancellation is looked at again.
const ONE_WAIT: Duration = Duration::from_millis(200);

/// A connection that reads the configured database.
pub(crate) struct Reader {
    pub(crate) connection: Connection,
    /// The file itself, symbolic links resolved.
    pub(crate) path: PathBuf,
    /// Whether a `-wal` file stood beside it before.
    had_wal: bool,
}

impl Reader {
    /// Closes the connection. SQLite leaves an empty log behind when a connection that only reads was the last
    /// one: where none was before, one that may write opens and closes, and so takes it away under SQLite's locks.
    pub(crate) fn close(self) {
        let Reader { connection, path, had_wal } = self;
        drop(connection);
        let is_empty_log = std::fs::metadata(beside(&path, "-wal")).is_ok_and(|log| log.len() == 0);
        if !had_wal && is_empty_log {
            // Only tidiness: whatever goes wrong here, the empty log does no harm.
            let _ = open_as(&path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|last| first_read(&last));
        }
    }
}

/// What to do when a program crashed in the middle of a transaction of rollback mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// Let SQLite roll the transaction back, as it does for whichever program opens the database next.
    Allowed,
    /// Fail, and change nothing.
    Refused,
}

/// Opens a database's file to read from it and makes sure that it is a database.
pub(crate) fn open_reading(config: &Config, recovery: Recovery, control: &Control<'_>) -> Result<Reader> {
    let path = check_file(&config.path)?;
    let had_wal = beside(&path, "-wal").exists();
    let open = |flags| {
        let connection = open_as(&path, flags)?;
        // A connection that may write would otherwise empty the log as it closes: a backup writes nothing.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        retry_busy(config.busy_timeout, control.cancel, || first_read(&connection))?;
        Ok(connection)
    };
    let connection = match open(OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Err(error) if recovery == Recovery::Allowed && needs_recovery(&error) => {
            open(OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        other => other,
    };
    let connection =
        connection.map_err(|error| explain(error, "open the database", &path).or_cancelled(control))?;
    Ok(Reader { connection, path, had_wal })
}

/// Opens a file with this crate's settings: no waiting inside of SQLite beyond a moment, no trust in the schema.
pub(crate) fn open_as(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(ONE_WAIT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    Ok(connection)
}

/// Opens a file that nobody else has: without locks, and without a `-wal` or `-shm` beside it.
pub(crate) fn open_private(path: &Path) -> rusqlite::Result<Connection> {
    let mut url = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    url.push_str("?immutable=1");
    open_as(Path::new(&url), OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Tries again while another program holds a lock, up to a limit, and stops when asked to.
pub(crate) fn retry_busy<T>(
    limit: Duration,
    cancel: &Cancel,
    attempt: impl Fn() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let begin = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && begin.elapsed() < limit && !cancel.is_cancelled() => {}
            other => return other,
        }
    }
}

/// Runs statements that `control` can stop while they run.
pub(crate) fn interruptible<T>(
    connection: &Connection,
    control: &Control<'_>,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    const STEPS_BETWEEN: i32 = 20_000;
    control.check()?;
    let cancel = control.cancel.clone();
    let wrong = |error| Error::new(ErrorKind::Internal, "cannot watch the statement").source(error);
    connection.progress_handler(STEPS_BETWEEN, Some(move || cancel.is_cancelled())).map_err(wrong)?;
    let result = work();
    connection.progress_handler(0, None::<fn() -> bool>).map_err(wrong)?;
    result.map_err(|error| error.or_cancelled(control))
}

/// Prefers "stopped" over whatever error stopping led to.
pub(crate) trait OrCancelled {
    fn or_cancelled(self, control: &Control<'_>) -> Self;
}

impl OrCancelled for Error {
    fn or_cancelled(self, control: &Control<'_>) -> Error {
        control.check().err().unwrap_or(self)
    }
}

/// Makes SQLite read the schema, which is where it finds out what the file is.
pub(crate) fn first_read(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
}

/// Looks at the file without opening it, which would endanger locks; returns its real path.
fn check_file(path: &Path) -> Result<PathBuf> {
    let not_there = |error: std::io::Error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let message =
            if missing { "the database's file does not exist" } else { "cannot look at the database's file" };
        Error::io(message, error)
            .context("path", path.display())
            .hint("check the path, the disk it lies on, and the permissions of its folders")
    };
    let real = std::fs::canonicalize(path).map_err(not_there)?;
    let metadata = std::fs::metadata(&real).map_err(not_there)?;
    if metadata.is_dir() {
        return Err(Error::new(ErrorKind::Usage, "the path is a folder, not a database's file")
            .context("path", path.display())
            .hint("give the path of the database's file in it"));
    }
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Unsupported, "the path is a device or a pipe, not a file")
            .context("path", path.display())
            .hint("give the path of a database's file"));
    }
    rustix::fs::access(&real, rustix::fs::Access::READ_OK).map_err(|error| {
        Error::io("the database's file may not be read", error.into())
            .context("path", path.display())
            .hint("run as a user who may read it, or change its permissions")
    })?;
    Ok(real)
}
