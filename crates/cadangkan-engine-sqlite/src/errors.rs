//! What an error of SQLite means to a person.

use std::path::Path;

use cadangkan_core::{Error, ErrorKind};
use rusqlite::ErrorCode;
use rusqlite::ffi::{
    SQLITE_CANTOPEN_ISDIR, SQLITE_IOERR_SHORT_READ, SQLITE_READONLY_CANTINIT, SQLITE_READONLY_DBMOVED,
    SQLITE_READONLY_DIRECTORY, SQLITE_READONLY_RECOVERY, SQLITE_READONLY_ROLLBACK,
};

const RECOVER: &str =
    "restore the newest good backup, or save what can be read with `sqlite3 <file> .recover`";

/// Turns an error of SQLite into the project's own, for the database at `path`.
pub(crate) fn explain(error: rusqlite::Error, doing: &str, path: &Path) -> Error {
    let (code, extended) = match &error {
        rusqlite::Error::SqliteFailure(failure, _) => (Some(failure.code), failure.extended_code),
        _ => (None, 0),
    };
    let (kind, what, hint) = describe(code, extended);
    let message = match what {
        Some(what) => what.to_owned(),
        None => format!("SQLite could not {doing}"),
    };
    let explained = Error::new(kind, message).context("path", path.display()).source(error);
    let explained = if kind == ErrorKind::Locked { explained.retryable() } else { explained };
    explained.hint(hint)
}

/// Tells whether another program's lock was in the way.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

/// Tells whether the file cannot be read as a database, whoever holds it.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    let short = matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.extended_code == SQLITE_IOERR_SHORT_READ);
    short || matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Tells whether a connection that may only read cannot go on before a crashed writer's journal is rolled back.
pub(crate) fn needs_recovery(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if [SQLITE_READONLY_ROLLBACK, SQLITE_READONLY_RECOVERY].contains(&failure.extended_code))
}

fn describe(code: Option<ErrorCode>, extended: i32) -> (ErrorKind, Option<&'static str>, &'static str) {
    use ErrorCode as C;
    match extended {
        SQLITE_READONLY_ROLLBACK | SQLITE_READONLY_RECOVERY => {
            return (
                ErrorKind::Denied,
                Some(
                    "a crashed program's journal must be rolled back first, and the file may not be written",
                ),
                "run as a user who may write the database, or open it once with the program it belongs to",
            );
        }
        SQLITE_READONLY_CANTINIT | SQLITE_READONLY_DIRECTORY => return WAL_NEEDS_FOLDER,
        SQLITE_READONLY_DBMOVED => {
            return (
                ErrorKind::Conflict,
                Some("the file was moved or replaced while it was open"),
                "run it again once nothing else replaces the file",
            );
        }
        SQLITE_CANTOPEN_ISDIR => {
            return (
                ErrorKind::Usage,
                Some("the path is a folder, not a database's file"),
                "give the file's path",
            );
        }
        _ => {}
    }
    match code {
        Some(C::DatabaseBusy | C::DatabaseLocked) => (
            ErrorKind::Locked,
            Some("another program holds the database locked"),
            "stop that program or wait for its transaction to end, then try again; `busy_timeout` sets how long to wait",
        ),
        Some(C::NotADatabase) => (
            ErrorKind::DamagedSource,
            Some("the file is not an SQLite database, or it is encrypted"),
            "check the path; an encrypted database is backed up with the program that holds its key",
        ),
        Some(C::DatabaseCorrupt) => (ErrorKind::DamagedSource, Some("the database is corrupt"), RECOVER),
        Some(C::CannotOpen) => WAL_NEEDS_FOLDER,
        Some(C::PermissionDenied | C::ReadOnly | C::AuthorizationForStatementDenied) => (
            ErrorKind::Denied,
            Some("the database's file may not be used that way"),
            "check who owns the file and its folder",
        ),
        Some(C::DiskFull) => (
            ErrorKind::NoSpace,
            Some("no space is left for the database"),
            "free space on that disk, or choose another place",
        ),
        Some(C::SystemIoFailure) => {
            (ErrorKind::Io, None, "look for disk errors in the system's log, then try again")
        }
        Some(C::OperationInterrupted) => (ErrorKind::Cancelled, Some("stopped on request"), "start it again"),
        Some(C::ConstraintViolation) => {
            (ErrorKind::Conflict, None, "the rows break a rule of the database they go to; see the cause")
        }
        _ => (ErrorKind::Io, None, "run it again with `--verbose`, and report it if it stays"),
    }
}

const WAL_NEEDS_FOLDER: (ErrorKind, Option<&str>, &str) = (
    ErrorKind::Denied,
    Some("the database's file cannot be opened, or the `-wal` and `-shm` files beside it cannot be made"),
    "a database in WAL mode needs a folder that may be written, also for reading; check the file's and the folder's permissions; the service must be let: `cadangkan service install --allow-write <folder>`",
);

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(extended: i32) -> Error {
        let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(extended), None);
        explain(error, "read", Path::new("/srv/shop.db"))
    }

    #[test]
    fn each_code_has_its_kind_and_a_hint() {
        use rusqlite::ffi;
        let cases = [
            (ffi::SQLITE_BUSY, ErrorKind::Locked),
            (ffi::SQLITE_LOCKED, ErrorKind::Locked),
            (ffi::SQLITE_NOTADB, ErrorKind::DamagedSource),
            (ffi::SQLITE_CORRUPT, ErrorKind::DamagedSource),
            (ffi::SQLITE_CANTOPEN, ErrorKind::Denied),
            (ffi::SQLITE_READONLY_ROLLBACK, ErrorKind::Denied),
            (ffi::SQLITE_READONLY_DBMOVED, ErrorKind::Conflict),
            (ffi::SQLITE_PERM, ErrorKind::Denied),
            (ffi::SQLITE_FULL, ErrorKind::NoSpace),
            (ffi::SQLITE_IOERR_READ, ErrorKind::Io),
            (ffi::SQLITE_INTERRUPT, ErrorKind::Cancelled),
            (ffi::SQLITE_ERROR, ErrorKind::Io),
        ];
        for (code, kind) in cases {
            let error = explained(code);
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.advice().is_some_and(|hint| !hint.is_empty()), "{code}");
            assert!(error.to_string().contains("/srv/shop.db"), "{code}");
            assert_eq!(error.is_retryable(), kind == ErrorKind::Locked, "{code}");
        }
    }
}
