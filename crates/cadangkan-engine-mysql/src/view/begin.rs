//! How a view begins.

use std::time::Instant;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, format_some};
use cadangkan_mywire::{Connection, Flavor};
use serde_json::{Map, Value, json};

use super::locks::{self, Locker, Pause};
use super::moment::{BASE, Moment, savepoint};
use super::part::Part;
use super::{Asked, Views, Writers, position};
use crate::catalog::Schema;
use crate::session::{is, open};

/// So many tables are held at once. Of each, MariaDB looks through all that a connection holds already (its source,
/// `MDL_context::find_ticket`): 20,000 took it minutes.
const HELD: usize = 1000;

/// How often tables may change while a view begins before we give up on their database.
const TRIES: usize = 10;

const SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Opens a view; begins again when a table was altered meanwhile.
pub(super) fn begin(asked: &Asked<'_>, control: &Control<'_>) -> Result<Views> {
    let began = Instant::now();
    for tries_left in (0..TRIES).rev() {
        control.check()?;
        if let Some(views) = try_begin(asked, began, tries_left == 0, control)? {
            return Ok(views);
        }
    }
    Err(changed("?"))
}

fn changed(what: &str) -> Error {
    Error::new(
        ErrorKind::Conflict,
        "tables were made, dropped or altered again and again as the backup began",
    )
    .context("table", what)
    .hint("back up when the change of definitions is over")
    .retryable()
}

/// What is held at the moment of the snapshot.
#[derive(Default)]
struct Taken {
    readers: Vec<Connection>,
    locker: Option<Locker>,
    position: Map<String, Value>,
    /// Whether nobody can change definitions.
    holds_definitions: bool,
}

/// Begins once; `None` when a table was altered. At the last try only its database fails.
fn try_begin(
    asked: &Asked<'_>,
    began: Instant,
    is_last: bool,
    control: &Control<'_>,
) -> Result<Option<Views>> {
    let mut coordinator = open(asked.target, control)?;
    let (first, rest) = locks::wait_limit(asked.lock_timeout);
    locks::set_wait(&mut coordinator, first, control)?;
    let mut parts = Vec::with_capacity(asked.databases.len());
    let lowers = Schema::lowers(&mut coordinator, control)?;
    for (name, selection) in asked.databases {
        let schema = Schema { name: (*name).to_owned(), lowers };
        parts.push(Part::list(&mut coordinator, schema, selection, control)?);
    }
    let mut readers = open_readers(asked, control)?;
    // With several databases the last one has to wait long for its turn.
    let mut watcher = None;
    if parts.len() > 1 {
        watcher = Some(open(asked.target, control)?);
        let readers = std::iter::once(&mut coordinator).chain(&mut readers);
        readers.into_iter().try_for_each(|connection| log_nothing(connection, control))?;
    }
    let taken = if asked.writers == Writers::Nobody {
        quiet(&mut coordinator, readers, control)
    } else {
        match locks::hold_writers(&mut coordinator, began, asked.lock_timeout, control)? {
            Some(pause) => held(&mut coordinator, asked, &mut parts, readers, &pause, control),
            None => alone(&mut coordinator, &mut parts, control),
        }
    };
    let mut taken = match taken {
        // A table that was to be locked is gone.
        Err(error) if is(&error, &[1146]) && !is_last => return Ok(None),
        taken => taken?,
    };
    for reader in &mut taken.readers {
        reader.execute(BASE, control)?;
    }
    locks::set_wait(&mut coordinator, rest, control)?;
    parts.sort_by_key(|part| !part.is_locked);
    let tables: usize = parts.iter().map(Part::tables).sum();
    let all = parts.len() == 1 || tables <= HELD || coordinator.version().flavor != Flavor::MariaDb;
    for (number, part) in parts.iter_mut().enumerate().rev() {
        coordinator.execute(savepoint(number), control)?;
        match part.hold(&mut coordinator, watcher.as_mut(), all, control)? {
            Some(what) if is_last => part.found = Err(changed(&what)),
            Some(_) => return Ok(None),
            None => {}
        }
    }
    if taken.holds_definitions {
        coordinator.execute("UNLOCK INSTANCE", control)?;
    }
    let moment = Moment::new(coordinator, taken.readers, watcher, taken.position, taken.locker);
    Ok(Some(Views::new(moment, parts)))
}

/// Takes all snapshots while nobody writes, and lets go of the writers.
fn held(
    coordinator: &mut Connection,
    asked: &Asked<'_>,
    parts: &mut [Part],
    mut readers: Vec<Connection>,
    pause: &Pause,
    control: &Control<'_>,
) -> Result<Taken> {
    // Not before: who changes a definition holds up writers' lock and waits for this one, so both would wait for ever.
    let holds_definitions = locks::hold_definitions(coordinator, control)?;
    coordinator.execute(SNAPSHOT, control)?;
    for reader in &mut readers {
        reader.execute(SNAPSHOT, control)?;
    }
    let mut position = position::of(coordinator, true, control)?;
    let locker = locks::lock_tables(asked, parts, control)?;
    coordinator.execute("UNLOCK TABLES", control)?;
    position.insert("locked_ms".to_owned(), json!(pause.milliseconds()));
    Ok(Taken { readers, locker, position, holds_definitions })
}

/// Takes all snapshots of a database in which nobody writes.
fn quiet(coordinator: &mut Connection, mut readers: Vec<Connection>, control: &Control<'_>) -> Result<Taken> {
    for connection in std::iter::once(coordinator).chain(&mut readers) {
        connection.execute(SNAPSHOT, control)?;
    }
    Ok(Taken { readers, ..Taken::default() })
}

/// Takes the one snapshot of somebody who may not hold writers up.
fn alone(coordinator: &mut Connection, parts: &mut [Part], control: &Control<'_>) -> Result<Taken> {
    coordinator.execute(SNAPSHOT, control)?;
    let position = position::of(coordinator, false, control)?;
    for part in parts {
        let others: Vec<_> = part.without_transactions().map(|table| table.name.to_string()).collect();
        part.warnings.push(
            "this user lacks the privilege RELOAD, so one connection alone reads, by one consistent snapshot: grant RELOAD to read by several at once"
                .to_owned(),
        );
        if !others.is_empty() {
            part.warnings.push(format!(
                "tables of engines without transactions are read as they are when their turn comes: {}",
                format_some(&others, locks::SHOWN)
            ));
        }
    }
    Ok(Taken { position, ..Taken::default() })
}

/// Tells MariaDB that a session writes nothing to the binary log: else it lets go of no table before the session's end
/// (its source, `trans_rollback_to_savepoint`). Who may not do that holds all tables to the end.
fn log_nothing(connection: &mut Connection, control: &Control<'_>) -> Result<()> {
    if connection.version().flavor != Flavor::MariaDb {
        return Ok(());
    }
    match connection.execute("SET SESSION sql_log_bin = 0", control) {
        Err(error) if is(&error, &[1227, 1045]) => Ok(()),
        result => result.map(drop),
    }
}

/// Opens the connections that read; fewer, or none, when the server takes no more.
fn open_readers(asked: &Asked<'_>, control: &Control<'_>) -> Result<Vec<Connection>> {
    let mut readers = Vec::new();
    while readers.len() < asked.jobs {
        match open(asked.target, control) {
            Ok(mut reader) => {
                locks::set_wait(&mut reader, 1, control)?;
                readers.push(reader);
            }
            Err(error) if is(&error, &[1040, 1203, 1226]) => break,
            Err(error) => return Err(error).context("during", "opening the connections that read"),
        }
    }
    Ok(readers)
}
