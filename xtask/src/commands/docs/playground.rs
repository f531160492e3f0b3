//! The server that pages may use, left as it was before each page.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::pages::Example;
use crate::process;
use crate::servers::State;

/// The superuser of servers for tests, and its password (CONTRIBUTING.md, Servers).
const USER: (&str, &str) = ("postgres", "pw");

/// Databases and roles; a database is known by its name, as psql quotes it.
const THINGS: &str = "SELECT pg_catalog.format('DATABASE %I', datname) FROM pg_catalog.pg_database
  UNION ALL SELECT pg_catalog.format('ROLE %I', rolname) FROM pg_catalog.pg_roles ORDER BY 1";

/// A running server.
pub(super) struct Playground {
    port: u16,
    programs: PathBuf,
}

/// Tells whether a page needs a server.
pub(super) fn is_needed(examples: &[Example]) -> bool {
    examples.iter().any(|example| words(&example.command).any(|word| word == "psql"))
}

impl Playground {
    /// Finds the first server of a list that has its programs beside it; none without a list.
    pub(super) fn find(state: Option<&Path>) -> Result<Option<Self>> {
        let Some(folder) = state.and_then(Path::parent) else { return Ok(None) };
        let servers = State::read(folder)?.servers.into_iter().filter(|server| server.port != 0);
        let mut usable = servers.filter_map(|server| Some((server.port, server.bin?)));
        Ok(usable.next().map(|(port, programs)| Playground { port, programs }))
    }

    /// Where its `psql` and `pg_dump` are.
    pub(super) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Lets a command find the server, and be its superuser.
    pub(super) fn apply(&self, command: &mut Command) {
        command.env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string());
        command.env("PGUSER", USER.0).env("PGPASSWORD", USER.1);
    }

    /// Begins a page: what it makes is dropped when the value is.
    pub(super) fn visit(&self, examples: &[Example]) -> Result<Visit<'_>> {
        let named = examples.iter().flat_map(|example| words(&example.command)).map(str::to_owned).collect();
        Ok(Visit { server: self, named, before: self.things()? })
    }

    fn things(&self) -> Result<BTreeSet<String>> {
        Ok(self.psql(THINGS)?.lines().map(str::to_owned).collect())
    }

    fn psql(&self, sql: &str) -> Result<String> {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]);
        self.apply(&mut command);
        process::capture(&mut command)
    }
}

/// A page that runs.
pub(super) struct Visit<'a> {
    server: &'a Playground,
    named: BTreeSet<String>,
    before: BTreeSet<String>,
}

impl Visit<'_> {
    /// Drops what was not there before and what the page names: others may use the server at the same time.
    fn clean(&self) -> Result<()> {
        let now = self.server.things()?;
        let made = now.difference(&self.before).filter(|thing| is_named(thing, &self.named));
        let mut failures = Vec::new();
        // Databases come before roles, whose things may be in them.
        for thing in made {
            let force = if thing.starts_with("DATABASE") { " WITH (FORCE)" } else { "" };
            if let Err(error) = self.server.psql(&format!("DROP {thing}{force}")) {
                failures.push(format!("{thing}: {error:#}"));
            }
        }
        if failures.is_empty() { Ok(()) } else { bail!("{}", failures.join("; ")) }
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.clean().context("cannot drop what a page of the documentation made") {
            eprintln!("{error:#}");
        }
    }
}

/// Tells whether a page has the name of a thing, or the name of the database that a restore made it from.
fn is_named(thing: &str, named: &BTreeSet<String>) -> bool {
    let name = thing.split_once(' ').map_or(thing, |(_, name)| name);
    let of_restore = ["_before_", "_restore_"].iter().find_map(|mark| name.split_once(mark));
    named.contains(name) || of_restore.is_some_and(|(of, _)| named.contains(of))
}

fn words(command: &str) -> impl Iterator<Item = &str> {
    command.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(command: &str) -> Example {
        Example { command: command.to_owned(), ..Example::default() }
    }

    #[test]
    fn a_page_that_calls_psql_needs_a_server() {
        assert!(is_needed(&[example("ls"), example("zstd -dc a.zst | psql -d b")]));
        assert!(!is_needed(&[example("ls psqlrc"), example("cadangkan list")]));
    }

    #[test]
    fn only_what_the_page_names_is_dropped() {
        let named = words("cadangkan restore shop --to postgres:///copy").map(str::to_owned).collect();
        for mine in
            ["DATABASE shop", "ROLE copy", "DATABASE shop_before_20260115_143022", "DATABASE copy_restore_0a"]
        {
            assert!(is_named(mine, &named), "{mine}");
        }
        for other in ["DATABASE cadangkan_test_1", "ROLE sho", "DATABASE other_before_1", "DATABASE shop_2"] {
            assert!(!is_named(other, &named), "{other}");
        }
    }

    #[test]
    fn without_a_list_there_is_no_server() {
        assert!(Playground::find(None).unwrap().is_none());
    }
}
