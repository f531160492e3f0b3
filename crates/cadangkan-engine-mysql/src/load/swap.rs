//! Puts what was loaded beside the target in its place.
//!
//! A database has no new name on these servers, so its tables move: all at once, by one `RENAME TABLE`, which other
//! sessions see as a whole and which does nothing when it fails (manual, "RENAME TABLE Statement"). It moves no views,
//! and no table that has triggers. So triggers of the old tables go just before it, and what is no table is made again
//! behind it, from definitions that were tried beside the target.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::entries::Entry;
use super::keep;
use super::look::{database, has_session, open};
use super::marks::{BEFORE, Mark};
use super::objects::{self, Object};
use super::place::{Place, free_name};
use super::plan::Old;
use super::statement::{define, explain};
use crate::script::Kind;

/// How long triggers that have to come back wait for a lock at least: a backup beside may hold all changes up for a moment, and a
/// database without its triggers is worse than a wait.
const WAIT_FOR_TRIGGERS: Duration = Duration::from_secs(60);

/// How long a session may take to end.
const ENDING: Duration = Duration::from_secs(30);

const NOT_KNOWN: &str = "its tables are all old or all new, which is not known";
const LOOK: &str = "look at the target once the server can be reached; `cadangkan cleanup` shows what is beside it, and keeps the old content if that is what was moved away";

/// The content of the target, as it is before.
struct Before {
    /// Where it is kept.
    kept: String,
    tables: Vec<Object>,
    triggers: Vec<Entry>,
    /// Views, routines and events.
    others: Vec<Entry>,
    /// What could not be read, and so is not kept.
    lost: Vec<String>,
}

/// Swaps; returns what a person should know.
///
/// # Errors
/// Until the tables have moved, the target is as it was, which the error says.
pub(super) fn swap(
    place: &Place,
    new: &[Entry],
    old: Old,
    lock_timeout: Duration,
    control: &Control<'_>,
) -> Result<Vec<String>> {
    let mut here = session(place, &place.name, lock_timeout, control)?;
    let before = look(&mut here, place, control)?;
    let mut kept = session(place, &before.kept, lock_timeout, control)?;
    if let Err(error) = exchange(&mut here, place, &before, control) {
        let moved = here.is_broken().then(|| have_moved(here.connection_id(), place, &before, control));
        match moved {
            Some(Ok(true)) => {
                let again = |name: &str| {
                    session(place, name, lock_timeout, control).map_err(|error| partly(error, &before.kept))
                };
                let (here, kept) = (again(&place.name)?, again(&before.kept)?);
                return complete(here, kept, place, &before, new, old, control);
            }
            Some(Err(_)) => return Err(error.context("target", NOT_KNOWN).hint(LOOK)),
            Some(Ok(false)) | None => {}
        }
        let again = make_triggers(place, &before, lock_timeout.max(WAIT_FOR_TRIGGERS), control);
        let _ = kept.execute(format!("DROP DATABASE {}", identifier(&before.kept)), control);
        return Err(match again {
            Ok(()) => error.context("target", "as it was; the new database is dropped"),
            Err(lost) => error
                .context("target", "its tables are as they were, but triggers of it are gone")
                .context("triggers", lost),
        });
    }
    complete(here, kept, place, &before, new, old, control)
}

/// Does what is left when the target has the new tables.
fn complete(
    mut here: Connection,
    mut kept: Connection,
    place: &Place,
    before: &Before,
    new: &[Entry],
    old: Old,
    control: &Control<'_>,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let replaced = replace_others(&mut here, place, before, new, control);
    notes.extend(keep_old(&mut kept, before, control));
    let beside = format!("DROP DATABASE {}", identifier(&place.database));
    if let Err(error) = define(&mut here, &beside, control) {
        notes.push(format!("the database {} could not be dropped: {error}", place.database));
    }
    let name = &before.kept;
    if replaced.is_err() || old == Old::Keep {
        notes.push(format!("the old content is kept in the database {name}; `cadangkan cleanup` removes it"));
    } else if let Err(error) = define(&mut here, format!("DROP DATABASE {}", identifier(name)), control) {
        notes.push(format!(
            "the old content could not be dropped and is kept in the database {name}: {error}"
        ));
    }
    replaced.map_err(|error| partly(error, name))?;
    Ok(notes)
}

