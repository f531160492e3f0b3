//! The definitions of the backup: kept until it is their turn, then run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cadangkan_core::{Control, Error, ErrorKind, Level, ObjectName, Result, Section, Selection};
use cadangkan_engine::LoadMode;
use cadangkan_pgwire::{Connection, identifier};

use super::clean;
use super::entries::Runner;
use super::filter::{Filter, is_of_database};
use super::guard::Guard;
use super::jobs::{Jobs, Weights};
use super::plan::renamed;
use super::pool::Pool;
use super::rows::{Count, missing};
use super::sequences;
use super::statement::explain;
use super::tablespaces::{self, Tablespace};
use crate::script::{self, Entry, QualifiedName, Script, Selector};

/// So many bytes of definitions are held: far more than a server's catalogs are made for.
const MAX_BYTES: usize = 1 << 30;

/// Texts by where they begin in the archive, since frames of a section may come in any order.
type Texts = BTreeMap<u64, Vec<u8>>;

/// Definitions that have come, and how far they were run.
pub(super) struct Definitions {
    filter: Filter,
    runner: Runner,
    mode: LoadMode,
    /// Set before the first definition is run.
    touched: Arc<AtomicBool>,
    selection: Selection,
    header: Texts,
    globals: Texts,
    tablespaces: Vec<Tablespace>,
    pre_data: Texts,
    sequences: Texts,
    post_data: Texts,
    bytes: usize,
    stage: Stage,
    /// The rows that will come, where the definitions that need them may be made as they do.
    expected: Option<BTreeMap<ObjectName, Count>>,
    /// These definitions, where they are known before the rows.
    early: Option<Arc<Later>>,
}

enum Stage {
    /// The definitions that rows need are still coming.
    Collecting(Selector),
    /// They were run; what is left is that selection's.
    Running(Selector),
    /// They could not be run: what kind of failure it was, and what it said.
    Failed(ErrorKind, String),
    /// All was run.
    Over,
}

impl Definitions {
    pub(super) fn new(
        selection: &Selection,
        mode: LoadMode,
        filter: Filter,
        tablespaces: Vec<Tablespace>,
        runner: Runner,
        touched: Arc<AtomicBool>,
        expected: Option<BTreeMap<ObjectName, Count>>,
    ) -> Definitions {
        Definitions {
            filter,
            runner,
            mode,
            touched,
            selection: selection.clone(),
            header: Texts::new(),
            globals: Texts::new(),
            tablespaces,
            pre_data: Texts::new(),
            sequences: Texts::new(),
            post_data: Texts::new(),
            bytes: 0,
            expected,
            early: None,
            stage: Stage::Collecting(Selector::new(selection)),
        }
    }

    /// Keeps a piece of text.
    ///
    /// # Errors
    /// `Unsupported` over 1 GiB of definitions, `DamagedBackup` for an object that no dump of ours has.
    pub(super) fn add(
        &mut self,
        section: Section,
        object: &ObjectName,
        offset: u64,
        data: &[u8],
    ) -> Result<()> {
        self.bytes = self.bytes.saturating_add(data.len());
        if self.bytes > MAX_BYTES {
            return Err(Error::new(ErrorKind::Unsupported, "the backup has more than 1 GiB of definitions")
                .hint("restore it with psql"));
        }
        let texts = match (section, object.name.as_str()) {
            _ if object.schema.is_some() => return Err(missing("a frame of rows stands among definitions")),
            (Section::Header, "globals") => &mut self.globals,
            (Section::Header, _) => &mut self.header,
            (Section::PreData, _) => &mut self.pre_data,
            (Section::Data, "sequence values") => &mut self.sequences,
            (Section::PostData | Section::Trailer, _) => &mut self.post_data,
            (Section::Data, _) => {
                return Err(missing("the backup has rows of something unknown").context("object", object));
            }
        };
        texts.insert(offset, data.to_vec());
        Ok(())
    }

    /// What is made as rows come, when it is known by now.
    pub(super) fn early(&self) -> Option<Arc<Later>> {
        self.early.clone()
    }

    /// Runs what rows need, once; later calls find it done.
    pub(super) fn before_rows(&mut self, pool: &Pool, control: &Control<'_>) -> Result<()> {
        let selector = match &self.stage {
            Stage::Running(_) | Stage::Over => return Ok(()),
            Stage::Failed(kind, message) => {
                let message = format!("the backup's definitions could not be made: {message}");
                return Err(Error::new(*kind, message).hint("see the error that came first"));
            }
            Stage::Collecting(_) => match std::mem::replace(&mut self.stage, Stage::Over) {
                Stage::Collecting(selector) => selector,
                _ => return Ok(()),
            },
        };
        let ran = self.run_before_rows(selector, pool, control);
        match ran {
            Ok(selector) => {
                self.stage = Stage::Running(selector);
                Ok(())
            }
            Err(error) => {
                self.stage = Stage::Failed(error.kind(), error.message().to_owned());
                Err(error)
            }
        }
    }

