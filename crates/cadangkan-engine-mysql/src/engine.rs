use cadangkan_core::{Control, Error, ErrorKind, Leftover, ObjectReport, Result, Selection};
use cadangkan_engine::{
    Descriptor, DumpPlan, DumpRequest, Engine, Load, LoadPlan, LoadRequest, Location, Scan, Server,
    ServerInfo, Snapshot,
};

use crate::catalog::Schema;
use crate::config::Config;
use crate::descriptor::MYSQL;
use crate::dump::{self, MysqlSnapshot};
use crate::server::MysqlServer;
use crate::session::open;
use crate::view::Writers;
use crate::{fingerprint, load, probe, scan};

/// One database of a server, or a whole server.
pub(crate) struct MysqlEngine {
    config: Config,
    whole: Option<MysqlServer>,
}

impl MysqlEngine {
    pub(crate) fn new(config: Config) -> Self {
        let whole = MysqlServer::of(&config);
        MysqlEngine { config, whole }
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

impl Engine for MysqlEngine {
    fn descriptor(&self) -> &'static Descriptor {
        &MYSQL
    }

    fn location(&self) -> Location {
        let given = || self.config.given.database.clone().unwrap_or_default();
        // Without an environment that can be read, what was given is all there is to show.
        self.config.resolve().map_or_else(
            |_| Location {
                host: self.config.given.host.clone(),
                port: self.config.given.port,
                database: self.database_shown().unwrap_or_else(given),
            },
            |target| Location {
                host: Some(match target.socket() {
                    Some(socket) => socket.display().to_string(),
                    None => target.host().to_owned(),
                }),
                port: target.socket().is_none().then(|| target.port()),
                database: self
                    .database_shown()
                    .unwrap_or_else(|| target.database().unwrap_or_default().to_owned()),
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
            let target = self.config.target()?;
            let mut connection = open(&target, control)?;
            let name = target.database().ok_or_else(|| {
                Error::new(ErrorKind::Usage, "no database is named").context("at", self.location()).hint(
                    "name it with --database or at the end of the URL, or a whole server with --databases '*'",
                )
            })?;
            let schema = Schema::of(&mut connection, name, control)?;
            let size = probe::size(&mut connection, &schema, control)?;
            Ok(probe::look(&mut connection, &schema, size, control)?.server)
        };
        self.explained(look())
    }

    fn scan(&self, control: &Control<'_>) -> Result<Scan> {
        let look = || {
            let mut connection = open(&self.config.target()?.with_database(None), control)?;
            scan::look(&mut connection, control)
        };
        self.explained(look())
    }

    fn sessions_at_work(&self, control: &Control<'_>) -> Result<u64> {
        let target = || Ok(self.config.target()?.with_database(None));
        let look = || probe::sessions_at_work(&mut open(&target()?, control)?, control);
        self.explained(look())
    }

    fn plan_dump(&self, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
        self.explained(dump::plan(self.single()?, request, control))
    }

    fn begin_snapshot(&self, request: &DumpRequest, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let snapshot = self.explained(MysqlSnapshot::begin(self.single()?, request, control))?;
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
        self.explained(fingerprint::tables(&target, selection, self.config.jobs, Writers::Others, control))
    }

    fn leftovers(&self, control: &Control<'_>) -> Result<Vec<Leftover>> {
        self.explained(load::leftovers(&self.config, control))
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.explained(load::discard(&self.config, leftover))
    }
}
