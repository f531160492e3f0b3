//! The definitions of the backup: kept until it is their turn, then run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cadangkan_core::{Control, Error, ErrorKind, Level, ObjectKind, ObjectName, Result, Section, Selection};
use cadangkan_engine::LoadMode;
use cadangkan_mywire::{Connection, literal};

use super::checks::{refuse_sequences_as_defaults, warn_of_definers};
use super::entries::{Definer, Entry, is_meant, parse};
use super::objects::{self, Object};
use super::place::Place;
use super::plan::{Detail, Way, no_such_table};
use super::pool::Pool;
use super::portable;
use super::rows::Count;
use super::statement::{code, define, explain};
use super::tables::{self, Later};
use crate::script::{About, CreateTable, Kind};

/// So many bytes of definitions are held: far more than a server's catalogs are made for.
const MAX_BYTES: usize = 1 << 30;

/// Texts by where they begin in the archive, since frames of a section may come in any order.
type Texts = BTreeMap<u64, Vec<u8>>;

/// Definitions that have come, and how far they were run.
pub(super) struct Definitions {
    selection: Selection,
    mode: LoadMode,
    definer: Definer,
    /// Accounts that are made once the database is in place.
    coming: Vec<String>,
    /// Rows of each table, where they are known.
    rows: BTreeMap<String, u64>,
    header: Texts,
    pre_data: Texts,
    post_data: Texts,
    bytes: usize,
    later: Later,
    /// What is neither a table nor in one, in its order: for the swap.
    others: Vec<Entry>,
    /// Whether views may wait for databases that are restored together with this one.
    may_wait: bool,
    /// Those that do.
    waiting: Vec<Entry>,
    /// Tables that the backup has.
    seen: BTreeSet<String>,
    /// Those that were made, of an engine with transactions.
    transactional: BTreeSet<String>,
    /// Of those that take rows in any way, the columns of ENUM and SET.
    members: BTreeMap<String, Arc<[String]>>,
    /// What the target had before, for mode clean.
    present: Option<Vec<Object>>,
    stage: Stage,
}

enum Stage {
    /// The definitions that rows need are still coming.
    Collecting,
    /// They were run.
    Running,
    /// They could not be run: what kind of failure it was, and what it said.
    Failed(ErrorKind, String),
    /// All was run.
    Over,
}

impl Definitions {
    pub(super) fn new(detail: &Detail) -> Definitions {
        let request = &detail.request;
        let tables = request.objects.iter().filter(|object| object.kind == ObjectKind::TABLE);
        Definitions {
            selection: request.selection.clone(),
            mode: request.mode,
            definer: detail.definer.clone(),
            coming: detail.accounts.made.iter().map(ToString::to_string).collect(),
            rows: tables.filter_map(|table| Some((table.name.name.clone(), table.rows?))).collect(),
            header: Texts::new(),
            pre_data: Texts::new(),
            post_data: Texts::new(),
            bytes: 0,
            later: Later::default(),
            others: Vec::new(),
            may_wait: request.together.len() > 1,
            waiting: Vec::new(),
            seen: BTreeSet::new(),
            transactional: BTreeSet::new(),
            members: BTreeMap::new(),
            present: None,
            stage: Stage::Collecting,
        }
    }

    /// Keeps a piece of text.
    ///
    /// # Errors
    /// `Unsupported` over 1 GiB of definitions.
    pub(super) fn add(&mut self, section: Section, offset: u64, data: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > MAX_BYTES {
            return Err(Error::new(ErrorKind::Unsupported, "the backup has more than 1 GiB of definitions")
                .hint("restore it with the server's own client"));
        }
        let texts = match section {
            Section::Header => &mut self.header,
            Section::PreData => &mut self.pre_data,
            // What is put back at the end is of sessions that end with the load.
            Section::Trailer => return Ok(()),
            Section::Data | Section::PostData => &mut self.post_data,
        };
        texts.insert(offset, data.to_vec());
        Ok(())
    }

    /// Runs what rows need, once; later calls find it done.
    pub(super) fn before_rows(&mut self, pool: &Pool, place: &Place, control: &Control<'_>) -> Result<()> {
        match &self.stage {
            Stage::Running | Stage::Over => return Ok(()),
            Stage::Failed(kind, message) => {
                let message = format!("the backup's definitions could not be made: {message}");
                return Err(Error::new(*kind, message).hint("see the error that came first"));
            }
            Stage::Collecting => {}
        }
        let ran = self.run_before_rows(pool, place, control);
        self.stage = match &ran {
            Ok(()) => Stage::Running,
            Err(error) => Stage::Failed(error.kind(), error.message().to_owned()),
        };
        ran
    }

