use cadangkan_core::{Control, Leftover, ObjectReport, Result, Selection};
use cadangkan_engine::{
    Descriptor, DumpPlan, DumpRequest, Engine, Load, LoadPlan, LoadRequest, Location, ServerInfo, Snapshot,
};

use crate::connect::{OrCancelled, Reader, Recovery, open_reading, retry_busy};
use crate::descriptor::{Config, SQLITE};
use crate::errors::explain;
use crate::snapshot::{SqliteSnapshot, describe, refuse_wishes};
use crate::{inspect, leftovers, load};

/// One database file.
pub(crate) struct SqliteEngine {
    config: Config,
}

impl SqliteEngine {
    pub(crate) fn new(config: Config) -> Self {
        SqliteEngine { config }
    }

    /// Runs `look` inside one read transaction.
    fn reading<T>(&self, control: &Control<'_>, look: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        let reader = open_reading(&self.config, Recovery::Allowed, control)?;
        let begin = || reader.connection.execute_batch("BEGIN");
        let result = retry_busy(self.config.busy_timeout, control.cancel, begin)
            .map_err(|error| explain(error, "begin to read", &reader.path).or_cancelled(control))
            .and_then(|()| look(&reader));
        reader.close();
        result
    }
}

impl Engine for SqliteEngine {
    fn descriptor(&self) -> &'static Descriptor {
        &SQLITE
    }

    fn location(&self) -> Location {
        Location { database: self.config.path.display().to_string(), ..Location::default() }
    }

    fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        self.reading(control, |reader| Ok(describe(&reader.connection, &reader.path)?.0.server))
    }

    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
        refuse_wishes(request)?;
        self.reading(control, |reader| {
            let (start, _) = describe(&reader.connection, &reader.path)?;
            let objects =
                inspect::reports(&reader.connection, &reader.path, &request.selection, false, control)?;
            Ok(DumpPlan {
                server: start.server,
                objects,
                estimated_bytes: start.estimated_bytes,
                side_files: Vec::new(),
                warnings: start.warnings,
            })
        })
    }

    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(SqliteSnapshot::begin(&self.config, request, control)?))
    }

    fn plan_load(&self, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
        load::plan(&self.config, request, control)
    }

    fn begin_load(&self, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
        load::begin(&self.config, plan, control)
    }

    fn fingerprint(&self, selection: &Selection, control: &Control<'_>) -> Result<Vec<ObjectReport>> {
        self.reading(control, |reader| {
            inspect::reports(&reader.connection, &reader.path, selection, true, control)
        })
    }

    fn leftovers(&self, _control: &Control<'_>) -> Result<Vec<Leftover>> {
        leftovers::list(&self.config.path)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        leftovers::discard(&self.config.path, leftover)
    }
}