/// The error of what was to follow the tables.
fn partly(error: Error, kept: &str) -> Error {
    error
        .with_kind(ErrorKind::Partial)
        .context("target", format!("all tables are those of the backup; the old ones are kept in {kept}"))
        .hint("correct what the error says, then restore again with `--mode clean`")
}

/// A connection to a database, for definitions.
fn session(place: &Place, name: &str, lock_timeout: Duration, control: &Control<'_>) -> Result<Connection> {
    let mut connection = open(&place.server().with_database(Some(name)), control)?;
    let seconds = lock_timeout.as_secs().clamp(1, 31_536_000);
    let sql = format!("SET SESSION lock_wait_timeout = {seconds}, foreign_key_checks = 0, sql_notes = 0");
    connection.execute(sql, control)?;
    Ok(connection)
}

/// Reads what the target has, and makes a database to keep it in.
fn look(here: &mut Connection, place: &Place, control: &Control<'_>) -> Result<Before> {
    let kept = free_name(here, &place.name, BEFORE, place.began, control)?;
    let (mut tables, mut triggers, mut others, mut lost) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for object in objects::list(here, &place.name, control)? {
        match object.kind {
            Kind::Table | Kind::Sequence => tables.push(object),
            // Without their definitions they could not be put back if the swap fails.
            Kind::Trigger => triggers.push(keep::read(here, &object, control)?),
            _ => match keep::read(here, &object, control) {
                Ok(entry) => others.push(entry),
                Err(error) if here.is_broken() || error.kind() == ErrorKind::Cancelled => return Err(error),
                Err(error) => {
                    lost.push(format!("{}: {error}", object.shown()));
                    others.push(Entry {
                        kind: object.kind,
                        name: object.name,
                        table: None,
                        statements: Vec::new(),
                    });
                }
            },
        }
    }
    let charset = database(here, &place.name, control)?
        .map(|(charset, collation)| format!(" CHARACTER SET {charset} COLLATE {collation}"))
        .unwrap_or_default();
    let sql = format!("CREATE DATABASE {}{charset}", identifier(&kept));
    define(here, &sql, control)
        .map_err(|error| explain(error, "the database for the old content", sql.as_bytes()))?;
    let marked = Mark::Kept.put(here, &kept, &place.name, place.began, control);
    if marked.is_err() {
        let _ = here.execute(format!("DROP DATABASE {}", identifier(&kept)), control);
    }
    marked?;
    Ok(Before { kept, tables, triggers, others, lost })
}

/// Moves the old tables away and the new ones in.
fn exchange(here: &mut Connection, place: &Place, before: &Before, control: &Control<'_>) -> Result<()> {
    let (new, target, kept) =
        (identifier(&place.database), identifier(&place.name), identifier(&before.kept));
    let mut moves = Vec::new();
    for table in &before.tables {
        let name = identifier(&table.name);
        moves.push(format!("{target}.{name} TO {kept}.{name}"));
    }
    let mut in_the_way = Vec::new();
    for object in objects::list(here, &place.database, control)? {
        let name = identifier(&object.name);
        match object.kind {
            Kind::Table | Kind::Sequence => {
                // A view of that name would be in the way.
                let is_same = |other: &&Entry| {
                    other.kind == Kind::View && object.is_in_the_way(other.kind, &other.name, place.lowers)
                };
                in_the_way.extend(before.others.iter().find(is_same).map(|view| view.name.clone()));
                moves.push(format!("{new}.{name} TO {target}.{name}"));
            }
            Kind::Trigger => {
                object.drop_from(here, &place.database, control)?;
            }
            _ => {}
        }
    }
    if let Some(view) = in_the_way.first() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "a view of the target has the name of a table of the backup",
        )
        .context("view", view)
        .hint("drop that view first, or use `--mode recreate`"));
    }
    for trigger in &before.triggers {
        let sql = format!("DROP TRIGGER IF EXISTS {target}.{}", identifier(&trigger.name));
        define(here, &sql, control).map_err(|error| explain(error, &trigger.shown(), sql.as_bytes()))?;
    }
    if moves.is_empty() {
        return Ok(());
    }
    let sql = format!("RENAME TABLE {}", moves.join(", "));
    define(here, &sql, control).map_err(|error| explain(error, "the swap of the tables", sql.as_bytes()))?;
    Ok(())
}

