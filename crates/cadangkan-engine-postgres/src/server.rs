//! A whole server as one configured database.

use cadangkan_core::{Control, Result};
use cadangkan_engine::{DatabaseInfo, Databases, Engine, Server, ServerInfo};
use cadangkan_pgwire::Connection;

use crate::catalog::Row;
use crate::config::Config;
use crate::engine::PostgresEngine;
use crate::view::{open, supported};
use crate::{load, probe};

/// A server with the databases that are meant.
pub(crate) struct PostgresServer {
    config: Config,
    meant: Databases,
}

impl PostgresServer {
    /// The server that settings stand for, when they are not those of a single database.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        config.whole.as_ref().map(|meant| PostgresServer { config: config.clone(), meant: meant.clone() })
    }

    /// Says what the server is, and how many databases are meant.
    pub(crate) fn probe(&self, control: &Control<'_>) -> Result<ServerInfo> {
        let mut connection = self.connect(control)?;
        let mut info = probe::look(&mut connection, control)?.server;
        let meant = self.meant.pick(&candidates(&mut connection, control)?)?;
        let databases = probe::databases(&mut connection, control)?;
        let sizes = databases.iter().filter(|database| meant.contains(&database.name));
        info.size_bytes = sizes.map(|database| database.size_bytes).sum();
        // Those of the database that was connected to say nothing of the others.
        info.tables = None;
        info.facts.retain(|(label, _)| !matches!(label.as_str(), "encoding" | "collation"));
        info.facts.insert(0, ("databases".to_owned(), meant.len().to_string()));
        Ok(info)
    }

    fn connect(&self, control: &Control<'_>) -> Result<Connection> {
        let connection = open(&self.config.target()?, control)?;
        supported(connection.server_version())?;
        Ok(connection)
    }
}

impl Server for PostgresServer {
    fn meant(&self) -> &Databases {
        &self.meant
    }

    fn names(&self, control: &Control<'_>) -> Result<Vec<String>> {
        let list = || candidates(&mut self.connect(control)?, control);
        list().map_err(|error| self.config.explain(error))
    }

    fn sizes(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
        let list = || probe::databases(&mut self.connect(control)?, control);
        list().map_err(|error| self.config.explain(error))
    }

    fn database(&self, name: &str) -> Box<dyn Engine> {
        Box::new(PostgresEngine::new(self.config.single(name)))
    }
}

/// Lists what can be meant: no templates, no databases that refuse connections, none that a restore made or kept.
fn candidates(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<String>> {
    let sql = "SELECT d.datname, coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), '')
       FROM pg_catalog.pg_database d WHERE d.datallowconn AND NOT d.datistemplate ORDER BY d.datname COLLATE \"C\"";
    let mut names = Vec::new();
    for row in connection.query(sql, control)? {
        let mut row = Row(row.into_iter());
        let (name, comment) = (row.text()?, row.text()?);
        if !load::is_ours(&name, &comment) {
            names.push(name);
        }
    }
    Ok(names)
}
