//! Several databases in one script: what waits until the rows of all of them stand in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectName, Result, Section};
use cadangkan_engine::{FrameSink, Snapshot, SnapshotEnd, SnapshotStart, Unit, UnitReport};
use cadangkan_mywire::identifier;

use super::deferred::Deferred;
use super::definitions;
use super::entries::{Entries, Title};
use super::views::order;
use crate::catalog::Schema;

/// Which part of such a script a database is.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) rest: Arc<Rest>,
}

/// What the parts have kept so far.
#[derive(Default)]
pub(super) struct Rest(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    databases: Vec<Database>,
    concerned: Vec<(Schema, BTreeSet<String>)>,
    trailer: Vec<u8>,
}

struct Database {
    name: String,
    deferred: Arc<Deferred>,
    /// Values of its sequences.
    values: Vec<Vec<u8>>,
}

impl Rest {
    /// Keeps what comes behind the rows of a database.
    pub(super) fn keep(&self, name: &str, deferred: &Arc<Deferred>, values: Vec<Vec<u8>>) {
        let database = Database { name: name.to_owned(), deferred: Arc::clone(deferred), values };
        self.kept().databases.push(database);
    }

    /// Keeps what puts the session's settings back.
    pub(super) fn keep_trailer(&self, trailer: &[u8]) {
        self.kept().trailer = trailer.to_vec();
    }

    /// Keeps whose accounts matter: those of a database, and the definers in it.
    pub(super) fn keep_concerned(&self, schema: Schema, definers: BTreeSet<String>) {
        self.kept().concerned.push((schema, definers));
    }

    /// What was kept of that: the databases, and all definers.
    pub(super) fn concerned(&self) -> (Vec<Schema>, BTreeSet<String>) {
        let kept = self.kept();
        let definers = kept.concerned.iter().flat_map(|(_, definers)| definers).cloned().collect();
        (kept.concerned.iter().map(|(schema, _)| schema.clone()).collect(), definers)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What closes the script.
pub(super) struct MysqlRest {
    start: SnapshotStart,
    units: Vec<Unit>,
    /// The text of each unit, and which piece it is of its database's definitions.
    texts: Vec<(u64, Vec<u8>)>,
}

impl MysqlRest {
    /// Puts it together.
    pub(super) fn of(rest: &Rest) -> MysqlRest {
        let kept = rest.kept();
        let (mut units, mut texts) = (Vec::new(), Vec::new());
        let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
        for (name, text) in ordered(&kept.databases) {
            let part = parts.entry(name).or_default();
            texts.push((*part, text));
            units.push(unit(units.len(), Section::PostData, Some(name.to_owned())));
            *part += 1;
        }
        units.push(unit(units.len(), Section::Trailer, None));
        texts.push((0, kept.trailer.clone()));
        MysqlRest { start: SnapshotStart::default(), units, texts }
    }
}

fn unit(number: usize, section: Section, database: Option<String>) -> Unit {
    let object = ObjectName { database, ..ObjectName::new("definitions") };
    Unit { number, section, object, kind: ObjectKind::DEFINITIONS }
}

/// Texts with the database that each is of: routines of all, views of all in an order in which each finds what it reads,
/// then triggers, events and values of sequences of all.
fn ordered(databases: &[Database]) -> Vec<(&str, Vec<u8>)> {
    let mut texts = Vec::new();
    for database in databases {
        texts.extend(database.deferred.routines.texts().map(|text| (database, text.to_vec())));
    }
    let mut runs: Vec<(&Database, Entries)> = Vec::new();
    for (database, view) in views(databases) {
        match runs.last_mut().filter(|(last, _)| last.name == database.name) {
            Some((_, entries)) => view.add_to(entries),
            None => {
                let mut entries = Entries::default();
                view.add_to(&mut entries);
                runs.push((database, entries));
            }
        }
    }
    for (database, entries) in runs {
        texts.extend(entries.finish().into_iter().map(|text| (database, text)));
    }
    for database in databases {
        let others = database.deferred.others.texts().map(<[u8]>::to_vec).chain(database.values.clone());
        texts.extend(others.map(|text| (database, text)));
    }
    texts
        .into_iter()
        .map(|(database, text)| (database.name.as_str(), turned_to(&database.name, text)))
        .collect()
}

/// A text behind the statement that turns to its database, which is an entry of its own.
fn turned_to(database: &str, text: Vec<u8>) -> Vec<u8> {
    let mut entries = Entries::default();
    let title = Title { kind: "DATABASE", name: database, table: None };
    entries.add(&title, format!("USE {};\n", identifier(database)).as_bytes());
    let mut turned = entries.finish().concat();
    turned.extend(text);
    turned
}

/// The views of all databases, what is read before what reads it.
fn views(databases: &[Database]) -> Vec<(&Database, &super::views::View)> {
    let key = |database: &str, name: &str| format!("{}\0{}", database.to_lowercase(), name.to_lowercase());
    let (mut views, mut functions) = (Vec::new(), BTreeMap::new());
    for database in databases {
        let own = |name: &String| key(&database.name, name);
        for view in &database.deferred.views {
            let elsewhere = view.reads_elsewhere.iter().map(|(outer, name)| key(outer, name));
            let reads: BTreeSet<_> = view.reads.iter().map(own).chain(elsewhere).collect();
            views.push((database, view, own(&view.name), reads));
        }
        for (function, names) in &database.deferred.functions {
            functions.insert(own(function), names.iter().map(own).collect());
        }
    }
    let reads: Vec<_> = views.iter().map(|(_, _, key, reads)| (key.as_str(), reads)).collect();
    let places = order(&reads, &functions);
    places
        .into_iter()
        .filter_map(|place| views.get(place).map(|(database, view, ..)| (*database, *view)))
        .collect()
}

impl Snapshot for MysqlRest {
    fn start(&self) -> &SnapshotStart {
        &self.start
    }

    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, _control: &Control<'_>) -> Result<UnitReport> {
        let wrong = || Error::new(ErrorKind::Internal, "a unit of another snapshot was asked for");
        let (part, text) = self.texts.get(unit.number).ok_or_else(wrong)?;
        definitions::send(unit, *part, std::slice::from_ref(text), sink)?;
        Ok(UnitReport::default())
    }

    fn end(self: Box<Self>, _control: &Control<'_>) -> Result<SnapshotEnd> {
        Ok(SnapshotEnd::default())
    }
}
