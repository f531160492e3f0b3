//! One dump: a view, definitions by `pg_dump` on the same snapshot, rows by COPY.

mod definitions;
mod globals;
mod large_objects;
mod plan;
mod properties;
mod readable;
mod rows;
mod sequences;
mod units;

use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::{DumpRequest, FrameSink, Snapshot, SnapshotEnd, SnapshotStart, Unit, UnitReport};
use serde_json::json;

use crate::config::Config;
use crate::probe;
use crate::tools;
use crate::view::{Asked, View};
use definitions::Definitions;
pub(crate) use plan::{plan, with_encoding};
pub(crate) use rows::copy_to;
pub(crate) use units::{Work, works};

/// How long `pg_dump` waits for a lock at first, and in the end. Only who waits for us can be in its way, so waiting
/// longer brings nothing; but very many tables take their time, also when all are free.
const PATIENCE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

/// A snapshot of one database.
pub(crate) struct PostgresSnapshot {
    view: View,
    /// Keeps the way to the server open.
    _config: Config,
    start: SnapshotStart,
    units: Vec<Unit>,
    works: Vec<Work>,
    definitions: Definitions,
    globals: Vec<Vec<u8>>,
    jobs: usize,
    checksum_failures: Option<u64>,
    check: bool,
}

impl PostgresSnapshot {
    /// Opens the view, finds out what there is to dump, and reads the definitions.
    ///
    /// Who waits to alter a table may come between our lock and that of `pg_dump`, which then waits for us: we let
    /// go of everything, so that nobody is held up, and begin again until `lock_timeout` is over.
    pub(crate) fn begin(config: &Config, request: &DumpRequest, control: &Control<'_>) -> Result<Self> {
        let began = Instant::now();
        let (mut patience, longest) = PATIENCE;
        loop {
            match Self::try_begin(config, request, patience.min(config.lock_timeout), control) {
                Err(error) if tools::is_locked_out(&error) && began.elapsed() < config.lock_timeout => {}
                result => return result,
            }
            patience = (patience * 5 / 4).min(longest);
        }
    }

    fn try_begin(
        config: &Config,
        request: &DumpRequest,
        patience: Duration,
        control: &Control<'_>,
    ) -> Result<Self> {
        let target = config.target()?;
        let target = plan::with_encoding(&target, control)?;
        let selection = &request.selection;
        let asked = Asked {
            selection,
            lock_timeout: config.lock_timeout,
            row_security: request.options.row_security,
        };
        let view = View::begin(&target, &asked, control)?;
        let facts = view.coordinate(|connection| probe::look(connection, control))?;
        let unread =
            view.coordinate(|connection| readable::look(connection, &view.tables, request, control))?;
        plan::check(unread)?;

        let tool = tools::find("pg_dump", view.version / 10_000, config.pg_bin.as_deref())?;
        let asked = definitions::Asked {
            target: &target,
            tool: &tool,
            snapshot: view.snapshot(),
            lock_timeout: patience,
            utf8: facts.utf8,
        };
        let hidden = view.coordinate(|connection| readable::hidden(connection, selection, control))?;
        let mut definitions = Definitions::begin(&asked, &hidden, selection, view.version, control)?;
        let warnings = definitions.warnings();

        let has_objects = view.coordinate(|connection| large_objects::any(connection, selection, control))?;
        if has_objects && tool.major >= large_objects::LEFT_TO_US {
            let more = view.coordinate(|connection| large_objects::definitions(connection, control))?;
            definitions.add_before_rows(more);
        }
        let sequences = view.coordinate(|connection| sequences::any(connection, selection, control))?;
        let globals = if request.options.globals {
            view.coordinate(|connection| globals::script(connection, control))?
        } else {
            Vec::new()
        };
        definitions
            .add_last(view.coordinate(|connection| properties::script(connection, selection, control))?);
        let (units, works) = units::list(&units::Contents {
            tables: &view.tables,
            selection,
            version: view.version,
            globals: !globals.is_empty(),
            sequences,
            large_objects: has_objects,
        });

        let mut attributes = facts.attributes;
        let roles = view.coordinate(|connection| probe::names(connection, probe::ROLES, control))?;
        let owners = view.coordinate(|connection| probe::names(connection, probe::OWNERS, control))?;
        let tablespaces = view.coordinate(|connection| probe::tablespaces(connection, control))?;
        attributes.insert("roles".to_owned(), roles);
        attributes.insert("owners".to_owned(), owners);
        attributes.insert("tablespaces".to_owned(), tablespaces);
        attributes.insert("globals".to_owned(), json!(request.options.globals));
        let checksum_failures =
            view.coordinate(|connection| readable::checksum_failures(connection, control))?;
        let wanted = |work: &Work| work.bytes(&view.tables);
        let start = SnapshotStart {
            server: facts.server,
            position: facts.position,
            attributes,
            estimated_bytes: Some(works.iter().map(wanted).sum()),
            side_files: Vec::new(),
            tool_versions: vec![("pg_dump".to_owned(), tool.version)],
            warnings,
        };
        Ok(PostgresSnapshot {
            view,
            _config: config.clone(),
            start,
            units,
            works,
            definitions,
            globals,
            jobs: config.jobs,
            checksum_failures,
            check: request.check,
        })
    }

    fn send(
        &self,
        unit: &Unit,
        first_part: u64,
        texts: &[Vec<u8>],
        sink: &dyn FrameSink,
    ) -> Result<UnitReport> {
        definitions::send(unit, first_part, texts, sink)?;
        Ok(UnitReport::default())
    }
}

impl Snapshot for PostgresSnapshot {
    fn start(&self) -> &SnapshotStart {
        &self.start
    }

    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn connections(&self) -> usize {
        self.jobs
    }

    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, control: &Control<'_>) -> Result<UnitReport> {
        let work = self
            .works
            .get(unit.number)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a unit of another snapshot was asked for"))?;
        match work {
            Work::Header => self.send(unit, 0, self.definitions.header(), sink),
            Work::Globals => self.send(unit, 0, &self.globals, sink),
            Work::PreData => self.send(unit, 1, self.definitions.pre_data(), sink),
            Work::Rows { table, range } => {
                let table = self.view.tables.get(*table).ok_or_else(|| {
                    Error::new(ErrorKind::Internal, "a unit names a table that is not in the view")
                })?;
                self.view.read_table(table, control, |connection| {
                    rows::dump(connection, table, *range, sink, control)
                })
            }
            Work::Sequences => self.view.read(control, |connection| {
                let texts = sequences::script(connection, self.definitions.selection(), control)?;
                self.send(unit, 0, &texts, sink)
            }),
            Work::LargeObjects => {
                self.view.read(control, |connection| large_objects::dump(connection, unit, sink, control))
            }
            Work::PostData => {
                let first = 1 + self.definitions.pre_data().len() as u64;
                self.send(unit, first, self.definitions.post_data(), sink)
            }
        }
    }

    fn end(self: Box<Self>, control: &Control<'_>) -> Result<SnapshotEnd> {
        let before = self.checksum_failures;
        let after = self.view.coordinate(|connection| readable::checksum_failures(connection, control))?;
        if before.is_some() && after > before {
            return Err(Error::new(
                ErrorKind::DamagedSource,
                "the server met damaged pages while it was read",
            )
            .hint("look into the server's log for \"page verification failed\", and check the disk"));
        }
        self.view.end(control)?;
        let what = if before.is_some() { "the server's page checksums" } else { "reading every row" };
        let check = self.check.then(|| what.to_owned());
        Ok(SnapshotEnd { check, ..SnapshotEnd::default() })
    }
}
