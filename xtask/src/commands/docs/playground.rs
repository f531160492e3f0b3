//! The servers that pages may use, left as they were before each page.

mod kind;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::pages::Example;
use crate::process;
use crate::servers::State;
use crate::servers::mysql::Flavor;
pub(super) use kind::Kind;

/// A running server.
pub(super) struct Playground {
    kind: Kind,
    port: u16,
    programs: PathBuf,
}

/// Tells which server a page needs: the one whose client it calls.
pub(super) fn needed(examples: &[Example]) -> Option<Kind> {
    let calls = |kind: &Kind| {
        examples.iter().any(|example| words(&example.command).any(|word| word == kind.client()))
    };
    Kind::ALL.into_iter().find(calls)
}

impl Playground {
    /// Finds the first server of each kind in a list that has its programs beside it; none without a list.
    pub(super) fn find(state: Option<&Path>) -> Result<Vec<Self>> {
        let Some(folder) = state.and_then(Path::parent) else { return Ok(Vec::new()) };
        let state = State::read(folder)?;
        let postgres = state.servers.into_iter().filter(|server| server.port != 0);
        let mut postgres =
            postgres.filter_map(|server| Some(Playground::new(Kind::Postgres, server.port, server.bin?)));
        let mariadb = state
            .mysql
            .into_iter()
            .filter(|server| server.port != 0 && matches!(server.flavor, Flavor::Mariadb));
        let mut mariadb = mariadb.map(|server| Playground::new(Kind::Mariadb, server.port, server.bin));
        Ok(postgres.next().into_iter().chain(mariadb.next()).collect())
    }

    fn new(kind: Kind, port: u16, programs: PathBuf) -> Self {
        Playground { kind, port, programs }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Where its client and its dump program are.
    pub(super) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Lets a command find the server, and be its superuser.
    pub(super) fn apply(&self, command: &mut Command) {
        self.kind.apply(self.port, command);
    }

    /// Begins a page: what it makes is dropped when the value is; `home` is its home folder.
    pub(super) fn visit(&self, examples: &[Example], home: &Path) -> Result<Visit<'_>> {
        self.kind.prepare(self.port, home)?;
        let named = examples.iter().flat_map(|example| words(&example.command)).map(str::to_owned).collect();
        Ok(Visit { server: self, named, before: self.things()? })
    }

    /// Databases and users, each as its sort and its name.
    fn things(&self) -> Result<BTreeSet<String>> {
        Ok(self.run(self.kind.things())?.lines().map(str::to_owned).collect())
    }

    fn run(&self, sql: &str) -> Result<String> {
        let mut command = self.kind.statement(&self.programs, sql);
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
            if let Err(error) = self.server.run(&self.server.kind.drop_statement(thing)) {
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
    // A user of MariaDB has its host behind the name.
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let of_restore = ["_before_", "_restore_", "_cadangkan_"].iter().find_map(|mark| name.split_once(mark));
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
    fn a_page_needs_the_server_whose_client_it_calls() {
        let needed_by =
            |commands: &[&str]| needed(&commands.iter().map(|one| example(one)).collect::<Vec<_>>());
        assert_eq!(needed_by(&["ls", "zstd -dc a.zst | psql -d b"]), Some(Kind::Postgres));
        assert_eq!(needed_by(&["mariadb shop < shop.sql"]), Some(Kind::Mariadb));
        assert_eq!(needed_by(&["ls psqlrc", "cadangkan list"]), None);
    }

    #[test]
    fn only_what_the_page_names_is_dropped() {
        let named = words("cadangkan restore shop --to postgres:///copy").map(str::to_owned).collect();
        for mine in [
            "DATABASE shop",
            "ROLE copy",
            "DATABASE shop_before_20260115_143022",
            "DATABASE copy_restore_0a",
            "DATABASE shop_cadangkan_20260115_143022",
            "USER copy@%",
        ] {
            assert!(is_named(mine, &named), "{mine}");
        }
        for other in ["DATABASE cadangkan_test_1", "ROLE sho", "DATABASE other_before_1", "DATABASE shop_2"] {
            assert!(!is_named(other, &named), "{other}");
        }
    }

    #[test]
    fn without_a_list_there_is_no_server() {
        assert!(Playground::find(None).unwrap().is_empty());
    }
}