    fn run_before_rows(
        &mut self,
        mut selector: Selector,
        pool: &Pool,
        control: &Control<'_>,
    ) -> Result<Selector> {
        let mut whole = take(&mut self.header)?;
        whole.push_str(&take(&mut self.pre_data)?);
        let script = script::parse(&whole)?;
        drop(whole);
        let settings = script.preamble.iter().filter(|statement| is_setting(statement)).cloned().collect();
        pool.set_preamble(settings, control)?;
        if self.mode == LoadMode::Data {
            return Ok(selector);
        }
        self.run_globals(pool, control)?;
        let later = match self.expected {
            Some(_) => script::parse(&take(&mut self.post_data)?)?,
            None => Script::default(),
        };
        if !later.entries.is_empty() {
            selector.look_ahead(&later);
        }
        let selected = selector.pre_data(&script)?;
        selected.warnings.iter().for_each(|warning| control.message(Level::Warning, warning));
        let entries = self.filter.apply(selected.entries);
        pool.with(control, |connection| {
            if self.mode == LoadMode::Clean {
                clean::drop_all(connection, &entries, self.selection.is_of_tables(), control)?;
            }
            self.touched.store(true, Ordering::Relaxed);
            self.make_schemas(connection, &entries, control)?;
            entries.iter().try_for_each(|entry| self.runner.run(connection, entry, control))
        })?;
        if let Some(expected) = self.expected.take().filter(|_| !later.entries.is_empty()) {
            self.early = Some(Arc::new(self.later(&mut selector, &later, expected, true, pool, control)?));
        }
        Ok(selector)
    }

