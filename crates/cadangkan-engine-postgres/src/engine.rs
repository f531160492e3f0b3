use cadangkan_core::{Control, Error, ErrorKind, Leftover, ObjectReport, Result, Selection};
use cadangkan_engine::{
    Descriptor, DumpPlan, DumpRequest, Engine, Load, LoadPlan, LoadRequest, Location, Scan, Server,
    ServerInfo, Snapshot,
};
use cadangkan_pgwire::Ports;

use crate::config::Config;
use crate::descriptor::POSTGRES;
use crate::dump::{self, PostgresSnapshot};
use crate::server::PostgresServer;
use crate::view::{open, supported};
use crate::{fingerprint, load, probe};

/// One database of a server, or a whole server.
pub(crate) struct PostgresEngine {
    config: Config,
    whole: Option<PostgresServer>,
}

impl PostgresEngine {
    pub(crate) fn new(config: Config) -> Self {
        let whole = PostgresServer::of(&config);
        PostgresEngine { config, whole }
    }

    /// The settings, for what is about one database.
    fn single(&self) -> Result<&Config> {
        match self.whole {
            None => Ok(&self.config),
            Some(_) => Err(Error::new(ErrorKind::Usage, "this is a whole server, not one database")
                .context("at", self.location())
                .hint("name one of its databases")),
        }
    }

    /// What stands for the name of a database where there are many.
    fn database_shown(&self) -> Option<String> {
        self.config.whole.as_ref().map(ToString::to_string)
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
                port: self.config.given.port.as_ref().and_then(Ports::first),
                database: self
                    .database_shown()
                    .or_else(|| self.config.given.database.clone())
                    .unwrap_or_default(),
            },
            |target| Location {
                host: Some(target.host().into_owned()),
                port: Some(target.port()),
                database: self.database_shown().unwrap_or_else(|| target.database().to_owned()),
            },
        )
    }

    fn server(&self) -> Option<&dyn Server> {
        self.whole.as_ref().map(|server| server as &dyn Server)
    }

    fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        let look = || {
            if let Some(server) = &self.whole {
                return server.probe(control);
            }
            let mut connection = open(&self.config.target()?, control)?;
            supported(connection.server_version())?;
            Ok(probe::look(&mut connection, control)?.server)
        };
        self.explained(look())
    }

    fn scan(&self, control: &Control<'_>) -> Result<Scan> {
        let look = || {
            let mut connection = open(&self.config.target()?, control)?;
            supported(connection.server_version())?;
            probe::scan(&mut connection, control)
        };
        self.explained(look())
    }

    fn sessions_at_work(&self, control: &Control<'_>) -> Result<u64> {
        let look = || probe::sessions_at_work(&mut open(&self.config.target()?, control)?, control);
        self.explained(look())
    }

    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
        self.explained(dump::plan(self.single()?, request, control))
    }

    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let snapshot = self.explained(PostgresSnapshot::begin(self.single()?, request, control))?;
        Ok(Box::new(snapshot))
    }

    fn plan_load(&self, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
        self.explained(load::plan(self.single()?, request, control))
    }

    fn begin_load(&self, plan: &LoadPlan, control: &Control<'_>) -> Result<Box<dyn Load>> {
        self.explained(load::begin(self.single()?, plan, control))
    }

    fn fingerprint(&self, selection: &Selection, control: &Control<'_>) -> Result<Vec<ObjectReport>> {
        let target = self.single()?.target()?;
        self.explained(fingerprint::tables(&target, selection, self.config.jobs, control))
    }

    fn leftovers(&self, control: &Control<'_>) -> Result<Vec<Leftover>> {
        self.explained(load::leftovers(&self.config, control))
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.explained(load::discard(&self.config, leftover))
    }
}
