//! A whole server as one configured database.

use cadangkan_core::{Control, Result};
use cadangkan_engine::{DatabaseInfo, Databases, DumpRequest, Engine, Server, ServerInfo, ServerSnapshot};
use cadangkan_mywire::Connection;

use crate::config::Config;
use crate::dump::MysqlServerSnapshot;
use crate::engine::MysqlEngine;
use crate::probe;
use crate::session::open;

/// A server with the databases that are meant.
pub(crate) struct MysqlServer {
    config: Config,
    meant: Databases,
}

impl MysqlServer {
    /// The server that settings stand for, when they are not those of a single database.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        config.whole.as_ref().map(|meant| MysqlServer { config: config.clone(), meant: meant.clone() })
    }

    /// Says what the server is, and how many databases are meant.
    pub(crate) fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        let mut connection = self.connect(control)?;
        let all = probe::databases(&mut connection, control)?;
        let names: Vec<_> = all.iter().map(|database| database.name.clone()).collect();
        // A new server may be there to be restored into: nothing is misspelt while it has no databases at all.
        let meant = if names.is_empty() { names } else { self.meant.pick(&names)? };
        let mut info = probe::server(&mut connection, control)?;
        let sizes = all.iter().filter(|database| meant.contains(&database.name));
        info.size_bytes = sizes.map(|database| database.size_bytes).sum();
        info.facts.insert(0, ("databases".to_owned(), meant.len().to_string()));
        Ok(info)
    }

    fn connect(&self, control: &Control<'_>) -> Result<Connection> {
        open(&self.config.target()?.with_database(None), control)
    }
}

impl Server for MysqlServer {
    fn meant(&self) -> &Databases {
        &self.meant
    }

    fn names(&self, control: &Control<'_>) -> Result<Vec<String>> {
        let list = || probe::names(&mut self.connect(control)?, control);
        list().map_err(|error| self.config.explain(error))
    }

    fn sizes(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
        let list = || probe::databases(&mut self.connect(control)?, control);
        list().map_err(|error| self.config.explain(error))
    }

    fn database(&self, name: &str) -> Box<dyn Engine> {
        Box::new(MysqlEngine::new(self.config.single(name)))
    }

    fn begin_snapshot(
        &self,
        databases: &[(String, DumpRequest)],
        control: &Control<'_>,
    ) -> Result<Option<Box<dyn ServerSnapshot>>> {
        let begun = MysqlServerSnapshot::begin(&self.config, databases, control);
        Ok(Some(Box::new(begun.map_err(|error| self.config.explain(error))?)))
    }
}
