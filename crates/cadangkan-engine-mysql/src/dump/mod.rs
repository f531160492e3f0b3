//! One dump: a view, definitions as the server gives them, rows as literals.

mod aside;
mod deferred;
mod definitions;
mod entries;
mod events;
mod gate;
mod members;
mod own_name;
mod plan;
mod position;
mod readable;
mod rest;
mod routines;
mod rows;
mod sequences;
mod server;
mod shows;
mod triggers;
mod units;
mod users;
mod values;
mod views;

use cadangkan_core::{Control, Error, ErrorKind, Result, Selection};
use cadangkan_engine::{
    DumpRequest, FrameSink, Snapshot, SnapshotEnd, SnapshotStart, Unit, UnitReport, Users,
};
use cadangkan_mywire::Target;

use crate::config::Config;
use crate::probe;
use crate::session::open;
use crate::view::{Asked, View, Writers};
use aside::Aside;
use definitions::Definitions;
use gate::Gate;
use plan::refuse;
pub(crate) use plan::{no_database, plan};
use rest::Part;
pub(crate) use rows::Reading;
pub(crate) use server::MysqlServerSnapshot;
use units::Work;
pub(crate) use units::{Rows, ranges};

/// A snapshot of one database.
pub(crate) struct MysqlSnapshot {
    view: View,
    /// Keeps the way to the server open.
    config: Config,
    start: SnapshotStart,
    units: Vec<Unit>,
    works: Vec<Work>,
    definitions: Definitions,
    trailer: Vec<Vec<u8>>,
    /// Where it is a part of a script of several databases.
    part: Option<Part>,
    /// Opens once sequences stand in the archive, since tables may need them.
    sequences: Gate,
    check: bool,
}

impl MysqlSnapshot {
    /// Opens a view of the one database that is configured.
    pub(crate) fn begin(config: &Config, request: &DumpRequest, control: &Control<'_>) -> Result<Self> {
        refuse(request)?;
        let target = config.target()?;
        let name = target.database().ok_or_else(no_database)?;
        let databases = &[(name, &request.selection)];
        let view = View::begin(&asked(config, &target, databases), control)?;
        MysqlSnapshot::of(view, config, &Aside::new(target), request, None, control)
    }

