//! What to tell a person about failures of the catalog.

use std::path::Path;

use cadangkan_core::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Makes an error of what SQLite said about the catalog at a path.
pub(crate) fn explain(message: &str, path: &Path, source: rusqlite::Error) -> Error {
    let at = path.display();
    let of_kind = |kind, source| Error::new(kind, message).context("catalog", &at).source(source);
    if !matches!(source, rusqlite::Error::SqliteFailure(..) | rusqlite::Error::SqlInputError { .. }) {
        return damaged(path, source);
    }
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => of_kind(ErrorKind::Timeout, source)
            .retryable()
            .hint("another process holds the catalog; try again, and see who does with `fuser` on the file"),
        Some(ErrorCode::DiskFull) => of_kind(ErrorKind::NoSpace, source)
            .hint(format!("free space on the disk (or in the quota) that holds {at}")),
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            of_kind(ErrorKind::Denied, source).hint(format!(
                "let the user that runs cadangkan read and write {at} and the folder it lies in"
            ))
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(path, source),
        Some(ErrorCode::SystemIoFailure) => of_kind(ErrorKind::Io, source)
            .hint(format!("the disk that holds {at} fails or is full: look at the system's log (`dmesg`)")),
        // Statements are fixed, so a table or column that is missing means that somebody changed the file.
        Some(ErrorCode::Unknown) => damaged(path, source),
        _ => of_kind(ErrorKind::Internal, source),
    }
}

/// Makes the error for a catalog whose content makes no sense.
pub(crate) fn damaged(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let at = path.display();
    Error::new(ErrorKind::Io, "the catalog is damaged, or is not a catalog").context("catalog", &at).source(source).hint(
        format!(
            "no backup is lost: move {at} away, with the files {at}-wal and {at}-shm if they exist, and run \
             `cadangkan adopt <storage>` for each storage, which rebuilds the list of backups; add again what was \
             made with `cadangkan add`"
        ),
    )
}
