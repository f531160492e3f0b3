use cadangkan_core::settings::SettingsError;
use cadangkan_core::{
    Control, Error, ErrorKind, Fingerprint, Leftover, ObjectKind, ObjectReport, Result, Selection,
};
use cadangkan_engine::{
    Capabilities, DatabaseInfo, Descriptor, DumpPlan, DumpRequest, Engine, Layout, Load, LoadPlan,
    LoadRequest, Location, Scan, ServerInfo, SideKind, Snapshot,
};
use serde_json::{Value, json};

use super::load;
use super::snapshot::FakeSnapshot;
use super::{FakeServer, object};

/// What may lie beside an archive of a fake server.
pub(super) const NOTES: SideKind = SideKind { word: "notes", ending: "notes.txt" };

/// The fake engine, for registries of tests. What it opens is a server of its own, filled with 1000 rows.
pub static FAKE: Descriptor = Descriptor {
    id: "fake",
    display_name: "Fake",
    extension: "fake",
    layout: Layout::Statements,
    side_files: &[NOTES],
    fields: &[],
    capabilities: Capabilities {
        dump_selection: true,
        load_selection: true,
        selective_read: true,
        parallel_dump: true,
        many_databases: true,
        combined: false,
        replace: true,
        sessions: false,
    },
    open,
    parse_url: |text| text.starts_with("fake:").then(|| Ok(json!({}))),
    read_client_file: |_, _| None,
    recognizes: |start| start.starts_with(b"CREATE ") || start.starts_with(b"INSERT "),
};

fn open(_settings: &Value) -> Result<Box<dyn Engine>, SettingsError> {
    let server = FakeServer::new();
    server.fill(1, 1000);
    Ok(server.engine())
}

pub(super) struct FakeEngine {
    pub(super) server: FakeServer,
}

impl FakeEngine {
    fn info(&self) -> ServerInfo {
        let tables = self.server.lock().databases.values().map(|tables| tables.len() as u64).sum();
        ServerInfo { version: "1.0".to_owned(), size_bytes: None, tables: Some(tables), facts: Vec::new() }
    }

    /// The selected tables, counted and fingerprinted when wanted.
    fn reports(
        &self,
        selection: &Selection,
        with_rows: bool,
        control: &Control<'_>,
    ) -> Result<Vec<ObjectReport>> {
        let state = self.server.lock();
        let mut reports = Vec::new();
        for (database, tables) in &state.databases {
            for (table, rows) in tables {
                control.check()?;
                let mut report = ObjectReport::new(ObjectKind::TABLE, object(database, table));
                if with_rows {
                    let mut fingerprint = Fingerprint::default();
                    rows.iter().for_each(|row| _ = fingerprint.add_row(row));
                    report.rows = Some(fingerprint.rows());
                    report.fingerprint = Some(fingerprint);
                }
                reports.push(report);
            }
        }
        refuse_unknown(selection, &reports)?;
        reports.retain(|report| selection.has_table(&report.name));
        Ok(reports)
    }
}

/// Fails with `NotFound` when a plain name of a selection is none of the tables.
pub(super) fn refuse_unknown(selection: &Selection, tables: &[ObjectReport]) -> Result<()> {
    let is_known = |pattern: &&cadangkan_core::Pattern| {
        pattern.is_glob() || tables.iter().any(|table| pattern.matches(&table.name.name))
    };
    match selection.tables.iter().chain(&selection.exclude_tables).find(|pattern| !is_known(pattern)) {
        None => Ok(()),
        Some(unknown) => Err(Error::new(ErrorKind::NotFound, format!("there is no table \"{}\"", unknown.0))
            .hint("look at the names again")),
    }
}

impl Engine for FakeEngine {
    fn descriptor(&self) -> &'static Descriptor {
        &FAKE
    }

    fn location(&self) -> Location {
        Location { host: Some("fake.example.com".to_owned()), port: Some(1), database: "*".to_owned() }
    }

    fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        self.server.connect(control)?;
        Ok(self.info())
    }

    fn scan(&self, control: &Control<'_>) -> Result<Scan> {
        self.server.connect(control)?;
        let databases = self.server.databases();
        let info = |(name, tables): (String, super::Tables)| DatabaseInfo {
            name,
            tables: Some(tables.len() as u64),
            ..DatabaseInfo::default()
        };
        let databases = databases.into_iter().map(info).collect();
        Ok(Scan { server: self.info(), databases, ..Scan::default() })
    }

    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
        self.server.connect(control)?;
        let objects = self.reports(&request.selection, false, control)?;
        let side_files = self.server.lock().notes.iter().map(|_| NOTES).collect();
        Ok(DumpPlan { server: self.info(), objects, estimated_bytes: None, side_files, warnings: Vec::new() })
    }

    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        self.server.connect(control)?;
        self.reports(&request.selection, false, control)?;
        Ok(Box::new(FakeSnapshot::begin(&self.server, request, self.info())))
    }

    fn plan_load(&self, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
        self.server.connect(control)?;
        load::plan(&self.server, request)
    }

    fn begin_load(&self, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
        self.server.connect(control)?;
        load::begin(&self.server, plan)
    }

    fn fingerprint(&self, selection: &Selection, control: &Control<'_>) -> Result<Vec<ObjectReport>> {
        self.server.connect(control)?;
        self.reports(selection, true, control)
    }

    fn leftovers(&self, control: &Control<'_>) -> Result<Vec<Leftover>> {
        self.server.connect(control)?;
        let kept = self.server.lock().kept.keys().cloned().collect::<Vec<_>>();
        let describe =
            |location| Leftover { location, description: "old databases".to_owned(), size_bytes: 0 };
        Ok(kept.into_iter().map(describe).collect())
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.server.lock().kept.remove(&leftover.location);
        Ok(())
    }
}
