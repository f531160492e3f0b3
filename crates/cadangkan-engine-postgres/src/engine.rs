use cadangkan_core::{Control, Leftover, ObjectReport, Result, Selection};
use cadangkan_engine::{
    DatabaseInfo, Descriptor, DumpPlan, DumpRequest, Engine, Load, LoadPlan, LoadRequest, Location,
    ServerInfo, Snapshot,
};

use crate::config::Config;
use crate::descriptor::POSTGRES;
use crate::dump::{self, PostgresSnapshot};
use crate::view::{open, supported};
use crate::{fingerprint, load, probe};

/// One database of a server.
pub(crate) struct PostgresEngine {
    config: Config,
}

impl PostgresEngine {
    pub(crate) fn new(config: Config) -> Self {
        PostgresEngine { config }
    }

    fn explained<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| self.config.explain(error))
    }
}

impl Engine for PostgresEngine {
    fn descriptor(&self) -> &'static Descriptor {
        &POSTGRES
    }

    fn location(&self) -> Location {
        // Without an environment that can be read, what was given is all there is to show.
        self.config.resolve().map_or_else(
            |_| Location {
                host: self.config.given.host.clone(),
                port: self.config.given.port,
                database: self.config.given.database.clone().unwrap_or_default(),
            },
            |target| Location {
                host: Some(target.host().to_owned()),
                port: Some(target.port()),
                database: target.database().to_owned(),
            },
        )
    }

    fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        let look = || {
            let mut connection = open(&self.config.target()?, control)?;
            supported(connection.server_version())?;
            Ok(probe::look(&mut connection, control)?.server)
        };
        self.explained(look())
    }

    fn scan(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
        let look = || {
            let mut connection = open(&self.config.target()?, control)?;
            supported(connection.server_version())?;
            probe::databases(&mut connection, control)
        };
        self.explained(look())
    }

    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
        self.explained(dump::plan(&self.config, request, control))
    }

    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let snapshot = self.explained(PostgresSnapshot::begin(&self.config, request, control))?;
        Ok(Box::new(snapshot))
    }

    fn plan_load(&self, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
        self.explained(load::plan(&self.config, request, control))
    }

    fn begin_load(&self, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
        self.explained(load::begin(&self.config, plan, control))
    }

    fn fingerprint(&self, selection: &Selection, control: &Control<'_>) -> Result<Vec<ObjectReport>> {
        let target = self.config.target()?;
        self.explained(fingerprint::tables(&target, selection, self.config.jobs, control))
    }

    fn leftovers(&self, control: &Control<'_>) -> Result<Vec<Leftover>> {
        self.explained(load::leftovers(&self.config, control))
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.explained(load::discard(&self.config, leftover))
    }
}
