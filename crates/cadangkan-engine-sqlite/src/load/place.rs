//! Puts a complete new file in the place of the old one, so that a crash between any two steps leaves a whole
//! database: the old or the new one under the target's name, or the old one under the name it is kept by.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use cadangkan_core::{Cancel, Error, ErrorKind, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::target::Target;
use super::temporary::{remove_if_there, sync_folder};
use crate::connect::{open_as, retry_busy};
use crate::errors::{explain, is_busy, is_damage};
use crate::wal::beside;

/// What goes where.
pub(super) struct Placement {
    /// The new file, complete and durable.
    pub(super) new: PathBuf,
    /// The target.
    pub(super) path: PathBuf,
    /// Where the old file is kept; `None` to remove it.
    pub(super) kept: Option<PathBuf>,
    /// What was at the target when the load began.
    pub(super) expected: Target,
    pub(super) busy_timeout: Duration,
}

impl Placement {
    /// Takes all steps; returns what a person should know.
    pub(super) fn carry_out(self) -> Result<Vec<String>> {
        let mut run = Run { placement: self, old: Old::Absent, notes: Vec::new() };
        for step in STEPS {
            step(&mut run)?;
        }
        Ok(run.notes)
    }
}

/// A placement under way.
struct Run {
    placement: Placement,
    old: Old,
    notes: Vec<String>,
}

/// The old file, as the first step found it.
enum Old {
    Absent,
    /// A database that nobody else uses until this connection closes, with nothing left in its log.
    Locked(#[allow(dead_code, reason = "held for its lock")] Connection),
    /// A file that SQLite cannot lock, since it cannot read it.
    Damaged,
}

type Step = fn(&mut Run) -> Result<()>;

/// Each changes one thing about names. Together they keep to three rules: the old file has its second name before
/// it loses the first; no log or journal of the old database is there when the new one appears; and nobody can write
/// to the old one in between.
const STEPS: &[Step] = &[
    lock_old,
    take_owner_and_mode,
    keep_old,
    clear_log,
    clear_journal,
    clear_shared_memory,
    put_in_place,
    make_durable,
    unlock_old,
];

/// Waits until the old database is nobody's, and empties its log into it.
fn lock_old(run: &mut Run) -> Result<()> {
    let path = &run.placement.path;
    if path.symlink_metadata().is_err() {
        return refuse_change(run.placement.expected == Target::Absent, path);
    }
    let locked = open_as(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|connection| {
        // Closing would empty and remove the log of a file that turns out to be damaged, and with it what could
        // be saved. Leaving WAL mode empties the log of a healthy one whatever is set here.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        retry_busy(run.placement.busy_timeout, &Cancel::default(), || lock_alone(&connection))?;
        Ok(connection)
    });
    match locked {
        Ok(connection) => {
            let is_empty = connection
                .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
                .map_err(|error| explain(error, "look at the old database", path))?;
            refuse_change(
                match run.placement.expected {
                    Target::Absent => false,
                    Target::Empty => is_empty,
                    Target::Database { .. } | Target::Damaged { .. } => true,
                },
                path,
            )?;
            if is_empty {
                run.placement.kept = None;
            }
            run.old = Old::Locked(connection);
        }
        Err(error) if is_damage(&error) => {
            refuse_change(
                matches!(run.placement.expected, Target::Database { .. } | Target::Damaged { .. }),
                path,
            )?;
            run.old = Old::Damaged;
        }
        Err(error) if is_busy(&error) => {
            return Err(explain(error, "lock the old database", path)
                .hint("stop the programs that use the database, then restore again; nothing was changed"));
        }
        Err(error) => return Err(explain(error, "lock the old database", path)),
    }
    Ok(())
}

/// Leaves WAL mode, which only works when nobody else has the database open and takes its log away, then takes
/// the one lock of rollback mode that keeps everybody out. A program that waits for this lock finds a file in
/// rollback mode afterwards, and SQLite then refuses to write it, since it has lost its name.
fn lock_alone(connection: &Connection) -> rusqlite::Result<()> {
    let _ = connection.execute_batch("ROLLBACK");
    connection.query_row("PRAGMA main.journal_mode = DELETE", [], |_| Ok(()))?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let mode: String = connection.query_row("PRAGMA main.journal_mode", [], |row| row.get(0))?;
    if mode == "wal" {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            Some("another program has put the database back into WAL mode".to_owned()),
        ));
    }
    Ok(())
}

