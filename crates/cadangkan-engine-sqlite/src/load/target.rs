//! What a restore finds where it is to go.

use std::path::{Path, PathBuf};

use cadangkan_core::{Control, Error, ErrorKind, Result, format_bytes};

use super::plan::{Detail, Goal};
use super::temporary::{folder_of, name_of};
use crate::connect::{Recovery, open_reading};
use crate::descriptor::Config;
use crate::errors::{explain, needs_recovery};
use crate::inspect;
use crate::wal::beside;

/// What lies at the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Nothing; at most the log or journal of a database that is gone.
    Absent,
    /// A file without a single table.
    Empty,
    /// A database.
    Database { tables: u64 },
    /// A file that cannot be read as a database.
    Damaged { why: String },
}

impl Target {
    /// What is there, for people.
    pub(super) fn describe(&self, path: &Path) -> Option<String> {
        let size = format_bytes(size_of(path));
        match self {
            Target::Absent => None,
            Target::Empty => Some("a database without tables".to_owned()),
            Target::Database { tables: 1 } => Some(format!("a database with 1 table, {size}")),
            Target::Database { tables } => Some(format!("a database with {tables} tables, {size}")),
            Target::Damaged { why } => Some(format!("a file of {size} that is no usable database: {why}")),
        }
    }

    /// Whether something would be lost if it were overwritten.
    pub(super) fn is_something(&self) -> bool {
        matches!(self, Target::Database { .. } | Target::Damaged { .. })
    }
}

/// Looks at the target without changing it.
pub(super) fn look(config: &Config, control: &Control<'_>) -> Result<Target> {
    let path = resolve(&config.path)?;
    if path.symlink_metadata().is_err() {
        return Ok(Target::Absent);
    }
    let reader = match open_reading(config, Recovery::Refused, control) {
        Ok(reader) => reader,
        Err(error) => return damaged_or(error),
    };
    let tables =
        inspect::tables(&reader.connection).map_err(|error| explain(error, "list the tables", &path));
    let schema: rusqlite::Result<i64> =
        reader.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
    reader.close();
    let tables = match tables {
        Ok(tables) => tables,
        Err(error) => return damaged_or(error),
    };
    if schema.map_err(|error| explain(error, "read the schema", &path))? == 0 {
        return Ok(Target::Empty);
    }
    Ok(Target::Database { tables: inspect::count_tables(&tables) })
}

/// A file that cannot be read as a database as it stands is a finding here; all else stays an error.
fn damaged_or(error: Error) -> Result<Target> {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
    if error.kind() == ErrorKind::DamagedSource || cause.is_some_and(needs_recovery) {
        return Ok(Target::Damaged { why: error.message().to_owned() });
    }
    Err(error)
}

/// Follows symbolic links, so that the file is replaced and not the link to it.
pub(super) fn resolve(path: &Path) -> Result<PathBuf> {
    if path.symlink_metadata().is_ok() {
        return std::fs::canonicalize(path).map_err(|error| {
            Error::io("the target is a link that leads nowhere", error)
                .context("path", path.display())
                .hint("remove the link, or give the path of the file itself")
        });
    }
    let name = name_of(path);
    if name.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "the target is not the path of a file")
            .context("path", path.display())
            .hint("give the path of the file to restore to"));
    }
    let folder = std::fs::canonicalize(folder_of(path)).map_err(|error| {
        Error::io("the target's folder cannot be used", error)
            .context("path", folder_of(path).display())
            .hint("make the folder first, or choose another path")
    })?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

/// Fails with `NoSpace` before anything is written, when the size is known.
pub(super) fn check_space(path: &Path, detail: &Detail) -> Result<()> {
    let folder = folder_of(path);
    let Some(image) = detail.request.raw_bytes else { return Ok(()) };
    // A selection is copied out of the image, and takes at most as much again.
    let needed = if detail.goal == Goal::Image { image } else { image.saturating_mul(2) };
    let space = rustix::fs::statvfs(&folder).map_err(|error| {
        Error::io("cannot ask for the free space", error.into()).context("path", folder.display())
    })?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free >= needed {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NoSpace, "there is not enough space for the restored database")
        .context("path", folder.display())
        .context("needed", format_bytes(needed))
        .context("free", format_bytes(free))
        .hint("free space on that disk, or restore to another one with `--to`"))
}

/// Size of the target with its log.
pub(super) fn size_of(path: &Path) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(beside(path, suffix)).ok())
        .map(|metadata| metadata.len())
        .sum()
}
