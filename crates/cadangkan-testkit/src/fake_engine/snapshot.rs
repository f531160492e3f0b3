use std::collections::BTreeMap;

use cadangkan_core::{Control, Frame, ObjectKind, ObjectName, Result, Section};
use cadangkan_engine::{
    DumpRequest, FrameBuilder, FrameSink, FrameSizes, SideFile, Snapshot, SnapshotEnd, SnapshotStart, Unit,
    UnitReport,
};
use serde_json::json;

use super::engine::NOTES;
use super::text::row_line;
use super::{FakeServer, Fault, Rows, Tables, injected, object};

/// Small frames, so that little data gives many.
const SIZES: FrameSizes = FrameSizes { min: 4_000, max: 32_000 };

pub(super) struct FakeSnapshot {
    server: FakeServer,
    databases: BTreeMap<String, Tables>,
    start: SnapshotStart,
    units: Vec<Unit>,
    request: DumpRequest,
}

impl FakeSnapshot {
    pub(super) fn begin(
        server: &FakeServer,
        request: &DumpRequest,
        info: cadangkan_engine::ServerInfo,
    ) -> Self {
        let state = server.lock();
        let databases = state.databases.clone();
        let mut start = SnapshotStart { server: info, ..SnapshotStart::default() };
        start.position.insert("change".to_owned(), json!(state.changes));
        start.tool_versions.push(("fake".to_owned(), "1.0".to_owned()));
        let side = state.notes.iter().map(|notes| SideFile { kind: NOTES, bytes: notes.clone() });
        start.side_files.extend(side);
        let mut units = Vec::new();
        if !request.selection.data_only {
            let name = ObjectName::new("definitions");
            units.push(Unit {
                number: 0,
                section: Section::PreData,
                object: name,
                kind: ObjectKind::DEFINITIONS,
            });
        }
        for (database, tables) in databases.iter().filter(|_| !request.selection.schema_only) {
            for object in tables.keys().map(|table| object(database, table)) {
                if request.selection.has_table(&object) {
                    let number = units.len();
                    units.push(Unit { number, section: Section::Data, object, kind: ObjectKind::TABLE });
                }
            }
        }
        FakeSnapshot { server: server.clone(), databases, start, units, request: request.clone() }
    }

    fn dump_definitions(&self, unit: &Unit, sink: &dyn FrameSink) -> Result<UnitReport> {
        let mut data = sink.buffer(SIZES.max)?;
        for (database, tables) in &self.databases {
            for table in
                tables.keys().filter(|table| self.request.selection.has_table(&object(database, table)))
            {
                data.extend(format!("CREATE {database} {table}\n").into_bytes());
            }
        }
        if !data.is_empty() {
            sink.send(Frame { section: unit.section, object: unit.object.clone(), part: 0, rows: 0, data })?;
        }
        Ok(UnitReport::default())
    }

    fn dump_rows(
        &self,
        unit: &Unit,
        rows: &Rows,
        sink: &dyn FrameSink,
        control: &Control<'_>,
    ) -> Result<UnitReport> {
        let database = unit.object.database.as_deref().unwrap_or_default();
        let mut frames = FrameBuilder::new(unit.section, unit.object.clone(), SIZES, sink)
            .wrapped(format!("INSERT {database} {}\n", unit.object.name), "END\n");
        for (number, row) in (0..).zip(rows) {
            control.check()?;
            self.meet_fault(number, control)?;
            frames.row_with(&row_line(row), row)?;
        }
        frames.finish()
    }

    fn meet_fault(&self, row: u64, control: &Control<'_>) -> Result<()> {
        let fits =
            |fault: &Fault| matches!(fault, Fault::FailAtRow(at, _) | Fault::BlockAtRow(at) if *at == row);
        match self.server.take_fault(fits) {
            Some(Fault::FailAtRow(_, kind)) => Err(injected(kind)),
            Some(Fault::BlockAtRow(_)) => loop {
                control.check()?;
                std::thread::yield_now();
            },
            _ => Ok(()),
        }
    }
}

impl Snapshot for FakeSnapshot {
    fn start(&self) -> &SnapshotStart {
        &self.start
    }

    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn connections(&self) -> usize {
        3
    }

    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, control: &Control<'_>) -> Result<UnitReport> {
        control.check()?;
        if unit.kind == ObjectKind::DEFINITIONS {
            return self.dump_definitions(unit, sink);
        }
        let database = self.databases.get(unit.object.database.as_deref().unwrap_or_default());
        match database.and_then(|tables| tables.get(&unit.object.name)) {
            Some(rows) => self.dump_rows(unit, rows, sink, control),
            None => Err(injected(cadangkan_core::ErrorKind::Internal)),
        }
    }

    fn end(self: Box<Self>, control: &Control<'_>) -> Result<SnapshotEnd> {
        control.check()?;
        if let Some(Fault::FailAtEnd(kind)) =
            self.server.take_fault(|fault| matches!(fault, Fault::FailAtEnd(_)))
        {
            return Err(injected(kind));
        }
        let check = self.request.check.then(|| "fake check".to_owned());
        Ok(SnapshotEnd { check, ..SnapshotEnd::default() })
    }
}