    fn run_before_rows(&mut self, pool: &Pool, place: &Place, control: &Control<'_>) -> Result<()> {
        let (header, of_header) = parse(&take(&mut self.header))?;
        let (preamble, entries) = parse(&take(&mut self.pre_data))?;
        let settings = header.iter().chain(&preamble);
        let settings = settings.filter(|text| About::read(text).kind == Kind::Set).cloned().collect();
        self.seen
            .extend(entries.iter().filter(|entry| entry.kind == Kind::Table).map(|entry| entry.name.clone()));
        self.refuse_unknown_tables()?;
        let mut entries: Vec<_> = entries.into_iter().filter(|entry| self.is_meant(entry)).collect();
        if self.mode == LoadMode::Data {
            self.look_at_engines(place, control)?;
            return pool.set_preamble(settings, control);
        }
        entries.iter_mut().for_each(|entry| entry.change_definer(&self.definer));
        if matches!(place.way, Way::Beside(_)) {
            refuse_sequences_as_defaults(&entries)?;
        }
        let mut there = super::look::open(place.server(), control)?;
        portable::check(&mut there, &entries, control)?;
        drop(there);
        place.begin(control)?;
        pool.set_preamble(settings, control)?;
        place.touch();
        let of_database = header.iter().chain(of_header.iter().flat_map(|entry| &entry.statements));
        if place.is_own() && !self.selection.is_of_tables() {
            for statement in of_database.filter(|text| About::read(text).kind == Kind::Database) {
                pool.with(control, |connection| self.of_database(connection, statement, control))?;
            }
        }
        let (first, tables): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.kind != Kind::Table);
        pool.with(control, |connection| {
            for entry in first.iter().chain(&tables) {
                self.make_room(connection, place, entry, control)?;
            }
            first.iter().try_for_each(|entry| entry.run(connection, control))
        })?;
        self.transactional
            .extend(tables.iter().filter(|entry| has_transactions(entry)).map(|entry| entry.name.clone()));
        self.members.extend(tables.iter().filter_map(members));
        let tables = tables::plan(tables, &self.rows);
        self.later.make(pool, tables, control)
    }

    /// Sets the character set of the database, which is the one that the connection is in. A server that does not
    /// know it keeps its own: every table says its own as well.
    pub(super) fn of_database(
        &self,
        connection: &mut Connection,
        statement: &[u8],
        control: &Control<'_>,
    ) -> Result<()> {
        if About::read(statement).database.is_some() {
            return Ok(());
        }
        match connection.execute(statement, control) {
            Err(error) if matches!(code(&error), Some(1273 | 1115 | 1253 | 1064)) => {
                let text = "the database has the server's own character set, as this server does not know the backup's";
                control.message(Level::Warning, text);
                Ok(())
            }
            Err(error) => Err(explain(error, "DATABASE", statement)),
            Ok(_) => Ok(()),
        }
    }

    /// Builds what waited for the rows, then makes what needs tables.
    pub(super) fn after_rows(
        &mut self,
        pool: &Pool,
        place: &Place,
        counts: &BTreeMap<ObjectName, Count>,
        control: &Control<'_>,
    ) -> Result<()> {
        self.before_rows(pool, place, control)?;
        if !matches!(std::mem::replace(&mut self.stage, Stage::Over), Stage::Running) {
            return Ok(());
        }
        let (_, entries) = parse(&take(&mut self.post_data))?;
        // What turns to a database is for other clients, which load several.
        let is_meant = |entry: &Entry| entry.kind != Kind::Database && self.is_meant(entry);
        let mut entries: Vec<_> = entries.into_iter().filter(is_meant).collect();
        if self.mode == LoadMode::Data {
            // Only ever upwards: a server takes no value that is lower than what a sequence has.
            entries.retain(|entry| entry.kind == Kind::SequenceValue);
            return pool.with(control, |connection| {
                entries.iter().try_for_each(|entry| entry.run(connection, control))
            });
        }
        entries.iter_mut().for_each(|entry| entry.change_definer(&self.definer));
        pool.with(control, |connection| {
            portable::check(connection, &entries, control)?;
            warn_of_definers(connection, &entries, &self.coming, control)
        })?;
        self.build(pool, counts, control)?;
        self.waiting = pool.with(control, |connection| {
            let mut failed = Vec::new();
            for entry in &entries {
                self.make_room(connection, place, entry, control)?;
                self.make_other(connection, place, entry, &mut failed, control)?;
            }
            self.make_failed(connection, failed, control)
        })?;
        entries.retain(|entry| !self.waiting.contains(entry));
        self.others.extend(entries.into_iter().filter(|entry| entry.kind != Kind::SequenceValue));
        Ok(())
    }

    /// Builds indexes and foreign keys that waited.
    pub(super) fn build(
        &mut self,
        pool: &Pool,
        counts: &BTreeMap<ObjectName, Count>,
        control: &Control<'_>,
    ) -> Result<()> {
        if self.selection.is_of_tables() {
            self.later.drop_dangling(pool, control)?;
        }
        self.later.build(pool, counts, control)
    }

    /// Makes one that is neither table nor sequence. Events wait for the swap, so that none of them runs on what is
    /// beside the target; views that need others which are not there yet are tried again.
    fn make_other<'a>(
        &self,
        connection: &mut Connection,
        place: &Place,
        entry: &'a Entry,
        failed: &mut Vec<&'a Entry>,
        control: &Control<'_>,
    ) -> Result<()> {
        if entry.kind == Kind::Event && matches!(place.way, Way::Beside(_)) {
            return Ok(());
        }
        match entry.run(connection, control) {
            Err(error) if entry.kind == Kind::View && is_for_lack(&error) => {
                failed.push(entry);
                Ok(())
            }
            result => result,
        }
    }

    /// Tries views again until none more can be made; returns those that may wait.
    fn make_failed(
        &self,
        connection: &mut Connection,
        mut failed: Vec<&Entry>,
        control: &Control<'_>,
    ) -> Result<Vec<Entry>> {
        while !failed.is_empty() {
            let (before, mut left, mut last) = (failed.len(), Vec::new(), None);
            for entry in failed {
                match entry.run(connection, control) {
                    Err(error) if is_for_lack(&error) => {
                        left.push(entry);
                        last = Some(error);
                    }
                    result => result?,
                }
            }
            if let Some(error) = last.filter(|_| left.len() == before) {
                if self.may_wait {
                    return Ok(left.into_iter().cloned().collect());
                }
                if !self.selection.is_of_tables() {
                    return Err(error);
                }
                let names: Vec<_> = left.iter().map(|entry| entry.name.as_str()).collect();
                let text =
                    format!("views of tables that were left out are left out too: {}", names.join(", "));
                control.message(Level::Warning, &text);
                return Ok(Vec::new());
            }
            failed = left;
        }
        Ok(Vec::new())
    }

    /// The views that wait for other databases.
    pub(super) fn take_waiting(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.waiting)
    }

    /// Drops what stands in the way of an entry, in mode clean.
    pub(super) fn make_room(
        &mut self,
        connection: &mut Connection,
        place: &Place,
        entry: &Entry,
        control: &Control<'_>,
    ) -> Result<()> {
        if self.mode != LoadMode::Clean || place.way != Way::Inside || entry.kind == Kind::SequenceValue {
            return Ok(());
        }
        let present = match &mut self.present {
            Some(present) => present,
            none => none.insert(objects::list(connection, &place.database, control)?),
        };
        let is_same = |object: &Object| object.is_in_the_way(entry.kind, &entry.name, place.lowers);
        let is_of_it = |object: &Object| {
            let table = object.table.as_ref();
            table.is_some_and(|table| {
                Object::table(table).is_in_the_way(entry.kind, &entry.name, place.lowers)
            })
        };
        let in_the_way: Vec<Object> = present.iter().filter(|object| is_same(object)).cloned().collect();
        present.retain(|object| !is_same(object) && !is_of_it(object));
        in_the_way.iter().try_for_each(|object| object.drop_from(connection, &place.database, control))
    }

    /// Makes one table of a script that comes in its order.
    pub(super) fn make_table(
        &mut self,
        connection: &mut Connection,
        place: &Place,
        entry: Entry,
        control: &Control<'_>,
    ) -> Result<()> {
        self.make_room(connection, place, &entry, control)?;
        if has_transactions(&entry) {
            self.transactional.insert(entry.name.clone());
        } else {
            self.transactional.remove(&entry.name);
        }
        let made = tables::plan_alone(entry, &self.rows);
        self.later.make_one(connection, made, control)
    }

    /// Makes something else of such a script, and keeps it for the swap.
    pub(super) fn make_of_script(
        &mut self,
        connection: &mut Connection,
        place: &Place,
        mut entry: Entry,
        control: &Control<'_>,
    ) -> Result<()> {
        entry.change_definer(&self.definer);
        self.make_room(connection, place, &entry, control)?;
        let waits = entry.kind == Kind::Event && matches!(place.way, Way::Beside(_));
        if let Some(text) = entry.statements.last().filter(|_| !waits) {
            define(connection, text, control).map_err(|error| explain(error, &entry.shown(), text))?;
        }
        // The last one of a name counts: dumps make views twice.
        if entry.kind != Kind::Package {
            self.others.retain(|other| other.kind != entry.kind || other.name != entry.name);
        }
        self.others.push(entry);
        Ok(())
    }

    /// Takes note of a table that the backup has.
    pub(super) fn see(&mut self, table: &str) {
        self.seen.insert(table.to_owned());
    }

    /// Whether a table's engine is known to have transactions, so that rows can be taken back.
    pub(super) fn has_transactions(&self, table: &str) -> bool {
        self.transactional.contains(table)
    }

    /// The columns of ENUM and SET of a table that takes rows in any way.
    pub(super) fn members(&self, table: &str) -> Option<Arc<[String]>> {
        self.members.get(table).cloned()
    }

    /// Asks the server for the engines of tables that are there already.
    fn look_at_engines(&mut self, place: &Place, control: &Control<'_>) -> Result<()> {
        let sql = format!(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND ENGINE IN ('InnoDB', 'ROCKSDB')",
            literal(&place.database)
        );
        let rows = super::look::open(place.server(), control)?.query(&sql, control)?;
        self.transactional.extend(rows.into_iter().flatten().flatten());
        Ok(())
    }

    /// Number of tables of the backup that are meant.
    pub(super) fn tables(&self) -> u64 {
        self.seen.iter().filter(|table| self.selection.has_table(&ObjectName::new(table.as_str()))).count()
            as u64
    }

    /// Takes note that a script comes in its order.
    pub(super) fn begin_script(&mut self, place: &Place, control: &Control<'_>) -> Result<()> {
        self.stage = Stage::Over;
        if self.mode == LoadMode::Data { self.look_at_engines(place, control) } else { Ok(()) }
    }

    /// What is neither a table nor in one.
    pub(super) fn others(&self) -> &[Entry] {
        &self.others
    }

    fn is_meant(&self, entry: &Entry) -> bool {
        is_meant(&self.selection, entry.kind, &entry.name, entry.table.as_deref())
    }

    /// Refuses names of tables that the backup does not have.
    pub(super) fn refuse_unknown_tables(&self) -> Result<()> {
        let mut tables = self.selection.tables.iter().filter(|pattern| !pattern.is_glob());
        let is_known = |pattern: &cadangkan_core::Pattern| {
            self.rows.contains_key(&pattern.0) || self.seen.iter().any(|table| pattern.matches(table))
        };
        match tables.find(|pattern| !is_known(pattern)) {
            Some(pattern) => Err(no_such_table(&pattern.0)),
            None => Ok(()),
        }
    }
}

/// Tells whether a table is of an engine that is known to have transactions.
fn has_transactions(entry: &Entry) -> bool {
    let engine = entry.main().and_then(|text| CreateTable::read(text)).map(|table| table.engine);
    engine.is_some_and(|engine| engine.is_none_or(|engine| matches!(engine.as_str(), "innodb" | "rocksdb")))
}

/// The columns of ENUM and SET of a table of an engine with transactions that keeps no history.
fn members(entry: &Entry) -> Option<(String, Arc<[String]>)> {
    let table = entry.main().and_then(|text| CreateTable::read(text)).filter(CreateTable::can_wait)?;
    let columns = table.columns().filter(|(_, kind)| matches!(*kind, "enum" | "set"));
    Some((entry.name.clone(), columns.map(|(name, _)| name.to_owned()).collect()))
}

/// Tells whether a view could not be made since something that it reads is not there.
pub(super) fn is_for_lack(error: &Error) -> bool {
    matches!(code(error), Some(1146 | 1356 | 1305 | 1054 | 1049))
}

/// Joins texts, which are gone afterwards.
fn take(texts: &mut Texts) -> Vec<u8> {
    std::mem::take(texts).into_values().flatten().collect()
}
