//! How a statement of the backup is shown when it fails.

use std::thread::sleep;
use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::{Connection, server_error};

/// Characters of a statement that an error shows.
const SHOWN: usize = 200;

/// The server's number of an error, when it is the server's.
pub(super) fn code(error: &Error) -> Option<u16> {
    server_error(error).map(|error| error.code)
}

/// How often a statement is run that others kept from its locks.
const TRIES: u32 = 5;

/// Runs a statement that defines something. One that meets the definitions of other sessions in the server's own
/// tables is run again, as the server says one should.
pub(super) fn define(
    connection: &mut Connection,
    statement: impl AsRef<[u8]>,
    control: &Control<'_>,
) -> Result<u64> {
    again_after_deadlocks(control, || connection.execute(statement.as_ref(), control))
}

/// Does something again whose transaction the server has rolled back, since others were in its way.
pub(super) fn again_after_deadlocks<T>(
    control: &Control<'_>,
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    for turn in 1..TRIES {
        match work() {
            Err(error) if code(&error) == Some(1213) => {
                control.check()?;
                sleep(Duration::from_millis(50) * turn);
            }
            result => return result,
        }
    }
    work()
}

/// Adds to the server's error what was run, and of which object it is (manual, "Server Error Message Reference").
pub(super) fn explain(error: Error, object: &str, statement: &[u8]) -> Error {
    if matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Unreachable) {
        return error.context("object", object.escape_debug());
    }
    let (kind, hint) = match code(&error) {
        Some(1044 | 1045 | 1142 | 1143 | 1227 | 1370 | 1410) => (
            Some(ErrorKind::Denied),
            "grant the user that privilege, or leave definers out with --no-owner when it is about them",
        ),
        Some(1418 | 1419) => (
            Some(ErrorKind::Denied),
            "the server writes a binary log: set log_bin_trust_function_creators there, or restore as a user with SUPER",
        ),
        Some(1050 | 1304 | 1359 | 1537 | 1826 | 4134) => (
            Some(ErrorKind::Conflict),
            "it is there already: restore into an empty database, or use --mode clean or replace",
        ),
        Some(1153) => {
            (None, "raise max_allowed_packet on the server: a row of the backup is longer than that")
        }
        Some(1205 | 1213 | 3572) => {
            (Some(ErrorKind::Timeout), "another session holds a lock: wait for it, or raise lock_timeout")
        }
        Some(1021 | 1114 | 3) => (Some(ErrorKind::NoSpace), "free space on the server's disk"),
        Some(1451 | 1452 | 1062 | 1022 | 1216 | 1217) => (
            None,
            "the rows do not fit what the target holds already: restore into an empty database, or empty the tables first",
        ),
        Some(1115 | 1273 | 1286 | 1911 | 4161) => (
            Some(ErrorKind::Unsupported),
            "this server does not know that: restore to one of the version and kind that the backup is of",
        ),
        // MariaDB says so of equal keys among rows that it inserts in bulk.
        Some(1030 | 1180) => (None, "rows of the table may have the same key: look into the server's log"),
        Some(1064 | 1235) => (
            None,
            "this server does not understand the statement: restore to one of the version and kind that the backup is of",
        ),
        Some(1449) => (None, "create the account first, or leave definers out with --no-owner"),
        Some(1290 | 1792 | 1836) => {
            (Some(ErrorKind::Denied), "the server is read-only: restore to the one that it is a replica of")
        }
        _ => (
            None,
            "the statement is the backup's own; look up the server's message, and restore with --tables to leave the object out",
        ),
    };
    let error = match kind {
        Some(kind) => error.with_kind(kind),
        None => error,
    };
    error.context("object", object.escape_debug()).context("statement", shown(statement)).hint(hint)
}

/// The beginning of a statement, without rows and without what may be a secret.
pub(super) fn shown(statement: &[u8]) -> String {
    let begin = String::from_utf8_lossy(statement.get(..SHOWN * 4).unwrap_or(statement)).into_owned();
    let lower = begin.to_ascii_lowercase();
    let rows = lower.find("values").filter(|_| lower.starts_with("insert") || lower.starts_with("replace"));
    let secret = ["password", "identified", "secret"]
        .iter()
        .filter_map(|word| lower.find(word))
        .min()
        .and_then(|at| Some(at + begin.get(at..)?.find(['\'', '"'])?));
    let end = rows.map(|at| at + "values".len()).into_iter().chain(secret).min();
    let visible = end.and_then(|end| begin.get(..end)).unwrap_or(&begin);
    let mut text: String = visible.chars().take(SHOWN).collect();
    if text.len() < statement.len() {
        text.push('…');
    }
    text.replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_shown_short_and_without_rows_and_secrets() {
        assert_eq!(shown(b"CREATE TABLE a\n(b int)"), "CREATE TABLE a (b int)");
        assert_eq!(shown(b"INSERT INTO t (a) VALUES\n(1,'private')"), "INSERT INTO t (a) VALUES…");
        assert_eq!(shown(b"CREATE USER x IDENTIFIED BY 'hunter2'"), "CREATE USER x IDENTIFIED BY …");
        let long = format!("SELECT '{}'", "ü".repeat(500));
        assert_eq!(shown(long.as_bytes()).chars().count(), SHOWN + 1);
    }

    #[test]
    fn deadlocks_are_tried_again_and_nothing_else() {
        let mut left = 2;
        cadangkan_core::quietly(|control| {
            let other = again_after_deadlocks(control, || {
                left -= 1;
                Err::<(), _>(Error::new(ErrorKind::Io, "another"))
            });
            assert!(other.is_err() && left == 1);
        });
    }

    #[test]
    fn every_error_has_a_hint() {
        let error = explain(Error::new(ErrorKind::Io, "no"), "TABLE a", b"CREATE TABLE a()");
        assert!(error.advice().is_some() && error.to_string().contains("TABLE a"), "{error}");
    }
}
