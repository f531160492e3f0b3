//! Brings a catalog up to date.

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::catalog::private_file;
use crate::failure::{damaged, explain};

/// What turns version n into version n + 1, in order. A line is never changed once it was released.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_runs.sql"),
    include_str!("migrations/0002_backups.sql"),
    include_str!("migrations/0003_definitions.sql"),
    include_str!("migrations/0004_audit.sql"),
    include_str!("migrations/0005_originals.sql"),
    include_str!("migrations/0006_tickets.sql"),
    include_str!("migrations/0007_combined.sql"),
    include_str!("migrations/0008_retention.sql"),
    include_str!("migrations/0009_suspect.sql"),
    include_str!("migrations/0010_notifications.sql"),
    include_str!("migrations/0011_jobs.sql"),
    include_str!("migrations/0012_schedule.sql"),
];

/// Marks the file as a catalog of this program: the letters `CADG`, in the header of the file.
const APPLICATION_ID: i64 = 0x4341_4447;

/// Fails when a newer program made the catalog. Only reads, so that the newer program finds it unchanged.
pub(crate) fn refuse_newer(connection: &Connection, path: &Path) -> Result<()> {
    let found = version_of(connection, path)?;
    let known = MIGRATIONS.len();
    if found <= known {
        return Ok(());
    }
    let at = quote(path);
    let hint = match newest_copy(path, known) {
        Some(copy) => format!(
            "to go back to the catalog as it was before, stop every cadangkan process and run: \
             rm -f {at}-wal {at}-shm && cp {} {at}",
            quote(&copy)
        ),
        None => "run the newer program again; no copy of the older catalog lies beside it. If there is none \
                 elsewhere, move the catalog away and run `cadangkan adopt <storage>`, which builds a new one"
            .into(),
    };
    Err(Error::new(ErrorKind::Unsupported, "a newer version of cadangkan made the catalog")
        .context("catalog", path.display())
        .context("catalog version", found)
        .context("known version", known)
        .hint(hint))
}

/// Applies what is missing.
pub(crate) fn to_latest(connection: &mut Connection, path: &Path) -> Result<()> {
    apply(connection, path, MIGRATIONS)
}

/// Applies all missing migrations in one transaction: a crash leaves the old catalog, and nobody sees one that
/// is half new. Whoever comes at the same time waits, and then finds nothing left to do.
fn apply(connection: &mut Connection, path: &Path, migrations: &[&str]) -> Result<()> {
    if version_of(connection, path)? >= migrations.len() {
        return Ok(());
    }
    let failed = |error| explain("cannot bring the catalog up to date", path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version = version_of(&transaction, path)?;
    if version >= migrations.len() {
        return Ok(());
    }
    if version > 0 {
        copy_before(path, migrations.len())?;
    }
    run(&transaction, migrations, version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn run(transaction: &Transaction<'_>, migrations: &[&str], version: usize) -> rusqlite::Result<()> {
    for migration in migrations.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    let number = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", number)
}

/// The number of migrations that a catalog has seen. Fails with `Conflict` for a database of another program.
fn version_of(connection: &Connection, path: &Path) -> Result<usize> {
    let read = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    // In this order: another process may make the catalog between two of these.
    let header = || -> rusqlite::Result<(i64, bool)> {
        let empty = read("SELECT COUNT(*) FROM sqlite_schema")? == 0;
        let ours = empty || read("PRAGMA application_id")? == APPLICATION_ID;
        Ok((read("PRAGMA user_version")?, ours))
    };
    let (version, ours) = header().map_err(|error| explain("cannot open the catalog", path, error))?;
    if !ours {
        return Err(Error::new(
            ErrorKind::Conflict,
            "a database of another program lies where the catalog should",
        )
        .context("catalog", path.display())
        .hint("nothing was changed in it; move it away, or let cadangkan keep its files in another folder"));
    }
    usize::try_from(version).map_err(|error| damaged(path, error))
}

/// Copies the catalog as it is, through SQLite, while the caller holds the right to write. The copy appears under
/// its name only when it is whole; one of an earlier attempt is replaced.
fn copy_before(path: &Path, next_version: usize) -> Result<()> {
    let copy = copy_path(path, next_version);
    let mut partial = copy.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let failed_file = |error| {
        Error::io("cannot copy the catalog before it is brought up to date", error)
            .context("copy", copy.display())
            .hint("the catalog is unchanged; make room beside it and let cadangkan write to its folder")
    };
    let _ = std::fs::remove_file(&partial);
    private_file().open(&partial).map_err(failed_file)?;
    let copied = copy_pages(path, &partial);
    let renamed = copied
        .map_err(|error| explain("cannot copy the catalog before it is brought up to date", path, error))
        .and_then(|()| make_durable(&partial, &copy).map_err(failed_file));
    if renamed.is_err() {
        let _ = std::fs::remove_file(&partial);
    }
    renamed
}

fn copy_pages(path: &Path, partial: &Path) -> rusqlite::Result<()> {
    let source = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut target = Connection::open_with_flags(partial, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let backup = Backup::new(&source, &mut target)?;
    match backup.step(-1)? {
        StepResult::Done => Ok(()),
        // Nobody else can hold the source for writing, nor the new file at all.
        _ => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY), None)),
    }
}

fn make_durable(partial: &Path, copy: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(partial)?.sync_all()?;
    std::fs::rename(partial, copy)?;
    #[cfg(unix)]
    if let Some(folder) = copy.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// `<catalog>.before-v<version>`: what the catalog was before it came to a version.
fn copy_path(path: &Path, version: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".before-v{version}"));
    name.into()
}

/// The copy with the most recent version that this program knows.
fn newest_copy(path: &Path, known: usize) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let prefix = format!("{}.before-v", path.file_name()?.to_str()?);
    let copies = std::fs::read_dir(folder).ok()?.flatten().filter(|entry| {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix.as_str()));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    });
    copies
        .filter_map(|entry| Some((version_in_file(&entry.path())?, entry.path())))
        .filter(|(version, _)| (1..=known).contains(version))
        .max()
        .map(|(_, path)| path)
}

/// The version in a copy's header, four bytes from byte 60 on (<https://sqlite.org/fileformat2.html>, 1.3).
fn version_in_file(path: &Path) -> Option<usize> {
    let mut header = [0; 64];
    std::io::Read::read_exact(&mut std::fs::File::open(path).ok()?, &mut header).ok()?;
    let version: [u8; 4] = header.get(60..)?.try_into().ok()?;
    header.starts_with(b"SQLite format 3\0").then(|| usize::try_from(u32::from_be_bytes(version)).ok())?
}

/// A path as a POSIX shell takes it, so that the command in a hint can be pasted.
fn quote(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |character: char| character.is_alphanumeric() || "/._-".contains(character);
    if text.chars().all(plain) && !text.starts_with('-') {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
