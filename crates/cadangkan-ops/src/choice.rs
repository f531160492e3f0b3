//! Which databases of a server a backup takes, this once.

use cadangkan_core::{Control, Error, ErrorKind, Pattern, Result};
use cadangkan_engine::{Databases, Server};

/// A choice among the databases of a server. Without wishes it is what the server's settings mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// All of them, whatever the settings mean.
    pub all: bool,
    /// Those of these names, whatever the settings mean.
    pub databases: Vec<Pattern>,
    /// Endings of the names of databases that are taken along with a single one that is named.
    pub companions: Vec<String>,
    /// Primary databases alone, or secondary ones.
    pub side: Option<Side>,
    /// How the names of secondary databases end, but for the ending of a companion.
    pub secondary_suffix: String,
    /// None of these names.
    pub exclude: Vec<Pattern>,
    /// None without tables.
    pub exclude_empty: bool,
    /// Just these, which a person picked from a list.
    pub exact: Option<Vec<String>>,
}

/// One of two kinds of databases, told apart by the endings of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Without the ending.
    Primary,
    /// With the ending.
    Secondary,
}

impl Choice {
    /// Lists what is chosen at this moment, in order of the names.
    ///
    /// Fails with `NotFound` when a plain name is none of the server's, and when nothing is left, and with `Unsupported`
    /// where a server does not say which databases are empty.
    pub fn choose(&self, server: &dyn Server, control: &Control<'_>) -> Result<Vec<String>> {
        if let Some(exact) = &self.exact {
            return Ok(exact.clone());
        }
        self.choose_among(&server.names(control)?, server, control)
    }

    /// Those of `all`, the names of all databases, that are chosen where no person picked them.
    pub fn choose_among(
        &self,
        all: &[String],
        server: &dyn Server,
        control: &Control<'_>,
    ) -> Result<Vec<String>> {
        let mut chosen = if !self.databases.is_empty() {
            self.named(all)?
        } else if self.all {
            all.to_vec()
        } else {
            server.meant().pick(all)?
        };
        chosen.retain(|name| self.is_on_side(name) && !matches(&self.exclude, name));
        if self.exclude_empty && !chosen.is_empty() {
            let full = with_tables(server, control)?;
            chosen.retain(|name| full.contains(name));
        }
        if chosen.is_empty() { Err(self.nothing_left(all.len())) } else { Ok(chosen) }
    }

    /// Those of `all` that go along with one that is named alone.
    pub fn companions_of(&self, name: &str, all: &[String]) -> Vec<String> {
        let companions = self.companions.iter().map(|ending| format!("{name}{ending}"));
        companions.filter(|companion| companion != name && all.contains(companion)).collect()
    }

    /// Those that are named, and the companions of a single one.
    fn named(&self, all: &[String]) -> Result<Vec<String>> {
        let mut named = Databases::of(self.databases.clone()).pick(all)?;
        if let [single] = self.databases.as_slice()
            && !single.is_glob()
        {
            named.extend(self.companions_of(&single.0, all));
            named.sort();
            named.dedup();
        }
        Ok(named)
    }

    fn is_on_side(&self, name: &str) -> bool {
        let Some(side) = self.side else { return true };
        // The companion of a secondary database is secondary too.
        let endings = self.companions.iter().filter(|ending| !ending.is_empty());
        let stem = endings.filter_map(|ending| name.strip_suffix(ending.as_str())).next().unwrap_or(name);
        let is_secondary = stem.ends_with(&self.secondary_suffix) || name.ends_with(&self.secondary_suffix);
        is_secondary == (side == Side::Secondary)
    }

    fn nothing_left(&self, all: usize) -> Error {
        let filters = [
            (!self.databases.is_empty(), "--databases"),
            (self.side == Some(Side::Primary), "--primary"),
            (self.side == Some(Side::Secondary), "--secondary"),
            (!self.exclude.is_empty(), "--exclude-db"),
            (self.exclude_empty, "--exclude-empty"),
        ];
        let filters: Vec<_> = filters.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
        let loosen = match filters.as_slice() {
            [] => "make one, or look whether this user may see it".to_owned(),
            filters => format!("loosen {}, or the settings of these names", filters.join(", ")),
        };
        Error::new(ErrorKind::NotFound, "no database is left to back up")
            .context("databases on the server", all)
            .hint(format!("{loosen}; `cadangkan scan` lists what there is"))
    }
}

fn matches(patterns: &[Pattern], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// Lists the databases that have tables.
fn with_tables(server: &dyn Server, control: &Control<'_>) -> Result<Vec<String>> {
    let mut full = Vec::new();
    for database in server.sizes(control)? {
        let tables = database.tables.ok_or_else(|| {
            Error::new(ErrorKind::Unsupported, "this server does not say which databases are empty")
                .hint("leave --exclude-empty out, and name them with --exclude-db")
        })?;
        if tables > 0 {
            full.push(database.name);
        }
    }
    Ok(full)
}