    /// Makes the schemas that get a new name and that no entry makes: a dump takes `public` for granted.
    fn make_schemas(
        &self,
        connection: &mut Connection,
        entries: &[Entry],
        control: &Control<'_>,
    ) -> Result<()> {
        let made = |name: &str| {
            let mut schemas = entries.iter().filter(|entry| entry.header.kind == "SCHEMA");
            schemas.any(|entry| entry.defines().is_some_and(|schema| schema.name == name))
        };
        for (_, name) in self.filter.options.rename_schemas.iter().filter(|(_, name)| !made(name)) {
            let statement = format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(name));
            connection.execute(&statement, control).map_err(|error| explain(error, "SCHEMA", &statement))?;
        }
        Ok(())
    }

    fn run_globals(&mut self, pool: &Pool, control: &Control<'_>) -> Result<()> {
        let text = take(&mut self.globals)?;
        if !self.filter.options.globals {
            return Ok(());
        }
        let script = script::parse(&text)?;
        let statements =
            script.preamble.iter().chain(script.entries.iter().flat_map(|entry| &entry.statements));
        pool.with(control, |connection| {
            statements.into_iter().try_for_each(|statement| {
                let done = connection.execute(statement, control);
                done.map(drop).map_err(|error| explain(error, "roles", statement))
            })?;
            // Their owners are there by now.
            tablespaces::make(connection, &self.tablespaces, &mut self.filter.missing_tablespaces, control)
        })
    }

    /// Sets sequences, then runs what needs rows, in parallel where that is possible; beside it, gathers statistics of
    /// the tables with rows.
    pub(super) fn after_rows(
        &mut self,
        pool: &Pool,
        counts: &BTreeMap<ObjectName, Count>,
        control: &Control<'_>,
    ) -> Result<Rest> {
        self.before_rows(pool, control)?;
        let Stage::Running(mut selector) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Ok(Rest::default());
        };
        let sequences = script::parse(&take(&mut self.sequences)?)?;
        if self.mode == LoadMode::Data {
            let entries = self.filter.apply(sequences.entries);
            pool.with(control, |connection| {
                let entries = sequences::of_selection(connection, entries, &self.selection, control)?;
                self.run(connection, &entries, control)
            })?;
            return Ok(Rest::default());
        }
        let entries = self.filter.apply(selector.post_data(&sequences).entries);
        pool.with(control, |connection| self.run(connection, &entries, control))?;
        let later = match self.early.take() {
            Some(early) => early,
            None => {
                let script = script::parse(&take(&mut self.post_data)?)?;
                Arc::new(self.later(&mut selector, &script, counts.clone(), false, pool, control)?)
            }
        };
        later.jobs.run_all(pool, control)?;
        let of_database = if self.selection.is_of_tables() { Vec::new() } else { later.of_database.clone() };
        Ok(Rest { of_database, analyzed: later.analyzed.iter().map(QualifiedName::object).collect() })
    }

    /// Sorts the definitions that need rows; `early` when the rows are still to come.
    fn later(
        &self,
        selector: &mut Selector,
        script: &Script,
        expected: BTreeMap<ObjectName, Count>,
        early: bool,
        pool: &Pool,
        control: &Control<'_>,
    ) -> Result<Later> {
        let selected = selector.post_data(script);
        selected.warnings.iter().for_each(|warning| control.message(Level::Warning, warning));
        let (of_database, entries): (Vec<_>, Vec<_>) =
            self.filter.apply(selected.entries).into_iter().partition(is_of_database);
        if self.mode == LoadMode::Clean {
            pool.with(control, |connection| clean::drop_late(connection, &entries, control))?;
        }
        let expected: BTreeMap<_, _> = expected
            .into_iter()
            .filter_map(|(table, count)| Some((table.clone(), (self.here(&table)?, count))))
            .collect();
        let weights: Weights = expected.values().map(|(here, count)| (here.clone(), count.bytes)).collect();
        // Not where statistics are still to be declared, and not within one transaction.
        let is_apart = pool.is_held() || entries.iter().any(|entry| entry.header.kind == "STATISTICS");
        let analyzed: Vec<_> = if is_apart { Vec::new() } else { weights.keys().cloned().collect() };
        let guard = if early { Guard::hold(pool, &weights, control) } else { Guard::default() };
        let jobs = Jobs::new(entries, self.runner, &weights, &analyzed, guard);
        Ok(Later { jobs, of_database, analyzed, expected })
    }

    /// What a table of the backup is called here.
    fn here(&self, name: &ObjectName) -> Option<QualifiedName> {
        let ObjectName { schema, name, .. } = renamed(name, &self.filter.options);
        Some(QualifiedName::of(schema?, name))
    }

    /// Runs the entries that [`after_rows`](Definitions::after_rows) left over.
    pub(super) fn run(
        &self,
        connection: &mut Connection,
        entries: &[Entry],
        control: &Control<'_>,
    ) -> Result<()> {
        entries.iter().try_for_each(|entry| self.runner.run(connection, entry, control))
    }
}

/// The definitions that need rows, sorted.
pub(super) struct Later {
    jobs: Jobs,
    /// What the backup says of the database itself.
    of_database: Vec<Entry>,
    /// The tables whose statistics are gathered, as they are called here.
    analyzed: Vec<QualifiedName>,
    /// What each table of the backup is called here, and its rows.
    expected: BTreeMap<ObjectName, (QualifiedName, Count)>,
}

/// Bytes of rows from which on indexes are made as soon as those are there; smaller tables can wait.
const LARGE: u64 = 1 << 20;

impl Later {
    /// Takes note of how many rows a table of the backup has by now, and makes what can be made.
    pub(super) fn came(
        &self,
        table: &ObjectName,
        count: Count,
        pool: &Pool,
        control: &Control<'_>,
    ) -> Result<()> {
        let Some((here, _)) = self.expected.get(table).filter(|(_, expected)| expected.rows == count.rows)
        else {
            return Ok(());
        };
        self.jobs.loaded(here.clone());
        if count.bytes < LARGE { Ok(()) } else { self.jobs.run_ready(pool, control) }
    }
}

/// What is left to do when all that needs rows is there.
#[derive(Default)]
pub(super) struct Rest {
    /// What the backup says of the database itself.
    pub(super) of_database: Vec<Entry>,
    /// The tables whose statistics were gathered, as they are called here.
    pub(super) analyzed: BTreeSet<ObjectName>,
}

/// Joins texts, which are gone afterwards.
fn take(texts: &mut Texts) -> Result<String> {
    let bytes: Vec<u8> = std::mem::take(texts).into_values().flatten().collect();
    String::from_utf8(bytes).map_err(|_| {
        Error::new(ErrorKind::Unsupported, "the definitions are not UTF-8")
            .hint("convert the script with iconv first, or restore it with psql")
    })
}

/// Only settings stand before the first entry of a dump.
fn is_setting(statement: &str) -> bool {
    statement.starts_with("SET ") || statement.starts_with("SELECT pg_catalog.set_config(")
}
