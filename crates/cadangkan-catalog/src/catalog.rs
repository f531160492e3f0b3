use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cadangkan_core::{Error, Result};
use rusqlite::{Connection, ErrorCode, OpenFlags, Params, Transaction, TransactionBehavior};

use crate::columns::{Column, Columns};
use crate::failure::explain;
use crate::migrate;

/// How long a call waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const WAL_PAUSE: Duration = Duration::from_millis(10);

/// The catalog, open. May be shared between threads; processes may have it open at once.
///
/// Each call is done when it returns, also after a power cut: what `add` created is kept nowhere else.
///
/// Errors: `Timeout` (retryable) when another process holds it for 10 seconds, `Denied`, `NoSpace`, `Io`; a
/// damaged catalog is `Io` with a hint that says how it is rebuilt.
#[derive(Debug)]
pub struct Catalog {
    connection: Mutex<Connection>,
    path: PathBuf,
}

impl Catalog {
    /// Opens a catalog, makes it when there is none (file 0600, folders 0700), and brings an older one up to date,
    /// after it was copied to `<path>.before-v<version>`.
    ///
    /// Fails with `Unsupported` when a newer program made it; the hint has the command that brings the older
    /// catalog back.
    pub fn open(path: &Path) -> Result<Catalog> {
        let failed = |error| explain("cannot open the catalog", path, error);
        create_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        migrate::refuse_newer(&connection, path)?;
        set_up(&connection).map_err(failed)?;
        migrate::to_latest(&mut connection, path)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
        Ok(Catalog { connection: Mutex::new(connection), path: path.into() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives unused pages back to the disk and refreshes what the query planner knows. Takes as much room as the
    /// catalog while it works.
    pub fn vacuum(&self) -> Result<()> {
        self.with("cannot compact the catalog", |connection| {
            connection.execute_batch("VACUUM; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);")
        })
    }

    /// Runs a statement that changes rows; tells how many.
    pub(crate) fn execute(&self, what: &str, sql: &str, parameters: impl Params) -> Result<usize> {
        self.with(what, |connection| connection.prepare_cached(sql)?.execute(parameters))
    }

    /// Runs a statement without waiting for the disk: what tells how a run comes along.
    ///
    /// A process that is killed loses nothing of it, and a catalog is whole after a power cut as well (SQLite manual, PRAGMA
    /// synchronous); that could only lose the last ones. The next [`execute`](Self::execute) waits for them, too, as they
    /// stand before it in the same file.
    pub(crate) fn execute_soon(&self, what: &str, sql: &str, parameters: impl Params) -> Result<usize> {
        self.with(what, |connection| {
            connection.execute_batch("PRAGMA synchronous = NORMAL")?;
            let changed = connection.prepare_cached(sql).and_then(|mut sql| sql.execute(parameters));
            connection.execute_batch("PRAGMA synchronous = FULL")?;
            changed
        })
    }

    /// Runs a query and reads every row.
    pub(crate) fn query<T>(
        &self,
        what: &str,
        sql: &str,
        parameters: impl Params,
        read: fn(&mut Columns<'_>) -> Column<T>,
    ) -> Result<Vec<T>> {
        self.with(what, |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(parameters, |row| read(&mut Columns::of(row)))?.collect()
        })
    }

    /// Runs a query that gives one row or none.
    pub(crate) fn query_one<T>(
        &self,
        what: &str,
        sql: &str,
        parameters: impl Params,
        read: fn(&mut Columns<'_>) -> Column<T>,
    ) -> Result<Option<T>> {
        Ok(self.query(what, sql, parameters, read)?.pop())
    }

    /// Does several statements as one. It begins as a writer, since a reader that turns into one can fail at once.
    pub(crate) fn transaction<T>(
        &self,
        what: &str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run(&mut self.lock()).map_err(|error| explain(what, &self.path, error))
    }

    /// Does something with the connection, which nobody else uses meanwhile; `what` is said where it fails.
    pub(crate) fn with<T>(
        &self,
        what: &str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&self.lock()).map_err(|error| explain(what, &self.path, error))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic cut short was rolled back when it was dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// WAL lets readers and one writer work at once. FULL makes each commit wait for the disk: without it the last
/// ones could be lost in a power cut, and definitions have no other copy.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    let mut attempts = BUSY_TIMEOUT.as_millis() / WAL_PAUSE.as_millis();
    // The change to WAL, once in the life of a catalog, needs the file alone, and SQLite does not wait for that.
    while let Err(error) = connection.execute_batch("PRAGMA journal_mode = WAL") {
        if error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) || attempts == 0 {
            return Err(error);
        }
        attempts -= 1;
        std::thread::sleep(WAL_PAUSE);
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = OFF")
}

/// Makes the file before SQLite does, since SQLite would use the umask; the files beside it take its mode.
fn create_file(path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let failed = |error| {
        Error::io("cannot make the catalog", error).context("catalog", path.display()).hint(
            "let the user that runs cadangkan write to its folder, or set CADANGKAN_HOME to another one",
        )
    };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder().create(folder).map_err(failed)?;
    }
    match private_file().open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(failed(error)),
        _ => Ok(()),
    }
}

/// How a file is made that only its owner may read.
pub(crate) fn private_file() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn private_folder() -> std::fs::DirBuilder {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}