    /// Finds out what there is to dump, and reads the definitions that are not tables'.
    fn of(
        mut view: View,
        config: &Config,
        aside: &Aside,
        request: &DumpRequest,
        part: Option<Part>,
        control: &Control<'_>,
    ) -> Result<Self> {
        let selection = &request.selection;
        let (schema, relations) = (&view.schema, &view.relations);
        let (facts, unread, definitions, trailer) = view.coordinate(|connection| {
            let facts = probe::look(connection, schema, relations.size, control)?;
            let unread = readable::look(connection, schema, relations, selection, control)?;
            let definitions =
                Definitions::begin(connection, schema, relations, selection, &facts, part.as_ref(), control)?;
            Ok((facts, unread, definitions, definitions::trailer(connection)))
        })?;
        let denied: Vec<_> = unread.denied.into_iter().chain(definitions.denied.iter().cloned()).collect();
        readable::check(&denied)?;
        let beside = beside(&view, config, aside, request, part.as_ref(), control)?;
        let rows = ranges(&view, selection, control)?;
        view.expect_locked(rows.iter().filter(|rows| rows.is_locked(&view)).count());
        let estimated_bytes = Some(rows.iter().map(Rows::bytes).sum());
        let (units, works) = units::list(&view, selection, rows, part.is_some());
        let mut warnings = std::mem::take(&mut view.warnings);
        warnings.extend(aside.target.warnings().iter().cloned());
        warnings.extend(unread.warnings);
        warnings.extend(definitions.warnings.iter().cloned());
        warnings.extend(about_tables(&view));
        warnings.extend(beside.iter().flat_map(|found| found.warnings.clone()));
        let start = SnapshotStart {
            server: facts.server,
            position: view.position.clone(),
            attributes: facts.attributes,
            estimated_bytes,
            side_files: beside.into_iter().filter_map(|found| found.file).collect(),
            tool_versions: Vec::new(),
            warnings,
        };
        let sequences = Gate::new(selection.data_only || view.relations.sequences.is_empty());
        Ok(MysqlSnapshot {
            view,
            config: config.clone(),
            start,
            units,
            works,
            definitions,
            trailer: vec![trailer],
            part,
            sequences,
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

/// Finds what lies beside the archive: accounts, and the position. Of several databases it is found once for all.
fn beside(
    view: &View,
    config: &Config,
    aside: &Aside,
    request: &DumpRequest,
    part: Option<&Part>,
    control: &Control<'_>,
) -> Result<Vec<users::Found>> {
    let wish = users::wish(request);
    let definers = match wish {
        Users::Excluded => Default::default(),
        _ => view.coordinate(|held| users::definers(held, &view.schema, control))?,
    };
    let (schemas, definers) = match part {
        None => (vec![view.schema.clone()], definers),
        Some(part) => {
            part.rest.keep_concerned(view.schema.clone(), definers);
            if !part.is_last {
                return Ok(Vec::new());
            }
            part.rest.concerned()
        }
    };
    let mut found = Vec::new();
    if wish != Users::Excluded {
        let scope = users::Scope { schemas: &schemas, definers: &definers, of_many: config.of_many };
        found.push(aside.users(view, &scope, wish, control)?);
    }
    if request.options.capture_position {
        found.push(position::side_file(&view.position, &users::named(&schemas), &view.version));
    }
    Ok(found)
}

fn asked<'a>(config: &Config, target: &'a Target, databases: &'a [(&'a str, &'a Selection)]) -> Asked<'a> {
    let (lock_timeout, jobs) = (config.lock_timeout, config.jobs);
    Asked { target, databases, lock_timeout, jobs, writers: Writers::Others }
}

/// What a person should know of some tables.
fn about_tables(view: &View) -> Vec<String> {
    let mut warnings = Vec::new();
    let lost: Vec<_> = view
        .relations
        .tables
        .iter()
        .filter(|table| table.versioned && !units::keeps_history(table, &view.version))
        .map(|table| table.name.to_string())
        .collect();
    if !lost.is_empty() {
        warnings.push(format!(
            "of system-versioned tables only the present rows are kept, not their history (it can be put back from MariaDB 10.11 on, and where times mark it): {}",
            lost.join(", ")
        ));
    }
    let elsewhere: Vec<_> = view
        .relations
        .tables
        .iter()
        .filter(|table| !table.has_rows() && !table.engine.eq_ignore_ascii_case("BLACKHOLE"))
        .map(|table| table.name.to_string())
        .collect();
    if !elsewhere.is_empty() {
        warnings.push(format!(
            "tables whose rows lie in other tables or on other servers are kept without rows: {}",
            elsewhere.join(", ")
        ));
    }
    warnings
}

impl Snapshot for MysqlSnapshot {
    fn start(&self) -> &SnapshotStart {
        &self.start
    }

    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn connections(&self) -> usize {
        self.view.width()
    }

    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, control: &Control<'_>) -> Result<UnitReport> {
        let wrong = || Error::new(ErrorKind::Internal, "a unit of another snapshot was asked for");
        match self.works.get(unit.number).ok_or_else(wrong)? {
            Work::Header => self.send(unit, 0, &self.definitions.header, sink),
            Work::Trailer => self.send(unit, 0, &self.trailer, sink),
            Work::Sequences => {
                let _opens = self.sequences.opener();
                self.send(unit, 0, &self.definitions.sequences, sink)
            }
            Work::Table(place) => {
                let table = self.view.relations.tables.get(*place).ok_or_else(wrong)?;
                let schema = &self.view.schema;
                let text = self.view.read_table(table, control, |connection| {
                    definitions::table(connection, schema, table, control)
                })?;
                let text = members::whole(text, table, control, || open(&self.config.target()?, control))?;
                self.sequences.wait(control)?;
                self.send(unit, 0, &[text], sink)
            }
            Work::Rows(rows) => {
                let table = rows.table(&self.view)?;
                let report = self.view.read_table(table, control, |connection| {
                    rows::dump(connection, table, rows.part(), sink, control)
                })?;
                if rows.is_locked(&self.view) {
                    self.view.locked_unit_is_done();
                }
                Ok(report)
            }
            Work::PostData => {
                let names = &self.view.relations.sequences;
                let values = || self.view.read(|connection| sequences::values(connection, names, control));
                let deferred = &self.definitions.deferred;
                if let Some(Part { rest, .. }) = &self.part {
                    rest.keep(&self.view.schema.name, deferred, values()?);
                    rest.keep_trailer(&self.trailer.concat());
                    return Ok(UnitReport::default());
                }
                let texts = deferred.texts();
                self.send(unit, 0, &texts, sink)?;
                self.send(unit, texts.len() as u64, &values()?, sink)
            }
        }
    }

    fn end(self: Box<Self>, control: &Control<'_>) -> Result<SnapshotEnd> {
        let measured = self.view.end(control)?;
        let check = self.check.then(|| "reading every row".to_owned());
        Ok(SnapshotEnd { check, measured, ..SnapshotEnd::default() })
    }
}
