//! How a view begins.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_mywire::Connection;
use serde_json::{Map, Value, json};

use super::locks::{self, Pause};
use super::{Asked, View, Writers, position, touch};
use crate::catalog::{self, Relations, Schema};
use crate::session::{is, open};

/// How often tables may change while a view begins before we give up.
const TRIES: usize = 10;

const SNAPSHOT: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// Opens a view; begins again when a table was altered meanwhile.
pub(super) fn begin(asked: &Asked<'_>, control: &Control<'_>) -> Result<View> {
    let began = Instant::now();
    let mut changed = String::new();
    for _ in 0..TRIES {
        control.check()?;
        match try_begin(asked, began, control)? {
            Begun::View(view) => return Ok(*view),
            Begun::Changed(what) => changed = what,
        }
    }
    Err(Error::new(
        ErrorKind::Conflict,
        "tables were made, dropped or altered again and again as the backup began",
    )
    .context("table", changed)
    .hint("back up when the change of definitions is over")
    .retryable())
}

enum Begun {
    View(Box<View>),
    /// A table, or what happened to it.
    Changed(String),
}

/// What was there at the moment of the snapshot.
struct Moment {
    readers: Vec<Connection>,
    locker: Option<Connection>,
    position: Map<String, Value>,
    warnings: Vec<String>,
    /// Whether nobody can change definitions.
    holds_definitions: bool,
}

fn try_begin(asked: &Asked<'_>, began: Instant, control: &Control<'_>) -> Result<Begun> {
    let name = asked.target.database().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no database is named").hint("name it at the end of the URL")
    })?;
    let mut coordinator = open(asked.target, control)?;
    let schema = Schema::of(&mut coordinator, name, control)?;
    let (first, rest) = locks::wait_limit(asked.lock_timeout);
    locks::set_wait(&mut coordinator, first, control)?;
    let before = catalog::relations(&mut coordinator, &schema, asked.selection, control)?;
    catalog::check_names(&before, asked.selection)?;
    let readers = open_readers(asked, control)?;
    let moment = if asked.writers == Writers::Nobody {
        quiet(&mut coordinator, readers, control)?
    } else {
        match locks::hold_writers(&mut coordinator, began, asked.lock_timeout, control)? {
            Some(pause) => held(&mut coordinator, asked, &before, readers, &pause, control)?,
            None => alone(&mut coordinator, &before, control)?,
        }
    };
    locks::set_wait(&mut coordinator, rest, control)?;
    let after = catalog::relations(&mut coordinator, &schema, asked.selection, control)?;
    if let Some(changed) = difference(&before, &after) {
        return Ok(Begun::Changed(changed));
    }
    let mut relations = after;
    let denied = match touch::all(&mut coordinator, &relations, control)? {
        touch::Touched::All(denied) => denied,
        touch::Touched::Altered(table) => return Ok(Begun::Changed(table)),
    };
    catalog::describe(&mut coordinator, &schema, &mut relations.tables, control)?;
    if moment.holds_definitions {
        coordinator.execute("UNLOCK INSTANCE", control)?;
    }
    let Moment { readers, locker, position, warnings, .. } = moment;
    Ok(Begun::View(Box::new(View {
        version: coordinator.version().clone(),
        schema,
        relations,
        position,
        warnings,
        denied,
        width: readers.len().max(1),
        coordinator: Mutex::new(coordinator),
        readers: Mutex::new(readers),
        locker: Mutex::new(locker),
        locked_units: AtomicUsize::new(0),
    })))
}

/// Takes all snapshots while nobody writes, and lets go of the writers.
fn held(
    coordinator: &mut Connection,
    asked: &Asked<'_>,
    relations: &Relations,
    mut readers: Vec<Connection>,
    pause: &Pause,
    control: &Control<'_>,
) -> Result<Moment> {
    // Not before: who changes a definition holds up writers' lock and waits for this one, so both would wait for ever.
    let holds_definitions = locks::hold_definitions(coordinator, control)?;
    coordinator.execute(SNAPSHOT, control)?;
    for reader in &mut readers {
        reader.execute(SNAPSHOT, control)?;
    }
    let mut position = position::of(coordinator, true, control)?;
    let mut warnings = Vec::new();
    let locker = locks::lock_tables(asked, relations, &mut warnings, control)?;
    coordinator.execute("UNLOCK TABLES", control)?;
    position.insert("locked_ms".to_owned(), json!(pause.milliseconds()));
    Ok(Moment { readers, locker, position, warnings, holds_definitions })
}

/// Takes all snapshots of a database in which nobody writes.
fn quiet(
    coordinator: &mut Connection,
    mut readers: Vec<Connection>,
    control: &Control<'_>,
) -> Result<Moment> {
    for connection in std::iter::once(coordinator).chain(&mut readers) {
        connection.execute(SNAPSHOT, control)?;
    }
    let (position, warnings) = (Map::new(), Vec::new());
    Ok(Moment { readers, locker: None, position, warnings, holds_definitions: false })
}

/// Takes the one snapshot of somebody who may not hold writers up.
fn alone(coordinator: &mut Connection, relations: &Relations, control: &Control<'_>) -> Result<Moment> {
    coordinator.execute(SNAPSHOT, control)?;
    let position = position::of(coordinator, false, control)?;
    let mut warnings = vec![
        "this user lacks the privilege RELOAD, so one connection alone reads, by one consistent snapshot: grant RELOAD to read by several at once"
            .to_owned(),
    ];
    let others = locks::names_without_transactions(relations);
    if !others.is_empty() {
        warnings.push(format!(
            "tables of engines without transactions are read as they are when their turn comes: {}",
            locks::some(&others)
        ));
    }
    Ok(Moment { readers: Vec::new(), locker: None, position, warnings, holds_definitions: false })
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

/// Names a table, view or sequence that is not the same in both lists.
fn difference(before: &Relations, after: &Relations) -> Option<String> {
    let key = |relations: &Relations| {
        let tables = relations.tables.iter().map(|table| (table.name.name.clone(), table.engine.clone()));
        let others = relations.views.iter().chain(&relations.sequences);
        let others = others.map(|name| (name.clone(), String::new()));
        tables.chain(others).collect::<std::collections::BTreeSet<_>>()
    };
    let (before, after) = (key(before), key(after));
    before.symmetric_difference(&after).next().map(|(name, _)| name.clone())
}