/// Tells whether the tables have moved, when the connection was lost that was to move them. Its session is ended
/// first: the server may still work on what it was told, and would move them later.
fn have_moved(id: u64, place: &Place, before: &Before, control: &Control<'_>) -> Result<bool> {
    let mut there = open(&place.server().with_database(None), control)?;
    // It may be gone already.
    let _ = there.execute(format!("KILL {id}"), control);
    let begin = Instant::now();
    while has_session(&mut there, id, control)? {
        if begin.elapsed() >= ENDING {
            return Err(Error::new(ErrorKind::Timeout, "the session that was lost goes on at the server"));
        }
        sleep(Duration::from_millis(50));
    }
    let mut has_tables = |database: &str| -> Result<bool> {
        let objects = objects::list(&mut there, database, control)?;
        Ok(objects.iter().any(|object| matches!(object.kind, Kind::Table | Kind::Sequence)))
    };
    if before.tables.is_empty() { Ok(!has_tables(&place.database)?) } else { has_tables(&before.kept) }
}

/// Makes the old triggers again, after a swap that failed. What failed may be the connection, so it is another one.
fn make_triggers(
    place: &Place,
    before: &Before,
    lock_timeout: Duration,
    control: &Control<'_>,
) -> Result<(), String> {
    let make = || -> Result<Vec<String>> {
        let mut here = session(place, &place.name, lock_timeout, control)?;
        let there = objects::list(&mut here, &place.name, control)?;
        let is_there = |entry: &&Entry| {
            there.iter().any(|object| object.kind == Kind::Trigger && object.name == entry.name)
        };
        let gone: Vec<_> = before.triggers.iter().filter(|entry| !is_there(entry)).collect();
        Ok(gone
            .iter()
            .filter(|entry| entry.run(&mut here, control).is_err())
            .map(|entry| entry.name.clone())
            .collect())
    };
    match make() {
        Ok(lost) if lost.is_empty() => Ok(()),
        Ok(lost) => Err(lost.join(", ")),
        Err(error) => Err(error.to_string()),
    }
}

/// Drops the old views, routines and events, and makes the new ones, triggers too.
fn replace_others(
    here: &mut Connection,
    place: &Place,
    before: &Before,
    new: &[Entry],
    control: &Control<'_>,
) -> Result<()> {
    for entry in &before.others {
        let object = Object { kind: entry.kind, name: entry.name.clone(), table: None };
        object.drop_from(here, &place.name, control)?;
    }
    if let Some((charset, collation)) = place.charset() {
        let sql =
            format!("ALTER DATABASE {} CHARACTER SET {charset} COLLATE {collation}", identifier(&place.name));
        define(here, &sql, control).map_err(|error| explain(error, "DATABASE", sql.as_bytes()))?;
    }
    // Views may need others; they came in an order in which they could be made. One that fails stops none of the
    // others, and the first failure is told.
    let mut waiting: Vec<_> = new.iter().collect();
    loop {
        let (count, mut left, mut first) = (waiting.len(), Vec::new(), None);
        for entry in waiting {
            if let Err(error) = entry.run(here, control) {
                first.get_or_insert(error);
                left.push(entry);
            }
        }
        match first {
            None => return Ok(()),
            Some(error) if left.len() == count || here.is_broken() => return Err(error),
            Some(_) => waiting = left,
        }
    }
}

/// Makes the old views, routines, triggers and events where the old tables are. What cannot be made is told.
fn keep_old(kept: &mut Connection, before: &Before, control: &Control<'_>) -> Vec<String> {
    let mut lost = before.lost.clone();
    let whole = before.others.iter().filter(|entry| !entry.statements.is_empty());
    let mut entries: Vec<Entry> = whole.chain(&before.triggers).cloned().map(keep::asleep).collect();
    entries.sort_by_key(|entry| match entry.kind {
        Kind::View => 1,
        Kind::Trigger => 2,
        Kind::Event => 3,
        _ => 0,
    });
    // Views of views: as often as it helps.
    loop {
        let mut failed = Vec::new();
        let count = entries.len();
        for entry in entries {
            if let Err(error) = entry.run(kept, control).context("during", "keeping the old content") {
                failed.push((entry, error));
            }
        }
        if failed.is_empty() {
            break;
        }
        if failed.len() == count {
            lost.extend(failed.into_iter().map(|(entry, error)| format!("{}: {error}", entry.shown())));
            break;
        }
        entries = failed.into_iter().map(|(entry, _)| entry).collect();
    }
    lost.into_iter().map(|lost| format!("not kept with the old content: {lost}")).collect()
}