fn refuse_change(is_as_planned: bool, path: &Path) -> Result<()> {
    if is_as_planned {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the target has changed since the restore began")
        .context("path", path.display())
        .hint("start the restore again; nothing was changed"))
}

fn take_owner_and_mode(run: &mut Run) -> Result<()> {
    let Placement { new, path, .. } = &run.placement;
    let Ok(old) = std::fs::metadata(path) else { return Ok(()) };
    let wrong = |error| Error::io("cannot give the new file the old one's mode", error);
    std::fs::set_permissions(new, std::fs::Permissions::from_mode(old.mode() & 0o7777)).map_err(wrong)?;
    if std::os::unix::fs::chown(new, Some(old.uid()), Some(old.gid())).is_err() {
        run.notes.push(format!(
            "the new file belongs to you; the old one belonged to user {} and group {}",
            old.uid(),
            old.gid()
        ));
    }
    Ok(())
}

/// Gives the old file its second name, where the file system can; else `put_in_place` moves it.
fn keep_old(run: &mut Run) -> Result<()> {
    let Placement { path, kept, .. } = &run.placement;
    let (Some(kept), false) = (kept, matches!(run.old, Old::Absent)) else { return Ok(()) };
    match std::fs::hard_link(path, kept) {
        Ok(()) => run.notes.push(format!("the old database is kept as {}", kept.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Error::io("the name to keep the old database by is taken", error)
                .context("path", kept.display())
                .hint("start the restore again; nothing was changed"));
        }
        Err(_) => run.notes.push(format!("the old database was moved to {}", kept.display())),
    }
    Ok(())
}

fn clear_log(run: &mut Run) -> Result<()> {
    move_or_remove(run, "-wal")
}

fn clear_journal(run: &mut Run) -> Result<()> {
    move_or_remove(run, "-journal")
}

fn clear_shared_memory(run: &mut Run) -> Result<()> {
    remove_if_there(&beside(&run.placement.path, "-shm"))
}

/// Takes away what SQLite would replay into the new file. Beside a locked database it holds nothing any more; of
/// a damaged or lost one it may be the best that is left, and is kept.
fn move_or_remove(run: &mut Run, suffix: &str) -> Result<()> {
    let Placement { path, kept, .. } = &run.placement;
    let stale = beside(path, suffix);
    let Some(kept) = kept.as_ref().filter(|_| !matches!(run.old, Old::Locked(_))) else {
        return remove_if_there(&stale);
    };
    let kept = beside(kept, suffix);
    match std::fs::rename(&stale, &kept) {
        Ok(()) => {
            run.notes.push(format!("{} of the old database is kept as {}", stale.display(), kept.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => {
            return Err(Error::io("cannot move the old database's log away", error)
                .context("path", stale.display())
                .hint("check the permissions of the folder"));
        }
    }
    Ok(())
}

fn put_in_place(run: &mut Run) -> Result<()> {
    let Placement { new, path, kept, .. } = &run.placement;
    let wrong = |error| {
        Error::io("cannot give the new file its name", error)
            .context("path", path.display())
            .hint("check the permissions of the folder")
    };
    if matches!(run.old, Old::Absent) {
        // A link, unlike a rename, never replaces what somebody else put there meanwhile.
        match std::fs::hard_link(new, path) {
            Ok(()) => return remove_if_there(new),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return refuse_change(false, path);
            }
            // No links on this file system.
            Err(_) => refuse_change(path.symlink_metadata().is_err(), path)?,
        }
    } else if let Some(kept) = kept.as_ref().filter(|kept| kept.symlink_metadata().is_err()) {
        std::fs::rename(path, kept).map_err(wrong)?;
    }
    std::fs::rename(new, path).map_err(wrong)
}

fn make_durable(run: &mut Run) -> Result<()> {
    sync_folder(&run.placement.path)
}

/// Lets waiting programs go on; the old file has lost its name, so that they cannot write to it.
fn unlock_old(run: &mut Run) -> Result<()> {
    run.old = Old::Absent;
    Ok(())
}

#[cfg(test)]
mod tests;
