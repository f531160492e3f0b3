//! Which databases of a server are meant, by their names.

use std::fmt;

use cadangkan_core::settings::{SettingsError, mistake};
use cadangkan_core::{Error, ErrorKind, Pattern, Result};
use serde::Deserialize;

/// Which databases of a server are meant: the settings `databases` and `exclude_databases`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    taken: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

/// Names and globs: a list, or a text with commas between them.
#[derive(Deserialize)]
#[serde(untagged, expecting = "names and globs are needed: a list, or a text with commas between them")]
pub enum Names {
    /// The names in one text.
    Text(String),
    /// Each name by itself.
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
    /// Takes the databases of these names, and none else.
    pub fn of(taken: Vec<Pattern>) -> Self {
        Databases { taken, left_out: Vec::new() }
    }

    /// Reads `databases` and `exclude_databases`; `None` for a single database.
    pub fn read(taken: Option<Names>, left_out: Option<Names>) -> Result<Option<Databases>, SettingsError> {
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
    pub fn means(&self, name: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        any(&self.taken) && !any(&self.left_out)
    }

    /// Tells whether a database is meant whose name is spelled as [`str::escape_debug`] does, which leaves globs as
    /// they are.
    pub fn means_spelled(&self, name: &str) -> bool {
        let spell = |patterns: &[Pattern]| -> Vec<Pattern> {
            patterns.iter().map(|pattern| Pattern(pattern.0.escape_debug().to_string())).collect()
        };
        Databases { taken: spell(&self.taken), left_out: spell(&self.left_out) }.means(name)
    }

    /// Picks those that are meant out of all; fails with `NotFound` when a plain name is missing, or none is left.
    pub fn pick(&self, all: &[String]) -> Result<Vec<String>> {
        let is_there = |pattern: &&Pattern| pattern.is_glob() || all.iter().any(|name| pattern.matches(name));
        if let Some(missing) = self.taken.iter().find(|pattern| !is_there(pattern)) {
            return Err(Error::new(ErrorKind::NotFound, "the server has no such database to back up")
                .context("database", missing.0.escape_debug())
                .hint("the server's own databases and templates are never meant, nor those that this user may not see; a glob stands for what may be missing"));
        }
        let picked: Vec<_> = all.iter().filter(|name| self.means(name)).cloned().collect();
        if picked.is_empty() {
            return Err(Error::new(ErrorKind::NotFound, "no database of the server is meant")
                .context("databases", self)
                .hint("look at `databases` and `exclude_databases`; `cadangkan scan` lists what there is"));
        }
        Ok(picked)
    }
}

/// As on the command line, without what is left out: `app,shop_*`.
impl fmt::Display for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.taken.iter().map(|pattern| pattern.0.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests;
