//! A whole server as one configured database.

use cadangkan_core::settings::SettingsError;
use cadangkan_core::{Control, Error, ErrorKind, Pattern, Result};
use cadangkan_engine::{DumpRequest, Engine, Server, ServerInfo, ServerSnapshot};
use cadangkan_mywire::Connection;
use serde::Deserialize;

use crate::config::{Config, mistake};
use crate::dump::MysqlServerSnapshot;
use crate::engine::MysqlEngine;
use crate::probe;
use crate::session::open;

/// Which databases of a server are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Databases {
    taken: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

/// Names and globs: a list, or a text with commas between them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "names and globs are needed: a list, or a text with commas between them")]
pub(crate) enum Names {
    Text(String),
    List(Vec<String>),
}

impl Names {
    fn patterns(self, key: &str) -> Result<Vec<Pattern>, SettingsError> {
        let names: Vec<String> = match self {
            Names::Text(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
            // A name in a list may have commas and spaces.
            Names::List(names) => names,
        };
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(mistake(key, "a name is empty; `*` stands for all databases"));
        }
        Ok(names.into_iter().map(Pattern).collect())
    }
}

impl Databases {
    /// Reads `databases` and `exclude_databases`; `None` for a single database.
    pub(crate) fn read(
        taken: Option<Names>,
        left_out: Option<Names>,
    ) -> Result<Option<Databases>, SettingsError> {
        let left_out = left_out.map(|names| names.patterns("exclude_databases")).transpose()?;
        match taken {
            None if left_out.is_some() => {
                Err(mistake("exclude_databases", "it leaves out some of `databases`, which is not set"))
            }
            None => Ok(None),
            Some(names) => {
                let taken = names.patterns("databases")?;
                Ok(Some(Databases { taken, left_out: left_out.unwrap_or_default() }))
            }
        }
    }

    /// Tells whether a database is meant.
    pub(crate) fn means(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        any(&self.taken) && !any(&self.left_out)
    }

    /// Picks those that are meant out of all; fails when a plain name is missing, or none is left.
    fn pick(&self, all: Vec<String>) -> Result<Vec<String>> {
        let is_there = |pattern: &&Pattern| pattern.is_glob() || all.iter().any(|name| pattern.matches(name));
        if let Some(missing) = self.taken.iter().find(|pattern| !is_there(pattern)) {
            return Err(Error::new(ErrorKind::NotFound, "the server has no such database to back up")
                .context("database", missing.0.escape_debug())
                .hint("the server's own databases are never meant, nor those that this user may not see; `databases` takes globs for what may be missing"));
        }
        let picked: Vec<_> = all.into_iter().filter(|name| self.means(name)).collect();
        if picked.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no database of the server is meant")
                .context("databases", self)
                .hint("look at `databases` and `exclude_databases`"));
        }
        Ok(picked)
    }
}

/// As on the command line, without what is left out: `app,shop_*`.
impl std::fmt::Display for Databases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.taken.iter().map(|pattern| pattern.0.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

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
        let meant = self.meant.pick(all.iter().map(|database| database.name.clone()).collect())?;
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
    fn databases(&self, control: &Control<'_>) -> Result<Vec<String>> {
        let list = || self.meant.pick(probe::names(&mut self.connect(control)?, control)?);
        list().map_err(|error| self.config.explain(error))
    }

    fn means(&self, name: &str) -> bool {
        self.meant.means(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(taken: &str, left_out: Option<&str>) -> Databases {
        let text = |text: &str| Names::Text(text.to_owned());
        Databases::read(Some(text(taken)), left_out.map(text)).unwrap().unwrap()
    }

    fn pick(databases: &Databases, all: &[&str]) -> Result<Vec<String>> {
        databases.pick(all.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn names_and_globs_take_and_leave() {
        let all = ["app", "a,b", "other", "tmp_1", "tmp_2"];
        assert_eq!(pick(&databases("*", None), &all).unwrap(), all);
        assert_eq!(pick(&databases("*", Some("tmp_*, other")), &all).unwrap(), ["app", "a,b"]);
        assert_eq!(pick(&databases("app,tmp_?,none_*", None), &all).unwrap(), ["app", "tmp_1", "tmp_2"]);
        let list = Databases::read(Some(Names::List(vec!["a,b".to_owned()])), None).unwrap().unwrap();
        assert_eq!(pick(&list, &all).unwrap(), ["a,b"]);
    }

    #[test]
    fn a_name_that_is_missing_and_an_empty_list_fail() {
        for (taken, left_out) in [("app,gone", None), ("none_*", None), ("*", Some("*"))] {
            let error = pick(&databases(taken, left_out), &["app"]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{taken}: {error}");
        }
        // What is left out may be gone.
        assert!(pick(&databases("*", Some("gone")), &["app"]).is_ok());
    }

    #[test]
    fn mistakes_name_their_key() {
        let text = |text: &str| Some(Names::Text(text.to_owned()));
        let wrong = |taken, left_out| Databases::read(taken, left_out).unwrap_err().path;
        assert_eq!(wrong(text("a,,b"), None), ["databases"]);
        assert_eq!(wrong(Some(Names::List(Vec::new())), None), ["databases"]);
        assert_eq!(wrong(text("*"), text("")), ["exclude_databases"]);
        assert_eq!(wrong(None, text("tmp_*")), ["exclude_databases"]);
        assert_eq!(Databases::read(None, None), Ok(None));
    }
}
